//! What came of a run of many seeds, for people and as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::swarm::{Asked, of_site};
use crate::simulate::blame::Blame;
use crate::simulate::fault::Class;
use crate::simulate::reached::{PAIRS_FROM, STATES_FROM, pairs};
use crate::simulate::together::{Blamed, Case, Never, Together, Worst};
use crate::site::Site;
use crate::units::{Energy, span};

/// What a table tells beside the run itself.
pub(super) struct Told<'a> {
    pub(super) sites: &'a [&'a Site],
    pub(super) never: &'a Never,
    pub(super) took: Duration,
    pub(super) asked: &'a Asked,
}

impl Told<'_> {
    fn case(&self, case: Option<Case>) -> String {
        case.map_or_else(String::new, |case| match self.sites {
            [_] => format!("seed {}", case.seed),
            sites => format!("{} seed {}", of_site(sites, case.site), case.seed),
        })
    }

    /// What a run too short was not asked for; nothing where faults were left out.
    fn too_short(&self) -> Option<String> {
        let hours = |span: Duration| span.as_secs() / 3_600;
        match self.never {
            _ if self.asked.faults != "all" => None,
            Never { states: None, .. } => {
                let (states, pairs) = (hours(STATES_FROM), hours(PAIRS_FROM));
                Some(format!("too short to ask for every class and state ({states} h), or every pair ({pairs} h)"))
            }
            Never { pairs: None, .. } => {
                Some(format!("every class and state was asked for; too short for every pair ({} h)", hours(PAIRS_FROM)))
            }
            Never { .. } => Some("every class, every state and every pair was asked for".to_owned()),
        }
    }
}

fn worst_json<T>(worst: &Worst<T>, told: &Told<'_>, value: impl Fn(&T) -> i64) -> Value {
    let case = worst.case;
    json!({
        "value": value(&worst.value),
        "site": case.map(|case| of_site(told.sites, case.site)), "seed": case.map(|case| case.seed),
    })
}

