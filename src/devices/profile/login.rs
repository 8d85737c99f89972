//! How a device lets someone in who is to switch it, and who that is.
//!
//! The password never goes over the wire, and never into a log: the device gives random words and gets their digest.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Block;

/// A login by challenge: SHA-256 over the challenge, the MD5 of the user and the MD5 of the password, once on each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The unit that asks, for all behind the same address.
    pub unit_id: u8,
    /// Where the challenge is read.
    pub challenge: Block,
    /// Wire address of the first holding register that the answer is written to: 16 in all.
    pub answer: u16,
}

/// Who logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The registers that answer this challenge: SHA-256 over its bytes, the MD5 of the user and the MD5 of the password.
    pub fn answer(&self, challenge: &[u16]) -> Vec<u16> {
        let mut digest = Sha256::new();
        challenge.iter().for_each(|word| digest.update(word.to_be_bytes()));
        digest.update(Md5::digest(self.user.as_bytes()));
        digest.update(Md5::digest(self.password.as_bytes()));
        let bytes = digest.finalize();
        bytes.chunks(2).map(|pair| pair.iter().fold(0, |word, byte| (word << 8) | u16::from(*byte))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_digest_that_others_compute() {
        // hashlib: sha256(bytes(1..=8) + md5("admin") + md5("secret"))
        let who = Credentials { user: "admin".into(), password: "secret".into() };
        let answer = who.answer(&[0x0102, 0x0304, 0x0506, 0x0708]);
        let hex: String = answer.iter().map(|word| format!("{word:04x}")).collect();
        assert_eq!(hex, "56677fc817383736a8d043fd7af5e95f56adc55cb248eb4d4cd8acbf868293af");
        assert!(!format!("{who:?}").contains("secret"));
    }
}
