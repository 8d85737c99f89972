//! What is fuzzed: one entry for everything that takes bytes, each with seeds of our own. libFuzzer drives them
//! (`integration/fuzz/run`), and so do the ordinary tests with every seed and every input that once found something.
//!
//! An entry returns for any bytes whatever, or panics where a promise is broken. It reads no clock, keeps nothing from one
//! input to the next, and opens no file.

mod files;
mod journal;
mod orders;
mod quantities;
mod recordings;
mod registers;
mod site;
mod tariffs;
mod wires;

/// One thing that takes bytes.
pub(crate) struct Target {
    /// Its name on the command line, and that of its folder in `corpus/`.
    pub(crate) name: &'static str,
    /// Takes any bytes.
    pub(crate) entry: fn(&[u8]),
    /// Small inputs that go far in; written to `corpus/` by the tests when they are asked to.
    pub(crate) seeds: fn() -> Seeds,
    /// The longest input worth trying; short ones are fast.
    pub(crate) longest: usize,
    /// Words that chance would not find.
    pub(crate) words: fn() -> Vec<String>,
}

/// Inputs by the name of their file.
pub(crate) type Seeds = Vec<(String, Vec<u8>)>;

/// All of them.
pub(crate) const ALL: &[Target] = &[
    Target { name: "answer", longest: 300, entry: wires::answer, seeds: wires::answer_seeds, words: no_words },
    Target { name: "request", longest: 600, entry: wires::request, seeds: wires::request_seeds, words: no_words },
    Target { name: "registers", longest: 72, entry: registers::registers, seeds: registers::seeds, words: no_words },
    Target { name: "site", longest: 2048, entry: files::site, seeds: files::site_seeds, words: files::words },
    Target { name: "device", longest: 2048, entry: files::device, seeds: files::device_seeds, words: files::words },
    Target { name: "tariff", longest: 4096, entry: tariffs::tariff, seeds: tariffs::seeds, words: tariffs::words },
    Target { name: "problem", longest: 160, entry: files::problem, seeds: files::problem_seeds, words: files::words },
    Target { name: "recording", longest: 256, entry: recordings::recording, seeds: recordings::seeds, words: no_words },
    Target {
        name: "recovery",
        longest: 8192,
        entry: journal::recovery,
        seeds: journal::recovery_seeds,
        words: journal::words,
    },
    Target { name: "tamper", longest: 64, entry: journal::tamper, seeds: journal::tamper_seeds, words: no_words },
    Target {
        name: "remembered",
        longest: 4096,
        entry: orders::remembered,
        seeds: orders::remembered_seeds,
        words: orders::words,
    },
    Target { name: "action", longest: 256, entry: orders::action, seeds: orders::action_seeds, words: orders::words },
    Target {
        name: "quantity",
        longest: 48,
        entry: quantities::quantity,
        seeds: quantities::seeds,
        words: quantities::words,
    },
];

/// The one of this name.
pub(crate) fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

fn no_words() -> Vec<String> {
    Vec::new()
}

fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.into())
}
