use std::io::Write;
use std::time::Duration;

use super::*;
use crate::units::Power;

fn told<T>(result: Result<T, Refused>) -> String {
    result.err().map(|refused| refused.to_string()).unwrap_or_default()
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn decimals_become_integers_exactly_or_not_at_all() {
    let cases =
        [("0.2390", 239_000), ("-31.7", -31_700_000), ("9160.85", 9_160_850_000), ("3", 3_000_000), ("-0.5", -500_000)];
    for (text, wanted) in cases {
        assert_eq!(micro(text), Some(wanted), "{text}");
    }
    for text in
        ["", "-", ".", ".5", "1e3", "nan", "1.2.3", "--1", "+1", "0.1234567", "1,5", "9999999999999999", "1.-5", "٣"]
    {
        assert_eq!(micro(text), None, "{text}");
    }
    assert_eq!(micro("0.10000000"), Some(100_000), "zeros at the end say nothing");
}

#[test]
fn a_hall_file_is_read_plain_and_packed() {
    let text = "time_s,pu\n0,0.25\n0.2,0.5\n1,1\n";
    let folder = tempfile::tempdir().unwrap();
    let (plain, gz) = (folder.path().join("hall.csv"), folder.path().join("hall.csv.gz"));
    std::fs::write(&plain, text).unwrap();
    std::fs::write(&gz, packed(text)).unwrap();
    let series = hall(&plain, AtEnd::Hold).unwrap();
    assert_eq!(hall(&gz, AtEnd::Hold).unwrap(), series);
    assert_eq!(series.span(), Duration::from_secs(1));
    assert_eq!(series.at(Mono::from_millis(100)), Share::from_ppm(375_000));
}

#[test]
fn every_bad_row_is_told_with_its_line_and_all_are_counted() {
    let text = "time_s,pu\n0,0.25\n1,1.5\n1,0.5\n0.5,0.5\nx,0.5\n2\n3,0.5,7\n4,-0.1\n";
    let refused = told(hall_from("hall.csv", text.as_bytes(), AtEnd::Hold));
    let lines: Vec<_> = refused.lines().collect();
    assert_eq!(lines[0], "hall.csv:3: `1.5` is not a load from 0 to 1, in parts of nameplate, with at most six places");
    assert_eq!(lines[1], "hall.csv:5: is not later than the row before it");
    assert_eq!(lines[2], "hall.csv:6: `x` is not a time in seconds, from 0 on, to the microsecond");
    assert_eq!(lines[3], "hall.csv:7: 1 columns, wanted 2: time_s,pu");
    assert_eq!(lines[4], "hall.csv:8: 3 columns, wanted 2: time_s,pu");
    assert_eq!(lines[6], "hall.csv: 6 rows are wrong; repair the file, or cut the part that is right");
}

#[test]
fn a_thousand_bad_rows_are_ten_lines_and_a_number() {
    let text = format!("time_s,pu\n{}", "0,2\n".repeat(1_000));
    let refused = told(hall_from("hall.csv", text.as_bytes(), AtEnd::Hold));
    assert_eq!(refused.lines().count(), 12);
    assert!(refused.contains("hall.csv: 990 more of the kind") && refused.contains("1000 rows are wrong"));
}

#[test]
fn a_file_of_another_kind_is_refused_at_its_header() {
    let refused = told(prices_from("p.csv", "ts_utc,regup\n2021-01-01T06:00:00Z,1\n".as_bytes(), None));
    assert!(refused.starts_with("p.csv:1: the header is `ts_utc,regup`, not `ts_utc,usd_mwh`"), "{refused}");
    assert!(told(prices_from("p.csv", &b""[..], None)).contains("the header is ``"));
    assert!(told(prices_from("p.csv", "ts_utc,usd_mwh\n".as_bytes(), None)).contains("no rows"));
    assert!(
        told(hall_from("h.csv", &b"time_s,pu\n0,\xff\xfe\n1,0.5\n"[..], AtEnd::Hold)).contains("h.csv:2: is not UTF-8")
    );
    assert!(told(hall(Path::new("/no/such/file.csv"), AtEnd::Hold)).contains("give the path"));
}

#[test]
fn a_packed_file_that_was_cut_off_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let gz = folder.path().join("hall.csv.gz");
    let rows: String = (0..5_000).map(|n| format!("{n},0.{:04}\n", n * 7919 % 9_973)).collect();
    let whole = packed(&format!("time_s,pu\n{rows}"));
    std::fs::write(&gz, &whole[..whole.len() / 2]).unwrap();
    let refused = told(hall(&gz, AtEnd::Hold));
    assert!(refused.contains("is the file whole?"), "{refused}");
}

