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

/// What a raw number is in watts: so many watts for so many steps, as an exact fraction (`kW` is 1000/1, `0.01 W` is 1/100), from
/// a raw number whose watts are known. For most devices that is zero, and zero watts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Watts. More than zero.
    pub watts: i64,
    /// For this many steps. More than zero.
    pub steps: i64,
    /// The raw number that is known.
    pub from: i64,
    /// Its watts.
    pub is: i64,
}

impl Factor {
    /// `scale` times this many watts; nothing where that is not a positive number in range.
    pub fn new(scale: Decimal, unit: i64) -> Option<Self> {
        let steps = 10_i64.checked_pow(scale.places)?;
        let watts = scale.mantissa.checked_mul(unit)?;
        (watts > 0).then_some(Self { watts, steps, from: 0, is: 0 })
    }

    /// The straight line through two raw numbers and their powers; nothing where it does not rise.
    pub fn through((from, least): (i64, Power), (to, most): (i64, Power)) -> Option<Self> {
        let (steps, watts) = (to.checked_sub(from)?, most.watts().checked_sub(least.watts())?);
        (steps > 0 && watts > 0).then_some(Self { watts, steps, from, is: least.watts() })
    }
}

/// How the number of one point lies in its registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Type of the number.
    pub kind: Type,
    /// Which word comes first.
    pub order: WordOrder,
    /// In each word the low byte comes first, against the protocol.
    pub bytes_swapped: bool,
    /// Watts per step.
    pub factor: Factor,
    /// The sign is turned: the meter shows import as negative.
    pub import_negative: bool,
    /// Raw patterns by which the device says that it has no value.
    pub absent: Vec<u64>,
    /// Raw patterns by which it says that there is more than it can show.
    pub off_scale: Vec<u64>,
}

impl Codec {
    /// The power in these words. `scale` is the word of the scale register, where there is one.
    ///
    /// # Errors
    /// [`NoData::NotAvailable`] and [`NoData::OffScale`] at the device's own marks, [`NoData::NotUnderstood`] for anything that is
    /// not a finite number within [`BOUND`], or the wrong count of words.
    pub fn decode(&self, words: &[u16], scale: Option<i16>) -> Result<Power, NoData> {
        if words.len() != usize::from(self.kind.words()) {
            return Err(NoData::NotUnderstood);
        }
        let bits = self.pack(words);
        if self.absent.contains(&bits) {
            return Err(NoData::NotAvailable);
        }
        if self.off_scale.contains(&bits) {
            return Err(NoData::OffScale);
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
                let above = i128::from(watts).checked_sub(i128::from(self.factor.is))?;
                let steps = above.checked_mul(i128::from(self.factor.steps))?.checked_mul(down)?;
                let steps = rounded(steps, i128::from(self.factor.watts).checked_mul(up)?)?;
                self.kind.bits(steps.checked_add(i128::from(self.factor.from))?)?
            }
        };
        (!self.absent.contains(&bits) && !self.off_scale.contains(&bits)).then(|| self.unpack(bits))
    }

    /// The words by which such a device says why it has no value: its first mark for that, or not-a-number.
    pub fn encode_no_data(&self, why: NoData) -> Option<Vec<u16>> {
        let marks = if why == NoData::OffScale { &self.off_scale } else { &self.absent };
        let bits = match (marks.first(), self.kind) {
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
        let watts = (raw - self.factor.from as f64) * self.factor.watts as f64 / self.factor.steps as f64;
        let watts = watts + self.factor.is as f64;
        (watts.is_finite() && watts.abs() < 1e15).then(|| watts.round() as i64)
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn to_float(&self, watts: i64) -> (f64, f32) {
        let above = (watts - self.factor.is) as f64;
        let raw = above * self.factor.steps as f64 / self.factor.watts as f64 + self.factor.from as f64;
        (raw, raw as f32)
    }

    fn of_integer(&self, raw: i128, scale: i16) -> Option<i64> {
        let (up, down) = ten(scale)?;
        let steps = raw.checked_sub(i128::from(self.factor.from))?;
        let watts = steps.checked_mul(i128::from(self.factor.watts))?.checked_mul(up)?;
        let watts = rounded(watts, i128::from(self.factor.steps).checked_mul(down)?)?;
        i64::try_from(watts.checked_add(i128::from(self.factor.is))?).ok()
    }

    fn pack(&self, words: &[u16]) -> u64 {
        let high_first = |bits: u64, word: &u16| (bits << 16) | u64::from(self.turned_bytes(*word));
        match self.order {
            WordOrder::Big => words.iter().fold(0, high_first),
            WordOrder::Little => words.iter().rev().fold(0, high_first),
        }
    }

    #[allow(clippy::cast_possible_truncation)]
    fn unpack(&self, bits: u64) -> Vec<u16> {
        let shifts = (0..self.kind.words()).map(|word| 16 * u32::from(word));
        match self.order {
            WordOrder::Little => shifts.map(|shift| self.turned_bytes((bits >> shift) as u16)).collect(),
            WordOrder::Big => shifts.rev().map(|shift| self.turned_bytes((bits >> shift) as u16)).collect(),
        }
    }

    fn turned_bytes(&self, word: u16) -> u16 {
        if self.bytes_swapped { word.swap_bytes() } else { word }
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
        Codec {
            kind,
            order: WordOrder::Big,
            bytes_swapped: false,
            factor,
            import_negative: false,
            absent: Vec::new(),
            off_scale: Vec::new(),
        }
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
    fn low_byte_first_is_the_same_number_with_its_bytes_turned() {
        let swapped = Codec { bytes_swapped: true, ..codec(Type::F32, "1", 1) };
        // 2338.25 W is 0x45122400.
        assert_eq!(swapped.decode(&[0x1245, 0x0024], None), Ok(Power::from_watts(2_338)));
        let little = Codec { order: WordOrder::Little, ..swapped };
        assert_eq!(little.decode(&[0x0024, 0x1245], None), Ok(Power::from_watts(2_338)));
        assert_eq!(little.encode(Power::from_watts(2_048), 0), Some(vec![0x0000, 0x0045]));
    }

    #[test]
    fn a_range_of_raw_numbers_is_a_straight_line_through_its_ends() {
        let (least, most) = (Power::from_watts(-108_682_560), Power::from_watts(108_682_560));
        let factor = Factor::through((0, least), (9_999, most)).unwrap();
        let codec = Codec { factor, off_scale: vec![9_999], ..codec(Type::U16, "1", 1) };
        assert_eq!(codec.decode(&[0], None), Ok(least));
        assert_eq!(codec.decode(&[5_000], None), Ok(Power::from_watts(10_869)));
        assert_eq!(codec.decode(&[9_999], None), Err(NoData::OffScale));
        assert_eq!(codec.encode(Power::from_watts(10_869), 0), Some(vec![5_000]));
        assert_eq!(codec.encode(most, 0), None, "what is full scale cannot be told from more");
        assert_eq!(codec.encode_no_data(NoData::OffScale), Some(vec![9_999]));
        assert_eq!(codec.encode_no_data(NoData::NotAvailable), None);
        assert_eq!(Factor::through((0, most), (9_999, least)), None);
        assert_eq!(Factor::through((1, least), (1, most)), None);
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
        assert_eq!(codec.encode_no_data(NoData::NotAvailable), Some(vec![0x8000]));
    }
}
