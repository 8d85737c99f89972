//! The chart as SVG: plain shapes and text, legible in light and dark. It draws what it is handed and measures nothing.

use std::fmt::Write;
use std::time::Duration;

use super::Point;
use crate::site::Site;
use crate::units::{Power, span};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 64.0;
/// The horizontal lines there should be, about.
const LINES: f64 = 5.0;
/// Less height than this holds no label.
const LABEL: f64 = 24.0;

const STYLE: &str = "text{font:13px system-ui,-apple-system,sans-serif;fill:#57606a}.h{font-size:15px;font-weight:600;fill:#1f2328}\
.n{text-anchor:end}.m{text-anchor:middle}.g{stroke:#d0d7de}.a{stroke:#8c959f}.c{stroke:#bc4c00;stroke-width:2.5;fill:none;\
stroke-linejoin:round}.p,.pt{fill:#bc4c00}.w{fill:#bc4c00;opacity:.13}.f,.s{stroke-width:1.5;stroke-dasharray:6 4}\
.f{stroke:#0969da}.ft{fill:#0969da}.s{stroke:#1a7f37}.st{fill:#1a7f37}@media(prefers-color-scheme:dark){text{fill:#9198a1}\
.h{fill:#f0f6fc}.g{stroke:#30363d}.a{stroke:#656c76}.c{stroke:#f0883e}.p,.pt,.w{fill:#f0883e}.w{opacity:.18}.f{stroke:#4493f8}\
.ft{fill:#4493f8}.s{stroke:#3fb950}.st{fill:#3fb950}}";

/// Where values lie on the picture. The response axis is logarithmic, the power axis begins at zero.
struct Scale {
    first: f64,
    last: f64,
    most: f64,
    step: i64,
}

impl Scale {
    fn of(points: &[Point], floor: Power) -> Self {
        let highest = points.iter().map(|point| point.spare.max(point.miners)).max().unwrap_or(floor).max(floor);
        let watts = highest.watts().max(1) as f64;
        let log = |point: Option<&Point>| point.map_or(0.0, |point| log(point.response));
        Self {
            first: log(points.first()),
            last: log(points.last()),
            most: watts * 1.04,
            step: round_step(watts / LINES),
        }
    }

    fn x(&self, response: Duration) -> f64 {
        LEFT + (log(response) - self.first) / (self.last - self.first).max(0.001) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, power: Power) -> f64 {
        HEIGHT - BOTTOM - power.watts() as f64 / self.most * (HEIGHT - TOP - BOTTOM)
    }
}

fn log(time: Duration) -> f64 {
    time.as_secs_f64().max(0.001).ln()
}

/// The next of 1, 2, 5, 10 times a power of ten.
fn round_step(watts: f64) -> i64 {
    let decade = 10_f64.powf(watts.max(1.0).log10().floor());
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| round * decade >= watts).unwrap_or(10.0);
    ((round * decade) as i64).max(1)
}

/// Average miner power by response, between what is there for them and what they could be given without any control.
pub(super) fn svg(site: &Site, points: &[Point], floor: Power) -> String {
    let scale = Scale::of(points, floor);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"average miner power \
         against path response\">\n<style>{STYLE}</style>\n"
    );
    text(&mut out, "h", LEFT, 24.0, "What a fast path is worth: average miner power by path response");
    let told = format!("site {}, chat inference, simulated; the hall can rise by {}", site.name, site.hall.slew);
    text(&mut out, "", LEFT, 44.0, &told);
    axes(&mut out, &scale, points);
    gain(&mut out, &scale, points, floor);
    levels(&mut out, &scale, points, floor);
    let line: Vec<String> = points.iter().map(|point| at(&scale, point.response, point.miners)).collect();
    let _ = writeln!(out, "<polyline class=\"c\" points=\"{}\"/>", line.join(" "));
    for point in points {
        let (x, y) = (scale.x(point.response), scale.y(point.miners));
        let _ = writeln!(out, "<circle class=\"p\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
    }
    out + "</svg>\n"
}

fn text(out: &mut String, class: &str, x: f64, y: f64, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{what}</text>");
}

fn level(out: &mut String, class: &str, y: f64) {
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>",
        WIDTH - RIGHT
    );
}

fn at(scale: &Scale, response: Duration, power: Power) -> String {
    format!("{:.1},{:.1}", scale.x(response), scale.y(power))
}

fn axes(out: &mut String, scale: &Scale, points: &[Point]) {
    let mut watts = 0;
    while watts as f64 <= scale.most {
        let power = Power::from_watts(watts);
        level(out, if watts == 0 { "a" } else { "g" }, scale.y(power));
        text(out, "n", LEFT - 8.0, scale.y(power) + 4.5, &power.to_string());
        watts += scale.step;
    }
    for point in points {
        text(out, "m", scale.x(point.response), HEIGHT - BOTTOM + 20.0, &span(point.response));
    }
    text(out, "n", WIDTH - RIGHT, HEIGHT - BOTTOM + 44.0, "response: from a command to the power being gone");
}

/// The area between the curve and the floor, where the curve is above it.
fn gain(out: &mut String, scale: &Scale, points: &[Point], floor: Power) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let above = points.iter().map(|point| at(scale, point.response, point.miners.max(floor)));
    let below = [at(scale, last.response, floor), at(scale, first.response, floor)];
    let area: Vec<String> = above.chain(below).collect();
    let _ = writeln!(out, "<polygon class=\"w\" points=\"{}\"/>", area.join(" "));
    let height = scale.y(floor) - scale.y(first.miners);
    if height > LABEL {
        text(out, "pt", LEFT + 14.0, scale.y(floor) - height / 2.0 + 4.5, "what speed earns");
    }
}

/// What was physically there above, what no control at all gives below.
fn levels(out: &mut String, scale: &Scale, points: &[Point], floor: Power) {
    let told = format!("without control: limit less nameplates, {floor}");
    level(out, "f", scale.y(floor));
    text(out, "ft", LEFT + 14.0, scale.y(floor) + 17.0, &told);
    let Some(spare) = points.iter().map(|point| point.spare).max() else { return };
    level(out, "s", scale.y(spare));
    text(out, "st n", WIDTH - RIGHT, scale.y(spare) - 8.0, &format!("spare power there was, {spare}"));
}
