//! What can be typed after `ballast tariff`.

use std::path::PathBuf;

use ballast::cli;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Tariff {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Bill rates of the US Utility Rate Database in the calendar of its referee: one JSON line a rate, unrounded
    Referee(Referee),
}

#[derive(Args)]
struct Referee {
    /// Rates as JSON, and folders of them
    #[arg(required = true, value_name = "RATE.json|FOLDER")]
    rates: Vec<PathBuf>,
    /// A year of load: kW in its last column, 8,760 or 35,040 rows
    #[arg(long, value_name = "LOAD.csv")]
    meter: PathBuf,
    /// What each row is multiplied with
    #[arg(long, value_name = "X", default_value = "1", allow_negative_numbers = true)]
    scale: String,
}

pub(crate) fn run(it: Tariff) -> u8 {
    match it.verb {
        Verb::Referee(Referee { rates, meter, scale }) => {
            let asked = cli::tariff::referee::Asked { rates, meter, scale };
            cli::tariff::referee::run(&asked, &mut std::io::stdout().lock())
        }
    }
}
