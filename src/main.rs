//! Arguments only: what can be typed, and which verb it goes to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ballast::cli;
use ballast::time::Wall;
use ballast::units::{Power, Quantity};
use clap::{Args, Parser, Subcommand};

#[path = "main/drill.rs"]
mod drill;
#[path = "main/tariff.rs"]
mod tariff;

/// Grid-aware demand response: miners soak up the power an AI hall does not use, and are gone in time when it does.
#[derive(Parser)]
#[command(name = "ballast", version, propagate_version = true, max_term_width = 100)]
struct Ballast {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// A whole emulated site on real sockets, the controller on it, a screen and a page to watch it; nothing else to install
    Demo(Demo),
    /// Control a real site
    Run(Run),
    /// Only the emulated devices of a site, for other people's controllers too
    Emulate(Emulate),
    /// Check site, device and tariff files: every problem at once, with the line shown
    Check(Check),
    /// Ask every device of a site who it is and what it shows, and compare that with the files; or scan for what there is. Commands nothing
    Probe(Probe),
    /// Prove response times and watchdogs of a real site, with evidence; commands its power
    Drill(drill::Drill),
    /// The same decision on the plant in virtual time: what is absorbed, against two honest baselines
    Simulate(Simulate),
    /// The price of latency: average miner power against path response, from the simulated plant
    Latency(Latency),
    /// Tariffs: what a load costs, and what one more kilowatt costs now
    Tariff(tariff::Tariff),
    /// A JSON Schema of a kind of file, for completion in an editor
    Schema(Schema),
    /// Decide again from a journal: must match to the byte
    Replay(Replay),
    /// The audit log
    Audit(Audit),
}

