//! What can be typed after `ballast tariff`.

use std::path::PathBuf;

use ballast::cli;
use ballast::time::{Clock, Date, Wall, Zone};
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Tariff {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What one more kilowatt costs at a moment, line by line, and where each number comes from
    At(At),
    /// The ledger of a meter's record, line by line, with the interval that set each demand
    Bill(Bill),
    /// A year at a glance: months and hours as a heat map, and every price
    Show(Show),
    /// What changes from a day on: prices, rules, blocks, seasons, holidays, the clock
    Next(Next),
    /// What differs between two tariffs by the lines of the bill, and the money on a meter
    Diff(Diff),
    /// What a MWh costs, interval by interval, for other programs
    Export(Export),
    /// Lay files out as all of them are: comments, order and meaning stay
    Fmt(Fmt),
    /// Let a tariff take effect that waits because it moves the price far
    Accept(Accept),
    /// What became of the tariff file of a running controller, out of its journal
    History(History),
    /// A rate from elsewhere as a file to finish by hand
    Import(Import),
    /// Bill rates of the US Utility Rate Database in the calendar of its referee: one JSON line a rate, unrounded
    Referee(Referee),
}

#[derive(Args)]
struct Show {
    /// Tariff file
    file: PathBuf,
    /// The year [default: this one]
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(1_900..2_200))]
    year: Option<i32>,
    /// Write the same as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The day it is, by UTC.
pub(crate) fn today() -> Date {
    Zone::UTC.local(Clock::start().now().wall).date
}

#[derive(Args)]
struct Next {
    /// Tariff file
    file: PathBuf,
    /// The first day, as in 2026-12-01 [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: Option<Date>,
    /// How many days
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=3_700))]
    days: u32,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Export {
    /// `openadr`: an OpenADR 3 event; `csv`: a row an interval with every line's share; `json`: the tariff itself
    #[arg(value_parser = ["openadr", "csv", "json"])]
    form: String,
    /// Tariff file
    file: PathBuf,
    /// The first day, as in 2026-12-01 [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: Option<Date>,
    /// How many days
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=367))]
    days: u32,
    /// What feeds said; what an index costs is left out without it
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

#[derive(Args)]
struct Diff {
    /// The tariff that was
    old: PathBuf,
    /// The tariff that is to be
    new: PathBuf,
    /// What a meter measured, to say what the difference costs
    #[arg(long, value_name = "FILE")]
    meter: Option<PathBuf>,
    /// What feeds said
    #[arg(long, value_name = "FILE", requires = "meter")]
    prices: Option<PathBuf>,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "a day as in 2026-12-01".to_owned())
}

#[derive(Args)]
struct Fmt {
    /// Tariff files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing; exit code 1 where a file would change
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct Accept {
    /// SHA-256 of the file, or its first 8 letters or more, as the controller shows it
    hash: String,
    /// The folder of the controller's journal
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
}

#[derive(Args)]
struct History {
    /// The folder of the controller's journal
    journal: PathBuf,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Subcommand)]
enum From {
    /// A rate of the US Utility Rate Database: the file goes to standard output, what is lost to standard error
    Urdb(Urdb),
    /// An invoice as a test inside the tariff file: the table goes to standard output, what differs from the bill to standard error
    Invoice(Invoice),
}

#[derive(Args)]
struct Urdb {
    /// The rate as JSON
    rate: PathBuf,
    /// Whose clock it goes by, as in America/Chicago: the database does not say
    #[arg(long, value_name = "NAME")]
    timezone: Option<String>,
    /// Minutes of a settlement interval [default: 15]
    #[arg(long, value_name = "MINUTES")]
    interval: Option<u16>,
}

