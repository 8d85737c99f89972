//! The chart as SVG: plain shapes and text, legible in light and dark.

use std::fmt::Write;
use std::time::Duration;

use crate::units::{Power, span};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;

/// Average miner power by response, with the static reservation as the floor. The response axis is logarithmic.
pub(super) fn svg(site: &str, points: &[(Duration, Power)], floor: Power) -> String {
    let most = points.iter().map(|(_, power)| power.watts()).max().unwrap_or(1).max(floor.watts()) as f64 * 1.05;
    let log = |time: Duration| (time.as_secs_f64().max(0.001)).ln();
    let (first, last) =
        (points.first().map_or(0.0, |point| log(point.0)), points.last().map_or(1.0, |point| log(point.0)));
    let x = |time: Duration| LEFT + (log(time) - first) / (last - first).max(0.001) * (WIDTH - LEFT - RIGHT);
    let y = |power: Power| HEIGHT - BOTTOM - power.watts() as f64 / most * (HEIGHT - TOP - BOTTOM);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"average miner power \
         against path response\">\n<style>text{{font:13px system-ui,sans-serif;fill:#555}}.l{{stroke:#999;stroke-width:1}}\
         .c{{stroke:#d9730d;stroke-width:2.5;fill:none}}.p{{fill:#d9730d}}.f{{stroke:#0b6e99;stroke-width:1.5;stroke-dasharray:6 4}}\
         @media(prefers-color-scheme:dark){{text{{fill:#bbb}}}}</style>\n<text x=\"{LEFT}\" y=\"22\">Average miner power by path \
         response: {site}, simulated chat inference</text>\n"
    );
    for step in 0..=4_i64 {
        let power = Power::from_watts((most / 1.05) as i64 * step / 4);
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{power}</text>", LEFT - 8.0, y(power) + 4.0);
    }
    let base = HEIGHT - BOTTOM;
    let _ = writeln!(out, "<line class=\"l\" x1=\"{LEFT}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\"/>", WIDTH - RIGHT);
    let _ = writeln!(
        out,
        "<line class=\"f\" x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{1}\" y2=\"{0:.1}\"/>",
        y(floor),
        WIDTH - RIGHT
    );
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{:.1}\">static reservation: limit less nameplates, {floor}</text>",
        LEFT + 8.0,
        y(floor) + 18.0
    );
    let line: Vec<String> = points.iter().map(|(time, power)| format!("{:.1},{:.1}", x(*time), y(*power))).collect();
    let _ = writeln!(out, "<polyline class=\"c\" points=\"{}\"/>", line.join(" "));
    for (time, power) in points {
        let _ = writeln!(out, "<circle class=\"p\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>", x(*time), y(*power));
        let (label, at) = (span(*time), HEIGHT - BOTTOM + 20.0);
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{at}\" text-anchor=\"middle\">{label}</text>", x(*time));
    }
    let _ = writeln!(
        out,
        "<text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\" dx=\"-24\">from a command to the power being gone</text>\n</svg>",
        HEIGHT - 6.0
    );
    out
}
