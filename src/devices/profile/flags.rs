//! What a protection relay says of itself: that it tripped, and that it would.

use super::file::Base;
use super::{Block, MAX_REGISTERS, Table};
use crate::document::{Code, Form};

/// So many bits [`Flags::decode`] gives.
pub const FLAGS: u32 = 2;
/// The bit of a relay that tripped.
pub const TRIPPED: u64 = 1;
/// The bit of a relay that is armed.
pub const ARMED: u64 = 2;

/// These two as [`Flags::decode`] gives them.
pub fn bits(tripped: bool, armed: bool) -> u64 {
    (if tripped { TRIPPED } else { 0 }) | (if armed { ARMED } else { 0 })
}

/// Where a relay says so: all in one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// The read that brings them.
    pub block: Block,
    tripped: Flag,
    armed: Option<Flag>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flag {
    table: Table,
    address: u16,
    bit: u16,
    when: bool,
}

impl Flags {
    pub(super) fn read(base: Base, root: &Form<'_>) -> Option<Self> {
        let tripped = root.table("tripped").and_then(|form| Flag::read(base, &form));
        let armed = root.optional_table("armed").map(|form| (Flag::read(base, &form), form));
        let (tripped, armed) = match (tripped?, armed) {
            (tripped, None) => return Some(Self { block: tripped.block(tripped.address), tripped, armed: None }),
            (tripped, Some((armed, form))) => (tripped, (armed?, form)),
        };
        let (armed, form) = armed;
        let block = Block { address: tripped.address.min(armed.address), ..tripped.block(armed.address) };
        if armed.table != tripped.table || block.count > MAX_REGISTERS {
            let message = format!("it is to come by one read with [tripped], of {MAX_REGISTERS} at the most");
            form.problem(
                "address",
                Code::Conflict,
                message,
                Some("leave it out where the relay says it elsewhere".into()),
            );
            return None;
        }
        Some(Self { block, tripped, armed: Some(armed) })
    }

    /// What the words of [`Flags::block`] say. One that does not say whether it is armed is taken to be.
    pub fn decode(&self, words: &[u16]) -> Option<u64> {
        let says = |flag: &Flag| {
            let word = words.get(usize::from(flag.address.checked_sub(self.block.address)?))?;
            Some((word >> flag.bit & 1 == 1) == flag.when)
        };
        let tripped = says(&self.tripped)?;
        let armed = self.armed.as_ref().map_or(Some(true), says)?;
        Some(bits(tripped, armed))
    }

    /// The word at this address where it is one of theirs and they are so.
    pub(super) fn word(&self, table: Table, address: u16, are: u64) -> Option<u16> {
        let of = |flag: &Flag, is: bool| {
            let here = (flag.table, flag.address) == (table, address);
            here.then(|| u16::from(is == flag.when) << flag.bit)
        };
        let tripped = of(&self.tripped, are & TRIPPED != 0);
        let armed = self.armed.as_ref().and_then(|flag| of(flag, are & ARMED != 0));
        let between = self.block.covers(table, address, 1).then_some(0);
        tripped.map(|word| word | armed.unwrap_or(0)).or(armed).or(between)
    }
}

impl Flag {
    fn read(base: Base, form: &Form<'_>) -> Option<Self> {
        let table = form.choice("table", Table::NAMES);
        let address = base.wire(form, "address", 1);
        let bit = match table {
            Some(table) if table.is_bits() => Some(0),
            _ => form.within("bit", form.required("bit"), 0..=15),
        };
        let when: Option<u16> = form.within("when", form.or("when", 1), 0..=1);
        Some(Self { table: table?, address: address?, bit: bit?, when: when? == 1 })
    }

    /// From here to there.
    fn block(&self, other: u16) -> Block {
        let count = self.address.abs_diff(other).saturating_add(1);
        Block { table: self.table, address: self.address, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Profile;

    fn relay(rest: &str) -> Result<Profile, String> {
        let head = "kind = \"relay\"\ntitle = \"R\"\nsource = \"a test\"\nunproved = []\nbase = 0\n";
        let text = format!("{head}[connection]\ntimeout = \"1 s\"\ncomms_loss = \"holds\"\n{rest}");
        Profile::parse("r.toml", &text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn bits_and_bits_of_registers_say_whether_it_tripped_and_is_armed() {
        let contacts =
            "[tripped]\ntable = \"discrete\"\naddress = 8\n[armed]\ntable = \"discrete\"\naddress = 5\nwhen = 0\n";
        let flags = relay(contacts).unwrap().flags.unwrap();
        assert_eq!(flags.block, Block { table: Table::Discrete, address: 5, count: 4 });
        assert_eq!(flags.decode(&[0, 0, 0, 0]), Some(ARMED));
        assert_eq!(flags.decode(&[1, 0, 0, 1]), Some(TRIPPED));
        assert_eq!(flags.decode(&[0, 0]), None);
        let words = "[tripped]\ntable = \"holding\"\naddress = 40\nbit = 3\n";
        let flags = relay(words).unwrap().flags.unwrap();
        assert_eq!([flags.decode(&[8]), flags.decode(&[7])], [Some(TRIPPED | ARMED), Some(ARMED)]);
        for are in [0, TRIPPED] {
            let word = flags.word(Table::Holding, 40, are).unwrap();
            assert_eq!(flags.decode(&[word]), Some(are | ARMED));
        }
    }

    #[test]
    fn what_cannot_be_read_at_once_is_told() {
        let apart = "[tripped]\ntable = \"discrete\"\naddress = 8\n[armed]\ntable = \"coils\"\naddress = 9\n";
        assert!(relay(apart).unwrap_err().contains("it is to come by one read with [tripped]"));
        let no_bit = relay("[tripped]\ntable = \"holding\"\naddress = 8\n").unwrap_err();
        assert!(no_bit.contains("bit"), "{no_bit}");
        assert!(relay("").unwrap_err().contains("[tripped]"));
    }
}
