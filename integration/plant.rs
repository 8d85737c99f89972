//! The plant at full size and on real recordings, in virtual time.

use std::path::Path as FilePath;
use std::time::Duration;

use ballast::feeds::recorded;
use ballast::plant::{AtEnd, Curves, HallLoad, Plant, Series};
use ballast::site::*;
use ballast::time::Mono;
use ballast::units::{Efficiency, Hashprice, Power, Share, Slew};

fn firm(nameplate_kw: i64, slew_kw: i64, step_kw: i64, meter: DeviceIx) -> FirmLoad {
    FirmLoad {
        nameplate: Power::from_kilowatts(nameplate_kw),
        slew: Slew::from_watts_per_second(slew_kw * 1_000),
        step: Power::from_kilowatts(step_kw),
        meter: Some(meter),
        feeder: None,
    }
}

fn device(name: String, profile: &str, poll_ms: u64) -> Device {
    let address = ([127, 0, 0, 1], 0).into();
    Device {
        name,
        profile: profile.into(),
        address,
        unit_id: 1,
        poll: Duration::from_millis(poll_ms),
        login: None,
        tls: None,
    }
}

fn group(ix: usize, device: DeviceIx) -> Group {
    let response = Duration::from_millis(100);
    Group {
        name: format!("group-{ix}"),
        feeder: None,
        miners: 8,
        units: 8,
        unit: Power::from_watts(3_500),
        efficiency: Efficiency::from_millijoules_per_th(17_500),
        firmware: None,
        paths: vec![Path { device, response, proof: response * 20, comms_loss: CommsLoss::Holds, meter: None }],
        dwell_on: Duration::from_secs(60),
        dwell_off: Duration::from_secs(30),
    }
}

/// The demo's hall and house with one PDU a group; POI, hall and house meter are devices 0, 1 and 2. All on port 0 of loopback.
pub(crate) fn site(meters: [&str; 3], pdus: &[&str]) -> Site {
    let named = ["poi-meter", "hall-meter", "house-meter"].into_iter().zip(meters).zip([50, 50, 500]);
    let metering = named.map(|((name, profile), poll)| device(name.into(), profile, poll));
    let switching = pdus.iter().enumerate().map(|(ix, profile)| device(format!("pdu-{ix}"), profile, 1_000));
    Site {
        name: "test".into(),
        poi: Poi {
            import_limit: Power::from_kilowatts(4_000),
            within: Duration::from_secs(2),
            ramp: Slew::from_watts_per_second(200_000),
            meter: 0,
            guard: Guard::Tolerance,
            falls_within: None,
        },
        hall: firm(2_800, 420, 10, 1),
        house: firm(40, 5, 2, 2),
        feeders: Vec::new(),
        groups: (0..pdus.len()).map(|ix| group(ix, 3 + ix)).collect(),
        devices: metering.chain(switching).collect(),
        relay: None,
        tick: Tick { period: Duration::from_millis(100), lapse: Duration::from_secs(2) },
        fill: Fill { window: Duration::from_secs(300), confidence: Share::from_ppm(999_000) },
        restore: Restore {
            ramp: Slew::from_watts_per_second(100_000),
            stagger: Duration::from_millis(200),
            batch: Power::from_kilowatts(28),
            settle: Duration::from_secs(2),
        },
        supply: None,
        economics: Economics {
            hashprice: Hashprice::from_micro_usd_per_ph_day(45_000_000),
            pool_fee: Share::from_ppm(20_000),
            price_lost: PriceLost::Run,
        },
        ages: Ages {
            meter: Duration::from_millis(500),
            device: Duration::from_secs(3),
            price: Duration::from_secs(1_800),
        },
        failsafe: Failsafe::usual(std::time::Duration::from_secs(2)),
        budgets: Budgets {
            sense: Duration::from_millis(200),
            decide: Duration::from_millis(5),
            write: Duration::from_millis(50),
            acknowledge: Duration::from_millis(250),
            proof: Duration::from_secs(2),
        },
    }
}

#[test]
fn a_thousand_groups_keep_every_watt_through_a_storm_of_commands() {
    let site = site(["acuvim-ii"; 3], &["gude-expert-pdu"; 1_000]);
    let mut plant = Plant::new(&site, 5);
    for second in 0..60_u64 {
        for group in 0..1_000 {
            plant.switch(group, (second.wrapping_mul(0x9e37_79b9) >> (group % 24)) & 0xff);
        }
        plant.advance(Mono::from_millis((second + 1) * 1_000));
        let groups: Power = (0..1_000).map(|group| plant.group_power(group)).sum();
        assert_eq!(plant.poi(), plant.hall() + plant.house() + groups);
    }
    assert!(plant.score().switches > 100_000);
}

fn shared(file: &str) -> Option<Series> {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ai-load").join(file);
    if !path.exists() {
        eprintln!(
            "skipped: ../shared/data/ai-load/{file} is not there; the real recordings are not part of the repository"
        );
        return None;
    }
    Some(recorded::hall(&path, AtEnd::Hold).unwrap())
}

/// The two honest baselines on the real traces, computed here from the points alone, must come out of the score.
#[test]
fn the_score_of_a_real_trace_is_what_its_points_say() {
    for file in ["derived_inference_conv_1s.csv.gz", "derived_training_16n_0p2s.csv.gz"] {
        let Some(series) = shared(file) else { return };
        let site = site(["acuvim-ii"; 3], &["gude-expert-pdu"; 60]);
        let span = series.span();
        let mut plant = Plant::with(&site, 1, HallLoad::recorded(&site.hall, series.clone()), Curves::brisk());
        plant.advance(Mono::START.after(span));
        let score = plant.score();
        let seconds = i64::try_from(span.as_secs()).unwrap();
        let near = |joules: i64, mean_w: i64| (joules / seconds - mean_w).abs() <= mean_w / 1_000 + 100;
        // The trapezoid under the points is the mean of the hall.
        let pairs = series.points().windows(2);
        let area: i128 = pairs
            .map(|w| {
                i128::from(w[0].1.ppm() + w[1].1.ppm()) * i128::try_from(w[1].0.since(w[0].0).as_millis()).unwrap()
            })
            .sum();
        let mean_ppm = i64::try_from(area / 2 / i128::try_from(span.as_millis()).unwrap()).unwrap();
        assert!(near(score.hall.joules(), site.hall.nameplate.part(Share::from_ppm(mean_ppm)).watts()), "{file}");
        let house = score.house.joules() / seconds;
        assert!(near(score.reserved.joules(), 1_200_000 - house), "{file}: static reservation");
        let largest = site.hall.nameplate.part(series.points().iter().map(|(_, share)| *share).max().unwrap());
        let fleet = Power::from_kilowatts(60 * 28);
        let hindsight = (Power::from_kilowatts(4_000) - largest - Power::from_watts(house)).min(fleet).watts();
        assert!(near(score.hindsight.joules(), hindsight), "{file}: hindsight");
        assert_eq!(score.largest_hall, largest);
        assert!(
            score.spare.joules() >= score.hindsight.joules() && score.hindsight.joules() >= score.reserved.joules()
        );
        assert_eq!(score.excursions, 0, "{file}");
    }
}
