//! SunSpec: a device says by itself where its models stand. A chain of them begins with a marker; each says its number and length, so
//! that the next one is found without knowing this one.

use super::{Block, Expect, Point, Profile, ScaleRegister, Table};

/// "SunS".
pub const MARKER: [u16; 2] = [0x5375, 0x6E53];
/// The number that ends the chain.
pub const END: u16 = 0xFFFF;
/// The common model, first in every chain, and how long it mostly is.
const COMMON: [u16; 2] = [1, 66];
/// How long a meter's model is (201 to 204), and where its sums begin: what is not measured is a mark before, and nothing from there on.
const LENGTH: u16 = 105;
const SUMS: u16 = 36;
const NOT_MEASURED: u16 = 0x8000;
/// What the common model says: maker, model, options, version and serial number, with their lengths in words.
const WHO: [(&str, usize); 5] = [("Ballast", 16), ("emulated meter", 16), ("", 8), ("1", 8), ("1", 16)];

/// Where a device's points are to be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SunSpec {
    /// Wire addresses at which the marker may stand.
    pub at: Vec<u16>,
    /// The models that have the points, at the same places each.
    pub models: Vec<u16>,
}

impl Point {
    /// This point of a model that begins at this address; nothing where that is past the last address.
    pub fn placed(&self, model: u16) -> Option<Self> {
        let block = Block { address: self.block.address.checked_add(model)?, ..self.block };
        let addresses = self.addresses.iter().map(|address| address.checked_add(model)).collect::<Option<_>>()?;
        let scale = match self.scale {
            Some(scale) => Some(ScaleRegister { address: scale.address.checked_add(model)?, ..scale }),
            None => None,
        };
        Some(Self { block, addresses, scale, ..self.clone() })
    }
}

impl Profile {
    /// As a device of this type may be built: with its chain of models, where its points are looked for in one.
    pub fn built(&self) -> Self {
        let Some((sunspec, point)) = self.sunspec.as_ref().zip(self.power.as_ref()) else { return self.clone() };
        let (Some(start), Some(number)) = (sunspec.at.first().copied(), sunspec.models.first().copied()) else {
            return self.clone();
        };
        let at = |offset: u16| start.saturating_add(offset);
        let model = at(4 + COMMON[1]);
        let words = |address: u16, words: &[u16]| {
            let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
            Expect { block: Block { table: Table::Holding, address, count }, words: words.to_vec() }
        };
        let common: Vec<u16> =
            COMMON.into_iter().chain(WHO.iter().flat_map(|(text, count)| letters(text, *count))).collect();
        let mut body = vec![number, LENGTH];
        body.extend((0..LENGTH).map(|at| if at < SUMS { NOT_MEASURED } else { 0 }));
        let chain = [
            words(start, &MARKER),
            // The device's own number and a pad end it.
            words(at(2), &[common, vec![1, NOT_MEASURED]].concat()),
            words(model, &body),
            words(model.saturating_add(2 + LENGTH), &[END, 0]),
        ];
        let expect = self.expect.iter().cloned().chain(chain).collect();
        Self { power: point.placed(model), expect, ..self.clone() }
    }
}

/// Letters two to a word, filled up with nothing.
fn letters(text: &str, count: usize) -> Vec<u16> {
    let bytes: Vec<u8> = text.bytes().chain(std::iter::repeat(0)).take(count * 2).collect();
    bytes.chunks(2).map(|pair| pair.iter().fold(0, |word, byte| (word << 8) | u16::from(*byte))).collect()
}
