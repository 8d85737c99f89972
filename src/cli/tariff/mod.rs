//! `ballast tariff ...`: what a tariff charges, and what one more kilowatt costs. One file per verb.

pub mod at;
pub mod bill;
pub mod diff;
pub mod export;
pub mod files;
pub mod import;
pub mod next;
pub mod referee;
pub mod show;
