//! A tariff as the text of a file: for what was imported, to be finished by hand.

use std::fmt::Write;

use super::calendar::{Calendar, Days, Hours, Months, Window};
use super::exact::show;
use super::{Charge, Dated, Demand, Energy, Fixed, Line, Minimum, Priced, Rate, Source, Tariff, Tier, When};
use crate::time::Date;

/// The text of a tariff made of energy, demand, fixed and minimum lines, which is all that an import makes. `head` are comments that stand
/// first, `source` the lines of its table `[source.urdb]`; `remark` gives the comment of a line by its name.
pub fn text(
    tariff: &Tariff,
    head: &[String],
    source: &[(&str, String)],
    remark: impl Fn(&str) -> Option<String>,
) -> String {
    let mut text = String::new();
    for line in head {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    let _ = write!(
        text,
        "\nformat   = 1\nname     = {}\ncurrency = \"{}\"\ntimezone = \"{}\"\ninterval = \"{} min\"\n",
        quoted(&tariff.name),
        tariff.currency,
        tariff.zone.name(),
        tariff.interval
    );
    text.push_str("billing  = { cycle = \"calendar month\", round = \"0.01 USD per line\" }\n");
    if !source.is_empty() {
        text.push_str("\n[source.urdb]\n");
        for (key, value) in source {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    calendar(&mut text, &tariff.calendar);
    for line in &tariff.lines {
        let remark = remark(&line.name).map_or(String::new(), |remark| format!(" # {remark}"));
        let _ = writeln!(text, "\n[{}]{remark}", line.name);
        self::line(&mut text, tariff, line);
    }
    text
}

/// A TOML string.
pub fn quoted(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"");
    let plain: String = plain.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("\"{plain}\"")
}

fn calendar(text: &mut String, calendar: &Calendar) {
    if calendar.periods.is_empty() {
        return;
    }
    text.push_str("\n[calendar]\nholidays = [] # IMPORT: the database has no holidays; write \"us.nerc\" or the dates of the sheet\n");
    for period in &calendar.periods {
        let _ = writeln!(text, "\n[calendar.{}]", period.name);
        match period.windows.as_slice() {
            [one] => {
                for (key, value) in window(one) {
                    let _ = writeln!(text, "{key} = \"{value}\"");
                }
            }
            several => {
                text.push_str("any = [\n");
                for one in several {
                    let parts: Vec<String> =
                        window(one).iter().map(|(key, value)| format!("{key} = \"{value}\"")).collect();
                    let _ = writeln!(text, "  {{ {} }},", parts.join(", "));
                }
                text.push_str("]\n");
            }
        }
        if period.otherwise {
            text.push_str("otherwise = true\n");
        }
    }
}

fn window(window: &Window) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if window.months != Months::ALL {
        parts.push(("months", window.months.to_string()));
    }
    if window.days != Days::ALL {
        parts.push(("days", window.days.to_string()));
    }
    if window.hours != Hours::all() {
        parts.push(("hours", window.hours.to_string()));
    }
    parts
}

fn line(text: &mut String, tariff: &Tariff, line: &Line) {
    match &line.charge {
        Charge::Energy(energy) => self::energy(text, tariff, energy),
        Charge::Demand(demand) => self::demand(text, tariff, demand),
        Charge::Fixed(dated) => {
            let price = self::dated(dated, |fixed| match fixed {
                Fixed::Month(rate) => format!("\"{} {}/month\"", amount(*rate), tariff.currency),
                Fixed::Day(rate) => format!("\"{} {}/day\"", amount(*rate), tariff.currency),
            });
            let _ = writeln!(text, "price = {price}");
        }
        Charge::Minimum(minimum) => {
            let _ = match minimum {
                Minimum::Month(rate) => writeln!(text, "charge = \"{} {}/month\"", amount(*rate), tariff.currency),
                Minimum::Year(rate) => writeln!(text, "charge = \"{} {}/year\"", amount(*rate), tariff.currency),
                Minimum::Demand(milli) => writeln!(text, "demand = \"{} kW\"", show(i128::from(*milli), 6)),
            };
        }
        _ => {}
    }
    if let Some(source) = &line.note.source {
        let _ = writeln!(text, "source = {}", quoted(source));
    }
}

fn amount(rate: Rate) -> String {
    show(rate.0, 15)
}

fn dated<T>(dated: &Dated<T>, one: impl Fn(&T) -> String) -> String {
    match dated.steps() {
        [(Date::FIRST, only)] => one(only),
        several => {
            let each: Vec<String> = several.iter().map(|(from, value)| format!("{from} = {}", one(value))).collect();
            format!("{{ {} }}", each.join(", "))
        }
    }
}

fn priced(tariff: &Tariff, price: &Priced) -> String {
    let one = |rate: Rate| format!("\"{} {}/kWh\"", amount(rate), tariff.currency);
    match price {
        Priced::One(rate) => one(*rate),
        Priced::Each(rates) => {
            let each = tariff.calendar.periods.iter().zip(rates);
            let each: Vec<String> =
                each.filter_map(|(period, rate)| Some(format!("{} = {}", period.name, one((*rate)?)))).collect();
            format!("{{ {} }}", each.join(", "))
        }
    }
}

fn scope(text: &mut String, tariff: &Tariff, when: When, months: Months) {
    let names: Vec<&str> = tariff.calendar.periods.iter().map(|period| period.name.as_str()).collect();
    let chosen: Vec<String> =
        names.iter().enumerate().filter(|(at, _)| when.has(*at)).map(|(_, name)| format!("\"{name}\"")).collect();
    if chosen.len() < names.len() {
        let _ = writeln!(text, "when = [{}]", chosen.join(", "));
    }
    if months != Months::ALL {
        let _ = writeln!(text, "months = \"{months}\"");
    }
}

fn energy(text: &mut String, tariff: &Tariff, energy: &Energy) {
    scope(text, tariff, energy.when, energy.months);
    match &energy.price {
        Source::Index(feed) => {
            let _ = writeln!(text, "price = {{ index = {} }}", quoted(feed));
        }
        Source::Tiers(tiers) => match tiers.as_slice() {
            [only] => {
                let _ = writeln!(text, "price = {}", dated(&only.price, |price| priced(tariff, price)));
            }
            several => {
                text.push_str("tiers = [\n");
                for tier in several {
                    let price = dated(&tier.price, |price| priced(tariff, price));
                    let _ = writeln!(text, "  {{ {}price = {price} }},", up_to(tier));
                }
                text.push_str("]\n");
            }
        },
    }
    if energy.losses != 0 {
        let _ = writeln!(text, "losses = \"{} %\"", show(energy.losses * 100, 15));
    }
    let counts = matches!(&energy.price, Source::Tiers(tiers) if tiers.iter().any(|tier| tier.up_to.is_some_and(|top| top.per_kw)));
    if let Some(line) = energy.demand.filter(|_| counts).and_then(|line| tariff.lines.get(line)) {
        let _ = writeln!(text, "billing_demand = \"{}\"", line.name);
    }
}

fn up_to(tier: &Tier) -> String {
    let Some(top) = tier.up_to else { return String::new() };
    let unit = match (top.per_kw, top.per_day) {
        (false, false) => "kWh",
        (false, true) => "kWh/day",
        (true, false) => "kWh/kW",
        (true, true) => "kWh/kW/day",
    };
    format!("up_to = \"{} {unit}\", ", show(top.steps, 15))
}

fn demand(text: &mut String, tariff: &Tariff, demand: &Demand) {
    let of = if demand.apparent { "max kVA" } else { "max kW" };
    let import = "# IMPORT: block or rolling is not in the database";
    let measure = format!("measure = {{ of = \"{of}\", window = \"{} min\", window_kind = \"block\" }}", demand.window);
    let _ = writeln!(text, "{measure} {import}");
    scope(text, tariff, demand.when, demand.months);
    let unit = match (demand.apparent, demand.daily) {
        (true, _) => "kVA-month",
        (false, true) => "kW-day",
        (false, false) => "kW-month",
    };
    let price = |price: &Dated<Rate>| dated(price, |rate| format!("\"{} {}/{unit}\"", amount(*rate), tariff.currency));
    match demand.tiers.as_slice() {
        [only] => {
            let _ = writeln!(text, "price = {}", price(&only.price));
        }
        several => {
            text.push_str("tiers = [\n");
            for tier in several {
                let up_to =
                    tier.up_to.map_or(String::new(), |top| format!("up_to = \"{} kW\", ", show(i128::from(top), 6)));
                let _ = writeln!(text, "  {{ {up_to}price = {} }},", price(&tier.price));
            }
            text.push_str("]\n");
        }
    }
    if let Some(ratchet) = &demand.ratchet {
        let of = if ratchet.of_months == Months::ALL {
            String::new()
        } else {
            format!(", of_months = \"{}\"", ratchet.of_months)
        };
        let share = show(ratchet.share * 100, 15);
        let _ = writeln!(text, "ratchet = {{ share = \"{share} %\", months = {}{of} }}", ratchet.months);
    }
}
