//! Register words to power and back: type, word order, scale, unit, sign, marks for "no value".
//!
//! The only place of the house where a float is a measurement. Whatever is not a number within all bounds is no data; it
//! never becomes zero, and nothing here panics on any words.

use crate::document::Decimal;
use crate::snapshot::NoData;
use crate::units::Power;

/// No meter of ours shows more than this, either way: 10 GW. Beyond it the words are not what the file says they are.
pub const BOUND: Power = Power::from_watts(10_000_000_000);

/// Largest power of ten a scale register may hold (SunSpec `sunssf`: -10 to 10).
const MAX_SCALE: u16 = 10;

/// How a number lies in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One word, unsigned.
    U16,
    /// One word, two's complement.
    I16,
    /// Two words, unsigned.
    U32,
    /// Two words, two's complement.
    I32,
    /// Four words, unsigned.
    U64,
    /// Four words, two's complement.
    I64,
    /// Two words, IEEE 754.
    F32,
    /// Four words, IEEE 754.
    F64,
}

impl Type {
    /// All types with their names in files.
    pub const NAMES: &'static [(&'static str, Type)] = &[
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f32", Self::F32),
        ("f64", Self::F64),
    ];

    /// How many registers one number takes.
    pub fn words(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// Whether it is a float.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// The integer these bits stand for; a float's bits as they are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    fn integer(self, bits: u64) -> i128 {
        match self {
            Self::I16 => i128::from(bits as u16 as i16),
            Self::I32 => i128::from(bits as u32 as i32),
            Self::I64 => i128::from(bits as i64),
            _ => i128::from(bits),
        }
    }

    /// The bits of this integer, where the type can hold it.
    #[allow(clippy::cast_sign_loss)]
    fn bits(self, integer: i128) -> Option<u64> {
        match self {
            Self::U16 => u16::try_from(integer).ok().map(u64::from),
            Self::U32 => u32::try_from(integer).ok().map(u64::from),
            Self::U64 => u64::try_from(integer).ok(),
            Self::I16 => i16::try_from(integer).ok().map(|n| u64::from(n as u16)),
            Self::I32 => i32::try_from(integer).ok().map(|n| u64::from(n as u32)),
            Self::I64 => i64::try_from(integer).ok().map(|n| n as u64),
            Self::F32 | Self::F64 => None,
        }
    }
}

/// Which word of a number comes first on the wire. Bytes within a word are always high first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordOrder {
    /// High word first: what most manuals call big-endian.
    Big,
    /// Low word first.
    Little,
}

/// What one step of the raw number is in watts, as an exact fraction: `kW` is 1000/1, `0.01 W` is 1/100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Watts.
    pub watts: i64,
    /// For this many steps. Never zero.
    pub steps: i64,
}

impl Factor {
    /// `scale` times this many watts; nothing where that is not a positive number in range.
    pub fn new(scale: Decimal, unit: i64) -> Option<Self> {
        let steps = 10_i64.checked_pow(scale.places)?;
        let watts = scale.mantissa.checked_mul(unit)?;
        (watts > 0).then_some(Self { watts, steps })
    }
}

/// How the number of one point lies in its registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Type of the number.
    pub kind: Type,
    /// Which word comes first.
    pub order: WordOrder,
    /// Watts per step.
    pub factor: Factor,
    /// The sign is turned: the meter shows import as negative.
    pub import_negative: bool,
    /// Raw patterns by which the device says that it has no value.
    pub absent: Vec<u64>,
}