fn millis(time: &Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn blamed_json(blame: Blame, blamed: &Blamed, told: &Told<'_>) -> Value {
    json!({
        "at_fault": blame.to_string(), "excursions": blamed.excursions, "energy_ws": blamed.energy.joules(),
        "worst_ws": worst_json(&blamed.worst, told, |energy| energy.joules()),
        "highest_w": worst_json(&blamed.highest, told, |power| power.watts()),
        "longest_ms": worst_json(&blamed.longest, told, millis),
    })
}

/// As JSON.
pub(super) fn as_value(all: &Together, told: &Told<'_>) -> Value {
    let faults: Map<String, Value> =
        Class::ALL.iter().map(|class| (class.name().to_owned(), json!(all.faults.get(class).unwrap_or(&0)))).collect();
    let blamed = all.blamed.iter().map(|(blame, blamed)| blamed_json(*blame, blamed, told));
    let broken = all.broken.iter().map(|(case, episode)| {
        let broken = episode.broken.iter().map(ToString::to_string);
        json!({ "site": of_site(told.sites, case.site), "seed": case.seed, "broken": broken.collect::<Vec<_>>() })
    });
    json!({
        "sites": told.sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>(),
        "seeds": all.seeds, "hours": all.span.as_secs() / 3_600, "took_s": told.took.as_secs_f64(),
        "times_real_time": all.span.as_secs_f64() / told.took.as_secs_f64().max(0.001),
        "root": all.root(), "ticks": all.ticks, "starts": all.starts, "calms": all.calms,
        "injected": all.injected(), "faults": faults, "pairs": all.pairs.len(),
        "worst_excess_ws": worst_json(&all.worst_excess, told, |energy| energy.joules()),
        "highest_excess_w": worst_json(&all.highest, told, |power| power.watts()),
        "longest_over_ms": worst_json(&all.longest_over, told, millis),
        "over_the_limit": blamed.collect::<Vec<_>>(),
        "absorbed_of_spare": all.absorbed.share_of(all.spare).map(|share| share.ppm()),
        "switches": all.switches, "units": all.units,
        "asked_for": { "states": told.never.states.is_some(), "pairs": told.never.pairs.is_some() },
        "never_reached": told.never.names(),
        "broken": broken.collect::<Vec<_>>(),
    })
}

/// For people.
pub(super) fn text(all: &Together, told: &Told<'_>) -> String {
    let mut text = head(all, told);
    for three in Class::on_any(told.sites).chunks(3) {
        let cells = three.iter().map(|class| format!("{:<16}{:>8}", class.name(), all.faults.get(class).unwrap_or(&0)));
        text += &format!("  {}\n", cells.collect::<Vec<_>>().join("   "));
    }
    text.push('\n');
    text += &worst(all, told);
    text.push('\n');
    text += &over(all, told);
    text += &format!("\nroot {}\n", all.root());
    if let Some(too_short) = told.too_short() {
        text += &format!("{too_short}\n");
    }
    let never = told.never.names();
    if !never.is_empty() {
        text += &format!("never reached: {}\n", never.join(", "));
    }
    text += &format!("{} of {} seeds broke a promise\n", all.broken.len(), all.seeds);
    text
}

fn head(all: &Together, told: &Told<'_>) -> String {
    let classes = Class::on_any(told.sites);
    let pairs = pairs(told.sites).len();
    let times = all.span.as_millis() / told.took.as_millis().max(1);
    let (site_time, took) = (span(all.span), span(Duration::from_secs(told.took.as_secs().max(1))));
    let names: Vec<&str> = told.sites.iter().map(|site| site.name.as_str()).collect();
    format!(
        "{}: {} seeds, {site_time} of site time in {took}: {times} times real time\n\
         {} ticks, {} starts of the controller, {} calms\n\
         {} faults, each class at least {} times, {} of {pairs} pairs of classes at once\n\n",
        names.join(", "),
        all.seeds,
        all.ticks,
        all.starts,
        all.calms,
        all.injected(),
        classes.iter().map(|class| all.faults.get(class).copied().unwrap_or(0)).min().unwrap_or(0),
        all.pairs.len()
    )
}

fn worst(all: &Together, told: &Told<'_>) -> String {
    let lines = [
        ("miners over the limit, worst seed", kilowatt_seconds(all.worst_excess.value), all.worst_excess.case),
        ("miners over the limit, highest", all.highest.value.to_string(), all.highest.case),
        ("miners over the limit in control, longest", span(all.longest_over.value), all.longest_over.case),
    ];
    let lines = lines.map(|(what, value, case)| format!("  {what:<40}{value:>14}   {}\n", told.case(case)));
    let share = all.absorbed.share_of(all.spare).map_or("none".to_owned(), |share| share.to_string());
    let mean = all.switches / all.units.max(1);
    let (absorbed, switches) = ("absorbed of the spare power", "switches a unit");
    format!("{}  {absorbed:<40}{share:>14}\n  {switches:<40}{mean:>14}\n", lines.concat())
}

/// What was over the limit, by what was at fault when it began: the worst, the highest and the longest of each.
fn over(all: &Together, told: &Told<'_>) -> String {
    let mut text = format!(
        "  {:<30}{:>10}{:>14}{:>10}{:>10}   {}\n",
        "over the limit, at fault", "times", "worst", "highest", "longest", "worst in"
    );
    for (blame, blamed) in &all.blamed {
        text += &format!(
            "  {blame:<30}{:>10}{:>14}{:>10}{:>10}   {}\n",
            blamed.excursions,
            kilowatt_seconds(blamed.worst.value),
            blamed.highest.value.to_string(),
            span(blamed.longest.value),
            told.case(blamed.worst.case)
        );
    }
    text
}

fn kilowatt_seconds(energy: Energy) -> String {
    let tenths = energy.joules() / 100;
    format!("{}.{} kW s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::together::Worst;

    fn asked(faults: &str) -> Asked {
        let (sites, faults) = (vec![], faults.to_owned());
        Asked { sites, seeds: 0..1, hours: 1, faults, json: false, journal: None, keep: None, again: None }
    }

    #[test]
    fn the_worst_of_each_kind_is_a_number_with_its_seed() {
        let mut all = Together::default();
        let case = Some(Case { seed: 7, site: 0 });
        let worst =
            Worst { value: Energy::of(crate::units::Power::from_kilowatts(30), Duration::from_millis(4_250)), case };
        let blamed = Blamed { excursions: 12, worst, ..Blamed::default() };
        all.blamed.insert(Blame::Pdu(Duration::from_millis(250)), blamed);
        let demo = crate::site::file::load("demo.toml", include_str!("../../../sites/demo.toml")).unwrap();
        let (asked, never) = (asked("all"), Never::default());
        let told = Told { sites: &[&demo], never: &never, took: Duration::from_secs(1), asked: &asked };
        let row = "  PDU or miner, 250 ms                  12    127.5 kW s       0 W      0 ms   seed 7\n";
        assert!(text(&all, &told).contains(row), "{}", text(&all, &told));
        assert_eq!(as_value(&all, &told)["over_the_limit"][0]["worst_ws"]["value"], json!(127_500));
        assert!(text(&all, &told).contains("too short to ask for every class and state (20 h)"));
    }

    #[test]
    fn what_was_left_out_is_not_asked_for() {
        let (asked, never) = (asked("killed"), Never::default());
        let told = Told { sites: &[], never: &never, took: Duration::ZERO, asked: &asked };
        assert_eq!(told.too_short(), None);
    }
}