/// What plays in the hall.
#[derive(Args, Clone)]
struct Hall {
    /// The hall: `inference`, `training`, `day`, or a recorded file (`time_s,pu` CSV, may be .gz)
    #[arg(long, value_name = "KIND|FILE", default_value = "inference")]
    hall: String,
    /// Decides every chance in the plant
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What plays as price.
#[derive(Args, Clone)]
struct Prices {
    /// Recorded prices (`ts_utc,usd_mwh` CSV, may be .gz)
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Where in the recorded prices to start, as in 2023-09-06T22:00:00Z
    #[arg(long, value_name = "TIME", value_parser = wall, requires = "prices")]
    prices_from: Option<Wall>,
    /// How many times as fast as real time prices play [default: 60 in the demo, 1 in a simulation]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    price_speed: Option<u32>,
}

/// What plays in the plant.
fn world(hall: Hall, prices: Option<Prices>) -> cli::World {
    let Hall { hall, seed } = hall;
    let prices = prices.unwrap_or(Prices { prices: None, prices_from: None, price_speed: None });
    let Prices { prices, prices_from, price_speed } = prices;
    cli::World { hall, prices, prices_from, price_speed, seed }
}

/// How a run is watched and how it ends.
#[derive(Args, Clone)]
struct Watch {
    /// No screen in the terminal
    #[arg(long)]
    headless: bool,
    /// End in order after this time, as in 60s
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: Option<Duration>,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
    /// Folder of the journal [default: a new one in the temporary folder for `demo`, SITE.journal for `run`]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Port of the page on 127.0.0.1; 0 takes any, as does one that is taken
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

impl From<Watch> for cli::Watch {
    fn from(watch: Watch) -> Self {
        let Watch { headless, span, json, journal, port } = watch;
        Self { headless, span, json, journal, port }
    }
}

#[derive(Args)]
struct Demo {
    /// Site file; the demo site without it
    site: Option<PathBuf>,
    #[command(flatten)]
    hall: Hall,
    #[command(flatten)]
    prices: Prices,
    #[command(flatten)]
    watch: Watch,
    /// Folder with what emulated devices show by TLS: ca.pem, server.pem, server.key
    #[arg(long, value_name = "DIR")]
    tls_dir: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    /// Site file
    site: PathBuf,
    #[command(flatten)]
    watch: Watch,
    /// Recorded prices to go by (`ts_utc,usd_mwh` CSV); without it the price is lost and the file's fall-back holds
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Decide and journal, but command nothing
    #[arg(long)]
    shadow: bool,
    /// Let miners back that stay off because they drew on when they were to sleep
    #[arg(long)]
    readmit: bool,
}

#[derive(Args)]
struct Emulate {
    /// Site file
    site: PathBuf,
    #[command(flatten)]
    hall: Hall,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: Option<Duration>,
    /// Makes a miner lie or fail, as in `row-1.3=silent` or `row-1.3=late:60 s`; docs/miners.md lists the ways
    #[arg(long = "lie", value_name = "MINER=LIE")]
    lies: Vec<String>,
    /// Folder with what emulated devices show by TLS: ca.pem, server.pem, server.key
    #[arg(long, value_name = "DIR")]
    tls_dir: Option<PathBuf>,
}

#[derive(Args)]
struct Check {
    /// Site, device and tariff files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Take what is not sure in a tariff for a problem, and ask every line of it for its source
    #[arg(long)]
    strict: bool,
    /// The day by which prices of a tariff are out of date, as in 2026-12-01 [default: today]
    #[arg(long, value_name = "DATE", value_parser = tariff::date)]
    on: Option<ballast::time::Date>,
    /// Show the reserve also for this reading of the hall, as in "2.1 MW"
    #[arg(long, value_name = "POWER", value_parser = power)]
    hall: Option<Power>,
    /// Compare with what drills measured, kept in this journal's folder
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Schema {
    /// The kind of file
    #[arg(value_parser = ["tariff"])]
    kind: String,
}

#[derive(Args)]
struct Probe {
    /// Site file
    #[arg(required_unless_present = "scan", conflicts_with = "scan")]
    site: Option<PathBuf>,
    /// Ask these addresses, as 10.0.0.0/24, 10.0.0.1-10.0.0.40 or 10.0.0.1-40:502, of which no file says what stands there
    #[arg(long, value_name = "RANGE", num_args = 1..)]
    scan: Vec<String>,
    /// Ports on which Modbus devices may be, where a range names none
    #[arg(long, value_name = "PORTS", value_delimiter = ',', default_value = "502,5020,802", requires = "scan")]
    ports: Vec<u16>,
    /// Unit ids that are asked at each, as 1-4 or 1,9-20
    #[arg(long, value_name = "UNITS", default_value = "1-4", requires = "scan")]
    units: String,
    /// Propose a corrected site file, or with --scan a first one; never over a file that is there
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Simulate {
    /// Site files; more than one with --seeds
    #[arg(value_name = "SITE", required_unless_present = "more")]
    sites: Vec<PathBuf>,
    /// Another site file
    #[arg(long = "site", value_name = "FILE")]
    more: Vec<PathBuf>,
    #[command(flatten)]
    hall: Hall,
    #[command(flatten)]
    prices: Prices,
    /// How long, in virtual time [default: a recorded hall once, else 1h]
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: Option<Duration>,
    /// What is not scored at the start
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "60s")]
    start_up: Duration,
    /// Faults in every run: these seeds, as in `1..201`, the last not included
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with_all = ["hall", "seed", "prices", "prices_from",
        "price_speed", "span", "start_up"])]
    seeds: Option<std::ops::Range<u64>>,
    /// How many hours each seed runs, in virtual time
    #[arg(long, default_value_t = 1, requires = "seeds")]
    hours: u32,
    /// Which faults: `all`, `none`, or names with commas between
    #[arg(long, value_name = "NAMES", default_value = "all", requires = "seeds")]
    faults: String,
    /// Keep the least that breaks a promise in this folder, one file each
    #[arg(long, value_name = "DIR", requires = "seeds", conflicts_with = "journal")]
    keep: Option<PathBuf>,
    /// Run what was kept again: a file, or a folder of them
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(not(feature = "sabotage"), arg(conflicts_with_all = ["seeds", "hall", "prices", "span"]))]
    again: Option<PathBuf>,
    /// Plant these known bugs, with commas between, or `all`: one after the other, until a promise is broken
    #[cfg(feature = "sabotage")]
    #[arg(long, value_name = "NAMES", hide = true, requires = "seeds")]
    sabotage: Option<String>,
    /// Run the first seed alone, or one kept file, and leave its journal in this folder, for `ballast replay`
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Latency {
    /// Site file
    site: PathBuf,
    /// The hall: `inference`, `training`, `day`, or a recorded file (`time_s,pu` CSV, may be .gz)
    #[arg(long, value_name = "KIND|FILE", default_value = "inference")]
    hall: String,
    /// How long each point runs, in virtual time
    #[arg(long = "for", value_name = "TIME", value_parser = span, default_value = "20min")]
    span: Duration,
    /// How many seeds each point is the mean of
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Also draw the chart into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Replay {
    /// Folder of the journal
    journal: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Audit {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Subcommand)]
enum AuditVerb {
    /// Recompute the tree over every record and compare it with the checkpoint
    Verify(Replay),
}

fn span(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(|error| match error.help() {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    })
}

fn power(text: &str) -> Result<Power, String> {
    Power::parse(text).map_err(|error| match error.help() {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    })
}

fn wall(text: &str) -> Result<Wall, String> {
    Wall::parse(text).ok_or_else(|| format!("`{text}` is not a time such as 2023-09-06T22:00:00Z"))
}

fn main() -> ExitCode {
    let code = match Ballast::parse().verb {
        Verb::Demo(demo) => {
            let world = world(demo.hall, Some(demo.prices));
            cli::demo::run(demo.site.as_deref(), world, demo.watch.into(), demo.tls_dir.as_deref())
        }
        Verb::Run(run) => {
            let manner = cli::run::Manner { shadow: run.shadow, readmit: run.readmit };
            cli::run::run(&run.site, run.watch.into(), run.prices.as_deref(), manner)
        }
        Verb::Emulate(it) => {
            cli::emulate::run(&it.site, world(it.hall, None), it.span, &it.lies, it.tls_dir.as_deref())
        }
        Verb::Check(Check { files, json, strict, on, hall, journal }) => {
            let on = on.unwrap_or_else(tariff::today);
            cli::check_files(&files, cli::check::Ask { json, strict, on, color: true, hall, journal })
        }
        Verb::Probe(it) => probe(it),
        Verb::Drill(it) => drill::run(it),
        Verb::Simulate(it) => simulate(it),
        Verb::Tariff(it) => tariff::run(it),
        Verb::Schema(Schema { .. }) => cli::tariff::schema(&mut std::io::stdout().lock()),
        Verb::Latency(it) => cli::latency::run(&it.site, &it.hall, it.span, it.seeds, it.svg.as_deref(), it.json),
        Verb::Replay(replay) => cli::replay_journal(&replay.journal, replay.json),
        Verb::Audit(Audit { verb: AuditVerb::Verify(verify) }) => cli::audit::run(&verify.journal, verify.json),
    };
    ExitCode::from(code)
}

fn probe(it: Probe) -> u8 {
    let Probe { site, scan: ranges, ports, units, write, json } = it;
    match site {
        Some(site) => cli::probe::run(&site, write.as_deref(), json),
        None => cli::probe::scan::run(&cli::probe::scan::Asked { ranges, ports, units, write, json }),
    }
}

fn simulate(mut it: Simulate) -> u8 {
    it.sites.append(&mut it.more);
    #[cfg(feature = "sabotage")]
    let bug = it.sabotage.take();
    let Simulate { sites, hours, faults, json, journal, keep, again, .. } = it;
    if let Some(seeds) = it.seeds {
        let asked = cli::simulate::swarm::Asked { sites, seeds, hours, faults, json, journal, keep, again };
        #[cfg(feature = "sabotage")]
        if let Some(bug) = bug {
            return cli::simulate::sabotage::run(&asked, &bug);
        }
        return cli::simulate::swarm::run(&asked);
    }
    match (sites.as_slice(), again) {
        ([site], Some(kept)) => cli::simulate::keep::again(site, &kept, journal.as_deref()),
        ([_], None) if journal.is_some() => {
            eprintln!("a journal is left of a run with faults; give --seeds A..B or --again FILE beside it");
            cli::COULD_NOT
        }
        ([site], None) => cli::simulate::run(site, world(it.hall, Some(it.prices)), it.span, it.start_up, json),
        _ => {
            eprintln!("several sites need seeds; give --seeds A..B, or one site file");
            cli::COULD_NOT
        }
    }
}

/// `A..B`, the last not included.
fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
    parsed.filter(|seeds| seeds.start < seeds.end).ok_or_else(|| "give two numbers as in `1..201`".to_owned())
}
