//! The decision as stories: one situation a line, the plan beside it.
//!
//! `UPDATE_EXPECT=1 cargo nextest run stories` writes the right-hand side anew; read the difference before you keep it.

pub mod bench;
mod billing;
mod contactors;
mod firmware;
mod hostile;
mod levels;
mod locks;
mod loops;
mod reserve;

use ballast::snapshot::Link;
use ballast::units::{Power, Price};
use bench::{Bench, kw, ms, site};

#[test]
fn every_story_ends_as_it_is_told() {
    let told = include_str!("stories.txt");
    let retold: String = told.lines().map(|line| format!("{}\n", retell(line))).collect();
    expect_test::expect_file!["stories.txt"].assert_eq(&retold);
}

fn retell(line: &str) -> String {
    if line.trim().is_empty() || line.starts_with('#') {
        return line.to_string();
    }
    let situation = line.split('|').next().unwrap().trim();
    format!("{situation:<58} | {}", play(situation))
}

/// Everything is on and the hall idles; then the situation arises and lasts for half a minute.
fn play(situation: &str) -> String {
    let words: Vec<_> = situation.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let mut bench = Bench::new(shaped(&words)).all_on();
    bench.pass(ms(1_000));
    for (word, value) in &words {
        situate(&mut bench, word, value);
    }
    bench.pass(ms(30_000));
    let groups = bench.standing.site.groups.iter().enumerate();
    let told: Vec<_> = groups.map(|(ix, group)| format!("{}={}", group.name, bench.told(ix).watts() / 1_000)).collect();
    format!("{} kW {} {}", bench.plan.ceiling.watts() / 1_000, bench.plan.cause.name(), told.join(" "))
}

/// What belongs to the site file.
fn shaped(words: &[(&str, &str)]) -> ballast::site::Site {
    let mut site = site();
    for (word, value) in words {
        match *word {
            "north_ms" => site.groups[0].paths[0].response = ms(value.parse().unwrap()),
            "south_ms" => site.groups[1].paths[0].response = ms(value.parse().unwrap()),
            "north_kw" => site.feeders[0].rating = kw(value.parse().unwrap()),
            "hall_on_north" => site.hall.feeder = Some(0),
            _ => {}
        }
    }
    site
}

fn situate(bench: &mut Bench, word: &str, value: &str) {
    let number = || value.parse::<i64>().unwrap();
    match word {
        "ai_mw" => bench.set_hall(kw(number() * 1_000)),
        "ai_lost" => {
            bench.set_hall(kw(number() * 1_000));
            bench.hall = None;
        }
        "age_ms" => bench.age = ms(value.parse().unwrap()),
        "poi_lost" => bench.poi_lost = true,
        "price" => bench.price = Some(Price::from_micro_usd_per_mwh(number() * 1_000_000)),
        "cap_mw" => bench.orders.cap = Some(kw(number() * 1_000)),
        "e_stop" => bench.orders.e_stop = true,
        "drain" => bench.orders.drain = true,
        "silent" => bench.links[usize::from(value == "south")] = Link::Silent,
        "liar" => bench.liars[usize::from(value == "south")] = true,
        "north_ms" | "south_ms" | "north_kw" | "hall_on_north" => {}
        other => panic!("no story knows `{other}`"),
    }
}

/// The most that may ever be drawn in the stories' site.
#[test]
fn stories_never_draw_more_than_the_limit_leaves() {
    for line in include_str!("stories.txt").lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let situation = line.split('|').next().unwrap();
        let words: Vec<_> =
            situation.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        let mut bench = Bench::new(shaped(&words)).all_on();
        words.iter().for_each(|(word, value)| situate(&mut bench, word, value));
        bench.pass(ms(10_000));
        let lies = bench.liars.iter().any(|lies| *lies) || bench.links.contains(&Link::Silent);
        assert!(lies || bench.import() <= kw(40_000), "{situation}: {}", bench.import());
        assert!(bench.miners() >= Power::ZERO);
    }
}
