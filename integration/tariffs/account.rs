//! The account of a site under a tariff: the peaks worth paying, the windows that are held, and what is known of them after a restart.

use std::sync::Arc;
use std::time::Duration;

use ballast::market::{Account, Drawn, Unusable};
use ballast::site::Supply;
use ballast::snapshot::Terms;
use ballast::tariff::{Tariff, file};
use ballast::time::{Date, Wall};
use ballast::units::{Power, Price, Share};

const HEAD: &str = r#"
format   = 1
name     = "test"
currency = "USD"
timezone = "America/Chicago"
interval = "15 min"
billing  = { cycle = "calendar month", round = "0.01 USD per line" }
"#;

fn kw(kw: i64) -> Power {
    Power::from_kilowatts(kw)
}

fn usd(dollars: i64) -> Price {
    Price::from_micro_usd_per_mwh(dollars * 1_000_000)
}

fn at(text: &str) -> Wall {
    Wall::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn tariff(lines: &str) -> Arc<Tariff> {
    let text = format!("{HEAD}{lines}");
    Arc::new(file::load("test.toml", &text).unwrap_or_else(|problems| panic!("{}", problems.render(false))))
}

fn supply() -> Supply {
    Supply {
        file: "test.toml".into(),
        expected: None,
        hold_above: Share::from_ppm(200_000),
        power_factor: Share::from_ppm(1_000_000),
        drawn: vec![],
    }
}

/// An account of the demo site (4 MW; miners of 728, 716 and 295 kW that earn 105.00, 91.87 and 62.29 USD/MWh) whose firm load is 1.5 MW.
fn account(tariff: Arc<Tariff>, supply: &Supply, drawn: Drawn, now: &str) -> Result<Account, Unusable> {
    let text = include_str!("../../sites/demo.toml");
    let site = ballast::site::file::load("demo.toml", text).unwrap();
    let mut account = Account::open(tariff, supply, &site, drawn, at(now))?;
    account.see(at(now), Duration::from_secs(1), Some(kw(3_000)), Some(kw(1_500)));
    Ok(account)
}

fn terms(tariff: Arc<Tariff>, now: &str) -> Terms {
    let mut account = account(tariff, &supply(), Drawn::default(), now).unwrap();
    account.terms(at(now), None).unwrap()
}

fn target(tariff: &Arc<Tariff>, now: &str) -> i64 {
    terms(Arc::clone(tariff), now).peaks[0].at_most.watts() / 1_000
}

const FLAT: &str = "[energy.all]\nprice = \"40 USD/MWh\"\n";

#[test]
fn a_peak_is_raised_as_long_as_the_hours_that_are_left_pay_for_it() {
    let of = |price: &str| {
        tariff(&format!("{FLAT}[demand.all]\nmeasure = {{ window = \"15 min\" }}\nprice = \"{price}\"\n"))
    };
    let eight = of("8 USD/kW-month");
    // September has 720 hours: the worst machines earn 22.29 USD/MWh, 16,050 USD a MW, and pay for it.
    let all = target(&eight, "2026-09-01T00:00:00-05:00");
    assert!((3_100..=3_260).contains(&all), "{all} kW");
    // 240 hours: 5,350 USD from the worst, 12,450 from those before them.
    let two = target(&eight, "2026-09-21T00:00:00-05:00");
    assert!((2_800..=2_960).contains(&two), "{two} kW");
    // 144 hours: 9,360 from the best alone.
    let one = target(&eight, "2026-09-25T00:00:00-05:00");
    assert!((2_080..=2_260).contains(&one), "{one} kW");
    // Four days earn less than the price of a peak for anybody; what was drawn already is free.
    assert_eq!(target(&eight, "2026-09-27T00:00:00-05:00"), 0);
    let mut drawn = Drawn::default();
    drawn.raise("demand.all", Date::parse("2026-09-01").unwrap(), kw(2_345));
    let mut known = account(eight, &supply(), drawn, "2026-09-27T00:00:00-05:00").unwrap();
    let terms = known.terms(at("2026-09-27T00:00:00-05:00"), None).unwrap();
    assert_eq!(terms.peaks[0].at_most, kw(2_345));
    assert_eq!(target(&of("70 USD/kW-month"), "2026-09-01T00:00:00-05:00"), 0, "no machine earns that in a month");
}

#[test]
fn each_line_of_demand_has_the_peak_that_its_own_hours_pay_for() {
    let lines = r#"
[calendar.on]
hours = "12:00-20:00"
days  = "Mon-Fri"
[calendar.off]
otherwise = true
[energy.all]
price = { on = "100 USD/MWh", off = "40 USD/MWh" }
[demand.on_peak]
when    = ["on"]
measure = { window = "15 min" }
price   = "12 USD/kW-month"
[demand.all]
measure = { window = "15 min" }
price   = "4 USD/kW-month"
"#;
    let tariff = tariff(lines);
    let mut account = account(Arc::clone(&tariff), &supply(), Drawn::default(), "2026-09-01T00:00:00-05:00").unwrap();
    let night = account.terms(at("2026-09-01T00:00:00-05:00"), None).unwrap();
    let targets: Vec<(String, i64)> =
        account.targets().map(|(line, power)| (line.to_owned(), power.watts() / 1_000)).collect();
    // 168 hours at 5 USD are no 12,000 for anybody; the other 552 pay 4,000 easily.
    assert_eq!(targets[0], ("demand.on_peak".to_owned(), 0));
    assert!(targets[1].0 == "demand.all" && targets[1].1 > 3_100, "{targets:?}");
    assert_eq!(night.peaks.len(), 1, "at night no window of the other runs");
    let noon = account.terms(at("2026-09-01T13:10:00-05:00"), None).unwrap();
    assert_eq!(noon.peaks.len(), 2);
    assert_eq!(
        (noon.peaks[0].from, noon.peaks[0].until),
        (at("2026-09-01T13:00:00-05:00"), at("2026-09-01T13:15:00-05:00"))
    );
    assert_eq!((noon.peaks[0].at_most, noon.steps.clone()), (Power::ZERO, vec![(Power::ZERO, usd(100))]));
}

#[test]
fn a_ratchet_costs_what_later_months_would_not_pay_by_themselves() {
    let ratchet = |off_season: &str| {
        tariff(&format!(
            r#"
[calendar.summer]
months = "Jun-Sep"
[calendar.rest]
otherwise = true
[energy.all]
price = {{ summer = "40 USD/MWh", rest = "{off_season}" }}
[demand.all]
measure = {{ window = "15 min" }}
price   = "10 USD/kW-month"
ratchet = {{ share = "80 %", months = 11 }}
"#
        ))
    };
    // Where the months after pay for their peaks by themselves, the ratchet asks for nothing more.
    let steady = target(&ratchet("40 USD/MWh"), "2026-09-01T00:00:00-05:00");
    assert!(steady > 3_100, "{steady} kW");
    // Where nobody would run in them, a peak of September is paid eight months long: 80 % of 10,000 USD a MW in each.
    assert_eq!(target(&ratchet("200 USD/MWh"), "2026-09-01T00:00:00-05:00"), 0);
    // In June four months pay for it: 46,800 + 3 x 46,800 x ... against 10,000 + 7 x 8,000 of the winter.
    let best = target(&ratchet("62 USD/MWh"), "2026-09-01T00:00:00-05:00");
    assert!((2_700..=2_960).contains(&best), "two classes earn in winter too: {best} kW");
}

#[test]
fn what_is_paid_already_is_the_peak_so_far_the_ratchet_and_the_floor() {
    let lines = r#"
[energy.all]
price = "400 USD/MWh"
[demand.all]
measure = { window = "30 min", window_kind = "rolling" }
price   = "10 USD/kW-month"
ratchet = { share = "80 %", months = 11 }
[minimum.contract]
demand = "1 MW"
"#;
    let now = "2026-09-09T13:40:00-05:00";
    let mut supply = supply();
    let mut open = account(tariff(lines), &supply, Drawn::default(), now).unwrap();
    let floor = open.terms(at(now), None).unwrap();
    assert_eq!((floor.peaks[0].at_most, floor.peaks[0].earlier), (kw(1_000), 1));
    assert_eq!(
        (floor.peaks[0].from, floor.peaks[0].until),
        (at("2026-09-09T13:30:00-05:00"), at("2026-09-09T13:45:00-05:00"))
    );
    // What a person says of a month that nobody saw.
    let month = Date::parse("2026-07-01").unwrap();
    supply.drawn.push(ballast::site::Drawn { line: "demand.all".into(), month, power: kw(2_500) });
    let mut told = account(tariff(lines), &supply, Drawn::default(), now).unwrap();
    assert_eq!(told.terms(at(now), None).unwrap().peaks[0].at_most, kw(2_000));
    // A window that ended higher is paid from then on; the same one is not taken twice, and one from before the start not at all.
    let ended = at("2026-09-09T13:45:00-05:00");
    assert_eq!(told.take([(1, at("2026-09-09T13:15:00-05:00"), kw(3_900))]), vec![]);
    let new = told.take([(1, ended, kw(2_222))]);
    assert_eq!((new.len(), new[0].power, new[0].before), (1, kw(2_222), None));
    assert_eq!(told.take([(1, ended, kw(2_222))]), vec![]);
    let later = at("2026-09-09T14:20:00-05:00");
    assert_eq!(told.terms(later, None).unwrap().peaks[0].at_most, kw(2_222));
    // It is remembered, month by month: in October four fifths of it are.
    let kept: Drawn = serde_json::from_str(&serde_json::to_string(told.drawn()).unwrap()).unwrap();
    assert_eq!(&kept, told.drawn());
    let october = "2026-10-02T00:00:00-05:00";
    let mut again = account(tariff(lines), &supply, kept, october).unwrap();
    assert_eq!(again.terms(at(october), None).unwrap().peaks[0].at_most, kw(2_000), "July's is still higher");
}

#[test]
fn demand_by_the_kva_leaves_as_much_power_as_its_factor() {
    let lines = format!(
        "{FLAT}[demand.all]\nmeasure = {{ of = \"max kVA\", window = \"15 min\" }}\nprice = \"900 USD/kVA-month\"\n"
    );
    let mut supply = Supply { power_factor: Share::from_ppm(900_000), ..supply() };
    let month = Date::parse("2026-09-01").unwrap();
    supply.drawn.push(ballast::site::Drawn { line: "demand.all".into(), month, power: kw(1_800) });
    let now = "2026-09-09T13:40:00-05:00";
    let mut open = account(tariff(&lines), &supply, Drawn::default(), now).unwrap();
    assert_eq!(open.terms(at(now), None).unwrap().peaks[0].at_most, kw(1_800));
    // A kVA is a ninth more than a kW: at 25.2 USD the best machines pay for it in kW (46,800 / 28,000 in kVA), and not at twice that.
    let of = |price: &str| {
        let lines = lines.replace("900 USD", price);
        let supply = Supply { drawn: vec![], ..supply.clone() };
        let mut open = account(tariff(&lines), &supply, Drawn::default(), "2026-09-01T00:00:00-05:00").unwrap();
        open.terms(at("2026-09-01T00:00:00-05:00"), None).unwrap().peaks[0].at_most.watts() / 1_000
    };
    assert!((2_080..=2_260).contains(&of("41 USD")), "41 / 0.9 = 45.56 USD: {} kW", of("41 USD"));
    assert_eq!(of("43 USD"), 0, "43 / 0.9 = 47.78 USD: more than the 46.80 that the best earn");
}

#[test]
fn a_line_that_charges_nothing_now_and_for_no_later_month_holds_nothing() {
    let lines = |ratchet: &str| {
        format!(
            "{FLAT}[demand.summer]\nmonths = \"Jun-Sep\"\nmeasure = {{ window = \"15 min\" }}\nprice = \"900 USD/kW-month\"\n{ratchet}"
        )
    };
    let peaks = |lines: &str, now: &str| terms(tariff(lines), now).peaks.len();
    assert_eq!(peaks(&lines(""), "2026-09-09T13:40:00-05:00"), 1);
    assert_eq!(peaks(&lines(""), "2026-12-09T13:40:00-06:00"), 0);
    let ratchet = lines("ratchet = { share = \"80 %\", months = 11 }\n");
    assert_eq!(peaks(&ratchet, "2026-12-09T13:40:00-06:00"), 1, "what is drawn in December is paid in June");
}

#[test]
fn nothing_is_reckoned_before_the_firm_load_was_seen() {
    let lines = format!("{FLAT}[demand.all]\nmeasure = {{ window = \"15 min\" }}\nprice = \"8 USD/kW-month\"\n");
    let text = include_str!("../../sites/demo.toml");
    let site = ballast::site::file::load("demo.toml", text).unwrap();
    let now = at("2026-09-01T00:00:00-05:00");
    let mut open = Account::open(tariff(&lines), &supply(), &site, Drawn::default(), now).unwrap();
    open.see(now, Duration::from_secs(5), Some(kw(3_000)), None);
    assert_eq!(open.terms(now, None).unwrap().peaks[0].at_most, Power::ZERO);
    // From then on in every interval until a day was seen.
    open.see(now, Duration::from_secs(60), Some(kw(3_000)), Some(kw(1_500)));
    let next = now.after(Duration::from_secs(900));
    let early = open.terms(next, None).unwrap().peaks[0].at_most;
    assert!(early > kw(3_000), "{early}");
    open.see(next, Duration::from_secs(60), Some(kw(3_000)), Some(kw(2_500)));
    let later = open.terms(next.after(Duration::from_secs(900)), None).unwrap().peaks[0].at_most;
    assert!(later > early, "{later}");
}

#[test]
fn windows_of_the_day_on_which_the_clock_is_put_back_follow_each_other() {
    let lines = format!("{FLAT}[demand.all]\nmeasure = {{ window = \"60 min\" }}\nprice = \"8 USD/kW-month\"\n");
    let mut open = account(tariff(&lines), &supply(), Drawn::default(), "2026-11-01T00:00:00-05:00").unwrap();
    let mut until = at("2026-11-01T00:00:00-05:00");
    for hour in 0..25 {
        let now = until.after(Duration::from_secs(600));
        let peak = open.terms(now, None).unwrap().peaks[0];
        assert_eq!((peak.from, peak.until), (until, until.after(Duration::from_secs(3_600))), "hour {hour}");
        until = peak.until;
    }
    assert_eq!(until, at("2026-11-02T00:00:00-06:00"));
    // The month after is laid out when it comes.
    let december = open.terms(at("2026-12-01T00:00:00-06:00"), None).unwrap();
    assert_eq!(december.peaks[0].from, at("2026-12-01T00:00:00-06:00"));
}

#[test]
fn the_price_at_an_index_has_the_kink_of_the_block_and_never_its_price() {
    let text = include_str!("../../tariffs/ercot-index-block.toml");
    let steps = |text: &str, price| {
        let tariff = Arc::new(file::load("ercot.toml", text).unwrap_or_else(|problems| panic!("{problems}")));
        let supply = Supply { expected: Some(usd(38)), ..supply() };
        let mut open = account(tariff, &supply, Drawn::default(), "2026-08-12T16:50:00-05:00").unwrap();
        open.terms(at("2026-08-12T16:50:00-05:00"), price).unwrap()
    };
    let terms = steps(text, Some(usd(61)));
    assert!(terms.indexed);
    assert_eq!(terms.steps.iter().map(|(from, _)| *from).collect::<Vec<_>>(), [Power::ZERO, kw(60_000)]);
    let (below, above) = (terms.steps[0].1.micro_usd_per_mwh(), terms.steps[1].1.micro_usd_per_mwh());
    // 61 x 1.019 + 2.48 above; below it is sold back at 97 % of that less 2.00: with tax on the difference.
    assert!((3_700_000..4_000_000).contains(&(above - below)), "{below} {above}");
    let dearer = text.replace("34.50 USD/MWh", "94.50 USD/MWh");
    assert_ne!(dearer, text);
    assert_eq!(steps(&dearer, Some(usd(61))), terms, "what was paid for the block never decides");
    assert_eq!(steps(text, None).steps, vec![], "without a price of the feed there is none");
    assert_eq!(steps(text, Some(Price::MAX)).steps, vec![]);
}

#[test]
fn a_tariff_that_no_controller_can_go_by_is_refused_in_words() {
    let now = "2026-09-09T13:40:00-05:00";
    let refused = |text: &str, supply: &Supply| {
        let tariff = Arc::new(file::load("x.toml", text).unwrap_or_else(|problems| panic!("{problems}")));
        account(tariff, supply, Drawn::default(), now).map(|_| ()).unwrap_err().to_string()
    };
    let ercot = include_str!("../../tariffs/ercot-index-block.toml");
    let europe = include_str!("../../tariffs/europe-day-ahead.toml");
    assert!(refused(europe, &supply()).starts_with("its prices are in EUR"));
    assert!(refused(ercot, &supply()).contains("add tariff.expected_price to the site file"));
    let mut wrong = Supply { expected: Some(usd(38)), ..supply() };
    wrong.drawn.push(ballast::site::Drawn {
        line: "demand.distributoin".into(),
        month: Date::parse("2026-07-01").unwrap(),
        power: kw(1),
    });
    assert_eq!(
        refused(ercot, &wrong),
        "tariff.drawn: the tariff has no demand line `demand.distributoin`; its demand lines: demand.distribution"
    );
}

#[test]
fn a_new_tariff_is_compared_by_the_median_price_of_the_day() {
    let now = "2026-09-09T13:40:00-05:00";
    let day = Date::parse("2026-09-09").unwrap();
    let of = |price: &str| {
        account(tariff(&format!("[energy.all]\nprice = \"{price}\"\n")), &supply(), Drawn::default(), now).unwrap()
    };
    let old = of("40 USD/MWh");
    assert_eq!(old.median(day), Some(usd(40)));
    let moved = |price: &str| old.moved(&of(price), day).map(Share::ppm);
    assert_eq!([moved("40 USD/MWh"), moved("44 USD/MWh"), moved("4 c/kWh")], [Some(0), Some(100_000), Some(0)]);
    assert_eq!(moved("40 USD/kWh"), Some(999_000_000), "a unit that slipped");
    assert_eq!(old.boundary(at(now)), Some(at("2026-09-09T13:45:00-05:00")));
}
