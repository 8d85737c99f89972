//! `ballast tariff ...`: what a tariff charges, and what one more kilowatt costs. One file per verb.

pub mod referee;