impl Codec {
    /// The power in these words. `scale` is the word of the scale register, where there is one.
    ///
    /// # Errors
    /// [`NoData::NotAvailable`] at one of the device's own marks, [`NoData::NotUnderstood`] for anything that is not a
    /// finite number within [`BOUND`], or the wrong count of words.
    pub fn decode(&self, words: &[u16], scale: Option<i16>) -> Result<Power, NoData> {
        if words.len() != usize::from(self.kind.words()) {
            return Err(NoData::NotUnderstood);
        }
        let bits = self.pack(words);
        if self.absent.contains(&bits) {
            return Err(NoData::NotAvailable);
        }
        let watts = match self.kind {
            Type::F32 => self.of_float(f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0)))),
            Type::F64 => self.of_float(f64::from_bits(bits)),
            _ => self.of_integer(self.kind.integer(bits), scale.unwrap_or(0)),
        };
        let watts = watts.filter(|watts| watts.unsigned_abs() <= BOUND.watts().unsigned_abs());
        watts.map(|watts| self.turned(Power::from_watts(watts))).ok_or(NoData::NotUnderstood)
    }

    /// The words that show this power at this power of ten; nothing where the type cannot hold it, or would say "no value".
    pub fn encode(&self, power: Power, scale: i16) -> Option<Vec<u16>> {
        let watts = self.turned(power).watts();
        let bits = match self.kind {
            Type::F32 => u64::from(self.to_float(watts).1.to_bits()),
            Type::F64 => self.to_float(watts).0.to_bits(),
            _ => {
                let (up, down) = ten(scale)?;
                let steps = i128::from(watts).checked_mul(i128::from(self.factor.steps))?.checked_mul(down)?;
                self.kind.bits(rounded(steps, i128::from(self.factor.watts).checked_mul(up)?)?)?
            }
        };
        (!self.absent.contains(&bits)).then(|| self.unpack(bits))
    }

    /// The words by which such a device says that it has no value: its first mark, or not-a-number.
    pub fn encode_absent(&self) -> Option<Vec<u16>> {
        let bits = match (self.absent.first(), self.kind) {
            (Some(mark), _) => *mark,
            (None, Type::F32) => u64::from(f32::NAN.to_bits()),
            (None, Type::F64) => f64::NAN.to_bits(),
            (None, _) => return None,
        };
        Some(self.unpack(bits))
    }

    fn turned(&self, power: Power) -> Power {
        if self.import_negative { -power } else { power }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn of_float(&self, raw: f64) -> Option<i64> {
        let watts = raw * self.factor.watts as f64 / self.factor.steps as f64;
        (watts.is_finite() && watts.abs() < 1e15).then(|| watts.round() as i64)
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn to_float(&self, watts: i64) -> (f64, f32) {
        let raw = watts as f64 * self.factor.steps as f64 / self.factor.watts as f64;
        (raw, raw as f32)
    }

    fn of_integer(&self, raw: i128, scale: i16) -> Option<i64> {
        let (up, down) = ten(scale)?;
        let watts = raw.checked_mul(i128::from(self.factor.watts))?.checked_mul(up)?;
        i64::try_from(rounded(watts, i128::from(self.factor.steps).checked_mul(down)?)?).ok()
    }

    fn pack(&self, words: &[u16]) -> u64 {
        let high_first = |bits: u64, word: &u16| (bits << 16) | u64::from(*word);
        match self.order {
            WordOrder::Big => words.iter().fold(0, high_first),
            WordOrder::Little => words.iter().rev().fold(0, high_first),
        }
    }

    #[allow(clippy::cast_possible_truncation)]
    fn unpack(&self, bits: u64) -> Vec<u16> {
        let shifts = (0..self.kind.words()).map(|word| 16 * u32::from(word));
        match self.order {
            WordOrder::Little => shifts.map(|shift| (bits >> shift) as u16).collect(),
            WordOrder::Big => shifts.rev().map(|shift| (bits >> shift) as u16).collect(),
        }
    }
}

/// Ten to this power as (multiplier, divisor); nothing out of the range a scale register may have.
fn ten(scale: i16) -> Option<(i128, i128)> {
    if scale.unsigned_abs() > MAX_SCALE {
        return None;
    }
    let power = 10_i128.pow(u32::from(scale.unsigned_abs()));
    Some(if scale < 0 { (1, power) } else { (power, 1) })
}

/// The quotient to the nearest whole, halves away from zero.
fn rounded(of: i128, by: i128) -> Option<i128> {
    let half = by.checked_div(2)?;
    if of < 0 { of.checked_sub(half)? } else { of.checked_add(half)? }.checked_div(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(kind: Type, scale: &str, unit: i64) -> Codec {
        let factor = Factor::new(Decimal::parse(scale).unwrap(), unit).unwrap();
        Codec { kind, order: WordOrder::Big, factor, import_negative: false, absent: Vec::new() }
    }

    #[test]
    fn kilowatts_and_hundredths_of_a_watt_become_whole_watts() {
        assert_eq!(codec(Type::F32, "1", 1_000).decode(&[0x4015, 0x999A], None), Ok(Power::from_watts(2_338)));
        assert_eq!(codec(Type::I32, "0.01", 1).decode(&[0xFFFF, 0xFF9C], None), Ok(Power::from_watts(-1)));
        assert_eq!(codec(Type::U16, "10", 1).encode(Power::from_watts(30), 0), Some(vec![3]));
        assert_eq!(Factor::new(Decimal::parse("-1").unwrap(), 1), None);
    }

    #[test]
    fn low_word_first_is_the_same_number_with_its_words_turned() {
        let mut codec = codec(Type::U32, "1", 1);
        codec.order = WordOrder::Little;
        assert_eq!(codec.decode(&[0x0002, 0x0001], None), Ok(Power::from_watts(0x1_0002)));
        assert_eq!(codec.encode(Power::from_watts(0x1_0002), 0), Some(vec![2, 1]));
    }

    #[test]
    fn what_is_not_a_number_in_bounds_is_no_data() {
        for bits in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
            let words = [(bits.to_bits() >> 16) as u16, bits.to_bits() as u16];
            assert_eq!(codec(Type::F32, "1", 1).decode(&words, None), Err(NoData::NotUnderstood), "{bits}");
        }
        assert_eq!(codec(Type::U64, "1", 1_000_000).decode(&[u16::MAX; 4], None), Err(NoData::NotUnderstood));
        assert_eq!(codec(Type::I16, "1", 1).decode(&[1, 2], None), Err(NoData::NotUnderstood));
        assert_eq!(codec(Type::I16, "1", 1).decode(&[1], Some(11)), Err(NoData::NotUnderstood));
        assert_eq!(codec(Type::I16, "1", 1).decode(&[1], Some(i16::MIN)), Err(NoData::NotUnderstood));
    }

    #[test]
    fn a_meter_that_shows_import_as_negative_is_turned_both_ways() {
        let mut codec = codec(Type::I16, "1", 1);
        codec.import_negative = true;
        assert_eq!(codec.decode(&[0xFFFF], None), Ok(Power::from_watts(1)));
        assert_eq!(codec.encode(Power::from_watts(1), 0), Some(vec![0xFFFF]));
    }

    #[test]
    fn a_value_that_would_read_as_no_value_is_not_encoded() {
        let mut codec = codec(Type::I16, "1", 1);
        codec.absent = vec![0x8000];
        assert_eq!(codec.encode(Power::from_watts(-32_768), 0), None);
        assert_eq!(codec.encode(Power::from_watts(40_000), 0), None);
        assert_eq!(codec.encode(Power::from_watts(40_000), 1), Some(vec![4_000]));
        assert_eq!(codec.encode_absent(), Some(vec![0x8000]));
    }
}