#[derive(Args)]
struct Invoice {
    /// Tariff file
    tariff: PathBuf,
    /// The invoice: rows with a name first and an amount last
    invoice: PathBuf,
    /// Its month, as in 2026-08
    #[arg(long, value_name = "MONTH")]
    month: String,
    /// What the meter measured
    #[arg(long, value_name = "FILE")]
    meter: PathBuf,
    /// What feeds said
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
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

#[derive(Args)]
struct At {
    /// Tariff file
    file: PathBuf,
    /// When, with its offset from UTC, as in 2026-08-12T16:50:00-05:00
    #[arg(value_parser = moment)]
    at: Wall,
    /// The load of the site, as in 95MW
    #[arg(long, value_name = "POWER")]
    load: Option<String>,
    /// What a feed says, as in "ercot.rt15.LZ_WEST=61.20 USD/MWh"; the name may be left out where there is one
    #[arg(long = "price", value_name = "FEED=PRICE")]
    prices: Vec<String>,
    /// The demand that the month has already, as in 97.3MW
    #[arg(long, value_name = "POWER")]
    peak: Option<String>,
    /// How likely this interval is a coincident peak, as in "0.9 %" [default: what the file's fall-back says]
    #[arg(long, value_name = "SHARE")]
    coincident: Option<String>,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Bill {
    /// Tariff file
    file: PathBuf,
    /// What the meter measured: `start,kw` or `start,kwh`, and `kvar` where there is one
    meter: PathBuf,
    /// What feeds said: `start,FEED...` in the currency a MWh
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Only this month, as in 2026-08
    #[arg(long, value_name = "MONTH")]
    month: Option<String>,
    /// Only this line, with all that it was reckoned from
    #[arg(long, value_name = "LINE")]
    explain: Option<String>,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<Wall, String> {
    // Seconds may be left out.
    let seconds = text.split_at_checked(16).filter(|(_, zone)| !zone.starts_with(':'));
    let seconds = seconds.map_or_else(|| text.to_owned(), |(minutes, zone)| format!("{minutes}:00{zone}"));
    Wall::parse(&seconds).ok_or_else(|| "a time with its offset from UTC, as in 2026-08-12T16:50:00-05:00".to_owned())
}

pub(crate) fn run(it: Tariff) -> u8 {
    let out = &mut std::io::stdout().lock();
    match it.verb {
        Verb::At(At { file, at, load, prices, peak, coincident, json }) => {
            cli::tariff::at::run(&cli::tariff::at::Asked { file, at, load, prices, peak, coincident, json }, out)
        }
        Verb::Bill(Bill { file, meter, prices, month, explain, json }) => {
            cli::tariff::bill::run(&cli::tariff::bill::Asked { file, meter, prices, month, explain, json }, out)
        }
        Verb::Show(Show { file, year, html }) => {
            let year = year.unwrap_or_else(|| today().year());
            cli::tariff::show::run(&cli::tariff::show::Asked { file, year, html }, out)
        }
        Verb::Next(Next { file, from, days, json }) => {
            let from = from.unwrap_or_else(today);
            cli::tariff::next::run(&cli::tariff::next::Asked { file, from, days, json }, out)
        }
        Verb::Export(Export { form, file, from, days, prices }) => {
            let form = match form.as_str() {
                "openadr" => cli::tariff::export::Form::OpenAdr,
                "csv" => cli::tariff::export::Form::Csv,
                _ => cli::tariff::export::Form::Json,
            };
            let from = from.unwrap_or_else(today);
            cli::tariff::export::run(&cli::tariff::export::Asked { form, file, from, days, prices }, out)
        }
        Verb::Diff(Diff { old, new, meter, prices, json }) => {
            cli::tariff::diff::run(&cli::tariff::diff::Asked { old, new, meter, prices, json }, out)
        }
        Verb::Fmt(Fmt { files, check }) => cli::tariff::fmt::run(&cli::tariff::fmt::Asked { files, check }, out),
        Verb::Accept(Accept { hash, journal }) => {
            cli::tariff::accept::run(&cli::tariff::accept::Asked { hash, journal }, out)
        }
        Verb::History(History { journal, json }) => {
            cli::tariff::history::run(&cli::tariff::history::Asked { journal, json }, out)
        }
        Verb::Import(Import { from: From::Urdb(Urdb { rate, timezone, interval }) }) => {
            cli::tariff::import::run(&cli::tariff::import::Asked { rate, timezone, interval }, out)
        }
        Verb::Import(Import { from: From::Invoice(Invoice { tariff, invoice, month, meter, prices }) }) => {
            let asked = cli::tariff::invoice::Asked { tariff, invoice, month, meter, prices };
            cli::tariff::invoice::run(&asked, out)
        }
        Verb::Referee(Referee { rates, meter, scale }) => {
            let asked = cli::tariff::referee::Asked { rates, meter, scale };
            cli::tariff::referee::run(&asked, out)
        }
    }
}
