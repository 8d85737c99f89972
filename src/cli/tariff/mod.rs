//! `ballast tariff ...`: what a tariff charges, and what one more kilowatt costs. One file per verb.

pub mod accept;
pub mod at;
pub mod bill;
pub mod diff;
pub mod export;
pub mod files;
pub mod fmt;
pub mod history;
pub mod import;
pub mod invoice;
pub mod next;
pub mod referee;
pub mod show;

/// Prints the schema of tariff files.
pub fn schema(out: &mut dyn std::io::Write) -> u8 {
    let schema = crate::tariff::schema::schema();
    if writeln!(out, "{schema:#}").is_ok() { super::FINE } else { super::COULD_NOT }
}
