//! What can be typed behind `ballast drill`.

use std::path::PathBuf;
use std::time::Duration;

use ballast::cli::drill::{Asked, run as conduct};
use ballast::drill::Kind;
use clap::{Args, Subcommand};

use super::span;

#[derive(Args)]
pub(super) struct Drill {
    #[command(subcommand)]
    kind: DrillKind,
}

#[derive(Subcommand)]
enum DrillKind {
    /// From mining to off, by every path of each group: response and proof, against the site file
    Shed(DrillSite),
    /// From off to full draw: first watts, full draw, the steepest rise
    Restore(DrillSite),
    /// Talk to a PDU no more, and see what it does: its watchdog, against the site file
    CommsLoss(DrillSite),
}

#[derive(Args)]
struct DrillSite {
    /// Site file
    site: PathBuf,
    /// Only this group; may be given more than once [default: all, one after the other]
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// How often each path of each group
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    times: u32,
    /// All groups together, and not one after the other
    #[arg(long)]
    all_at_once: bool,
    /// How long miners may take to full draw
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "10min")]
    wait: Duration,
    /// How long a PDU is left alone that has no watchdog (comms-loss)
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "60s")]
    watch: Duration,
    /// Do not ask for the name of the site
    #[arg(long)]
    yes: bool,
    /// Evidence file [default: drill-KIND-SITE-TIME.json in the journal's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder of the journal, that of `ballast run` [default: SITE.journal]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The evidence as JSON on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(drill: Drill) -> u8 {
    let (kind, it) = match drill.kind {
        DrillKind::Shed(it) => (Kind::Shed, it),
        DrillKind::Restore(it) => (Kind::Restore, it),
        DrillKind::CommsLoss(it) => (Kind::CommsLoss, it),
    };
    let DrillSite { site, groups, times, all_at_once, wait, watch, yes, out, journal, json } = it;
    conduct(kind, &Asked { site, groups, times, all_at_once, wait, watch, yes, out, journal, json })
}