#[test]
fn prices_may_start_at_a_moment_of_the_recording() {
    let text = "ts_utc,usd_mwh\n2023-09-06T19:00:00Z,20\n2023-09-06T19:15:00Z,-4.25\n2023-09-06T19:30:00Z,5000\n";
    let read = |from: Option<&str>| {
        let points = prices_from("p.csv", text.as_bytes(), from.map(|text| Wall::parse(text).unwrap()));
        points.map(|points| points.into_iter().map(|(_, price)| price.micro_usd_per_mwh() / 10_000).collect::<Vec<_>>())
    };
    assert_eq!(read(None).unwrap(), [2_000, -425, 500_000]);
    assert_eq!(read(Some("2023-09-06T19:29:00Z")).unwrap(), [-425, 500_000]);
    assert_eq!(read(Some("2023-09-06T19:15:00Z")).unwrap(), [-425, 500_000]);
    assert!(told(read(Some("2024-01-01T00:00:00Z"))).contains("it runs from 2023-09-06T19:00:00.000000Z to"));
}

/// The folder of real recordings beside the repository, where there is one.
fn shared(file: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
    if !path.exists() {
        eprintln!("skipped: ../shared/data/{file} is not there; the real recordings are not part of the repository");
        return None;
    }
    Some(path)
}

#[test]
fn the_derived_traces_have_the_mean_the_bounds_and_the_largest_step_of_their_provenance() {
    // File, rows, mean, least, most (parts per million), largest step: PROVENANCE.md gives the means
    // to four places and the steps to three (0.146, 0.533, 0.151).
    let cases = [
        ("conv_1s", "inference", 3_503, 733_600, 239_000, 786_500, 146_500),
        ("code_1s", "inference", 3_514, 361_000, 239_000, 958_200, 533_300),
        ("16n_0p2s", "training", 10_372, 824_600, 123_900, 1_000_000, 151_400),
    ];
    for (name, kind, rows, mean, least, most, step) in cases {
        let Some(path) = shared(&format!("ai-load/derived_{kind}_{name}.csv.gz")) else { return };
        let series = hall(&path, AtEnd::Repeat).unwrap();
        let ppm: Vec<i64> = series.points().iter().map(|(_, share)| share.ppm()).collect();
        assert_eq!(ppm.len(), rows);
        let sum: i64 = ppm.iter().sum();
        let mean_seen = (sum * 2 / i64::try_from(rows).unwrap() + 100) / 200 * 100;
        assert_eq!((mean_seen, ppm.iter().min(), ppm.iter().max()), (mean, Some(&least), Some(&most)), "{name}");
        let largest = ppm.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap();
        assert_eq!(largest, step, "{name}");
        assert!(Power::from_kilowatts(2_800).part(series.at(Mono::from_millis(500))) > Power::ZERO);
    }
}

#[test]
fn the_real_prices_have_the_figures_of_their_provenance() {
    let Some(path) = shared("prices/ercot_hb_houston_rtm_15min_2021_2024.csv.gz") else { return };
    let points = prices(&path, None).unwrap();
    assert_eq!(points.len(), 139_560);
    let cents = |(_, price): &PricePoint| price.micro_usd_per_mwh() / 10_000;
    assert_eq!((points.iter().map(cents).min(), points.iter().map(cents).max()), (Some(-24_414), Some(916_085)));
    let highest = points.iter().max_by_key(|(_, price)| *price).unwrap();
    assert_eq!(highest.0, Wall::parse("2021-02-17T10:30:00Z").unwrap());
    let from = Wall::parse("2023-09-07T00:20:00Z").unwrap();
    let evening = prices(&path, Some(from)).unwrap();
    assert_eq!(evening[0].0, Wall::parse("2023-09-07T00:15:00Z").unwrap());
    assert!(evening[0].1 > Price::from_micro_usd_per_mwh(1_000_000_000), "the evening of 2023-09-06");
}
