// The strip chart: house, hall and miners stacked against the import limit, the room kept free for the hall, the price
// beneath. Draws what it is given and nothing else; what was not measured stays empty or hatched.

import { clock, power, price } from "./units.js";

const SPAN = 300_000;          // shown: five minutes
const GAP = 3_500;             // a longer silence is a gap, not a line
const KEPT = 4_000;            // points at most

const importOf = (point) => point.poi_w ?? point.miners_w + (point.hall_w ?? 0) + (point.house_w ?? 0);
const hallOf = (point) => point.hall_w ?? point.worst_w;

export class Strip {
  constructor(canvas, legend, words) {
    this.canvas = canvas;
    this.legend = legend;
    this.words = words;
    this.points = [];
    this.at = null;
    this.asked = false;
    new ResizeObserver(() => this.ask()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.ask());
    canvas.addEventListener("pointermove", (event) => { this.at = event.offsetX; this.ask(); });
    canvas.addEventListener("pointerleave", () => { this.at = null; this.ask(); });
  }

  load(points) {
    const first = this.points[0]?.unix_ms ?? Infinity;
    this.points = points.filter((point) => point.unix_ms < first).concat(this.points);
    this.ask();
  }

  push(point) {
    const last = this.points.at(-1);
    if (last && point.unix_ms < last.unix_ms) this.points = [];
    this.points.push(point);
    const from = point.unix_ms - SPAN - 10_000;
    let old = 0;
    while (old < this.points.length && (this.points[old].unix_ms < from || this.points.length - old > KEPT)) old += 1;
    if (old > 50) this.points.splice(0, old);
    this.ask();
  }

  // When the cause in force began, as far as is remembered.
  since() {
    const last = this.points.at(-1);
    const before = this.points.findLast((point) => point.cause !== last?.cause);
    return before && this.points.find((point) => point.unix_ms > before.unix_ms)?.unix_ms;
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    const scale = devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const g = this.canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, box.width, box.height);
    this.inks = inks(this.canvas);
    const end = this.points.at(-1)?.unix_ms;
    if (end === undefined) return;
    const shown = this.points.filter((point) => point.unix_ms >= end - SPAN - GAP);
    const field = fieldOf(box, end, shown);
    const runs = runsOf(shown);
    this.grid(g, field);
    this.areas(g, field, runs);
    this.limit(g, field, runs);
    this.causes(g, field, shown);
    this.prices(g, field, shown, runs);
    this.inspect(g, field, shown);
  }

  grid(g, f) {
    g.font = f.font;
    g.lineWidth = 1;
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (let watts = 0; watts <= f.top; watts += f.step) {
      const y = Math.round(f.y(watts)) + 0.5;
      line(g, this.inks.line, [[f.left, y], [f.right, y]]);
      g.fillStyle = this.inks.quiet;
      g.fillText(f.mega ? (watts / 1e6).toFixed(f.step < 1e6 ? 1 : 0) : (watts / 1e3).toFixed(0), f.left - 7, y);
    }
    g.textAlign = "left";
    g.fillText(f.mega ? "MW" : "kW", 2, 7);
    g.textAlign = "center";
    g.textBaseline = "alphabetic";
    for (let at = Math.ceil((f.end - SPAN) / 60_000) * 60_000; at <= f.end; at += 60_000) {
      const x = Math.round(f.x(at)) + 0.5;
      line(g, this.inks.line, [[x, f.y0], [x, f.bottom]]);
      g.fillStyle = this.inks.quiet;
      if (x > f.left + 14 && x < f.right - 14) g.fillText(clock(at).slice(0, 5), x, f.height - 3);
    }
  }

  areas(g, f, runs) {
    const clip = new Path2D();
    clip.rect(f.left, 0, f.right - f.left, f.height);
    g.save();
    g.clip(clip);
    for (const run of runs) {
      const house = (point) => point.house_w ?? 0;
      const hall = (point) => house(point) + hallOf(point);
      const miners = (point) => hall(point) + point.miners_w;
      area(g, f, run, () => 0, house, this.inks.house);
      area(g, f, run, house, hall, this.inks.hall);
      area(g, f, run, hall, miners, this.inks.miners);
      const hatch = hatched(g, this.inks.hall);
      area(g, f, run, (point) => Math.max(point.limit_w - Math.max(point.worst_w - hallOf(point), 0), hall(point)), (point) => point.limit_w, hatch);
      const blind = hatched(g, this.inks.card);
      for (const part of partsOf(run, (point) => point.hall_w === null)) area(g, f, part, house, hall, blind);
    }
    g.restore();
  }

  limit(g, f, runs) {
    g.lineWidth = 1.5;
    g.lineJoin = "round";
    for (const run of runs) {
      for (const part of partsOf(run, (point) => point.poi_w !== null)) {
        line(g, this.inks.ink, part.map((point) => [Math.max(f.x(point.unix_ms), f.left), f.y(point.poi_w)]), 0.75);
      }
      g.lineWidth = 2.5;
      line(g, this.inks.limit, run.map((point) => [Math.max(f.x(point.unix_ms), f.left), f.y(point.limit_w)]));
      g.lineWidth = 1.5;
    }
  }

  causes(g, f, shown) {
    g.font = f.font;
    g.textBaseline = "top";
    g.textAlign = "left";
    g.lineWidth = 1;
    let free = f.right;
    let marked = Infinity;
    const changes = shown.filter((point, ix) => ix > 0 && shown[ix - 1].cause !== point.cause && f.x(point.unix_ms) > f.left);
    for (const point of changes.reverse()) {
      const x = Math.round(f.x(point.unix_ms)) + 0.5;
      if (marked - x < 5) continue;
      marked = x;
      g.setLineDash([2, 3]);
      line(g, this.inks.quiet, [[x, f.y0 - 14], [x, f.y(0)]]);
      g.setLineDash([]);
      const text = this.words(point.cause).name;
      const fits = x + 4 + g.measureText(text).width <= free;
      free = x - 6;
      if (!fits) continue;
      g.fillStyle = this.inks.ink;
      g.fillText(text, x + 4, 1);
    }
  }

  prices(g, f, shown, runs) {
    const known = shown.filter((point) => point.price !== null).map((point) => point.price);
    g.font = f.font;
    g.textBaseline = "middle";
    g.textAlign = "right";
    g.fillStyle = this.inks.quiet;
    if (!known.length) return g.fillText("no price", f.right, (f.p0 + f.p1) / 2);
    const [least, most] = [Math.min(0, ...known), Math.max(1e6, ...known)];
    const y = (value) => f.p1 - ((value - least) / (most - least)) * (f.p1 - f.p0);
    g.fillText(price(most).replace(/[.].*/, ""), f.left - 7, f.p0 + 4);
    g.fillText(least < 0 ? price(least).replace(/[.].*/, "") : "0", f.left - 7, f.p1 - 2);
    line(g, this.inks.line, [[f.left, Math.round(y(0)) + 0.5], [f.right, Math.round(y(0)) + 0.5]]);
    g.lineWidth = 1.75;
    for (const run of runs) {
      for (const part of partsOf(run, (point) => point.price !== null)) {
        const steps = part.flatMap((point, ix) => {
          const x = Math.max(f.x(point.unix_ms), f.left);
          return ix ? [[x, y(part[ix - 1].price)], [x, y(point.price)]] : [[x, y(point.price)]];
        });
        line(g, this.inks.price, steps);
      }
    }
    g.lineWidth = 1;
    g.textAlign = "left";
    g.fillStyle = this.inks.quiet;
    g.fillText("USD/MWh", f.left + 4, f.p0 - 8);
  }

  inspect(g, f, shown) {
    let point = shown.at(-1);
    if (this.at !== null && this.at >= f.left && this.at <= f.right) {
      const at = f.end - SPAN + ((this.at - f.left) / (f.right - f.left)) * SPAN;
      point = shown.reduce((best, other) => Math.abs(other.unix_ms - at) < Math.abs(best.unix_ms - at) ? other : best);
      const x = Math.round(f.x(point.unix_ms)) + 0.5;
      line(g, this.inks.ink, [[x, f.y0], [x, f.bottom]]);
      const text = `${clock(point.unix_ms)}  ${power(importOf(point))}`;
      const wide = g.measureText(text).width + 14;
      const from = Math.min(Math.max(x - wide / 2, f.left), f.right - wide);
      g.fillStyle = this.inks.ink;
      g.beginPath();
      g.roundRect(from, f.y(0) - 24, wide, 18, 4);
      g.fill();
      g.fillStyle = this.inks.card;
      g.textAlign = "left";
      g.textBaseline = "middle";
      g.fillText(text, from + 7, f.y(0) - 14.5);
    }
    const values = {
      limit: power(point.limit_w),
      reserve: point.hall_w === null ? "all" : power(Math.max(point.worst_w - point.hall_w, 0)),
      miners: power(point.miners_w), hall: power(point.hall_w), house: power(point.house_w), price: price(point.price),
    };
    for (const item of this.legend.querySelectorAll("[data-at]")) {
      const text = values[item.dataset.at];
      if (item.textContent !== text) item.textContent = text;
    }
  }
}

// Where things are: margins, scales, and the price strip beneath.
function fieldOf(box, end, shown) {
  const narrow = box.width < 560;
  const f = { end, height: box.height, left: 38, right: box.width - 2, y0: 20, bottom: box.height - 17 };
  f.p1 = f.bottom - 2;
  f.p0 = f.p1 - (narrow ? 38 : 48);
  f.base = f.p0 - 20;
  f.font = "12px system-ui, sans-serif";
  const most = shown.reduce((high, point) => Math.max(high, point.limit_w * 1.06, importOf(point) * 1.03), 1_000);
  f.step = niceStep(most / 4.5);
  f.top = most;
  f.mega = most >= 1e6;
  f.x = (at) => f.right - ((end - at) / SPAN) * (f.right - f.left);
  f.y = (watts) => f.base - (watts / f.top) * (f.base - f.y0);
  return f;
}

function niceStep(rough) {
  const ten = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((times) => times * ten).find((step) => step >= rough);
}

// The stretches without a gap.
function runsOf(points) {
  const runs = [];
  points.forEach((point, ix) => {
    if (ix && point.unix_ms - points[ix - 1].unix_ms <= GAP) runs.at(-1).push(point);
    else runs.push([point]);
  });
  return runs;
}

function partsOf(run, wanted) {
  const parts = [];
  let open = false;
  for (const point of run) {
    if (!wanted(point)) open = false;
    else if (open) parts.at(-1).push(point);
    else { parts.push([point]); open = true; }
  }
  return parts;
}

function area(g, f, run, low, high, fill) {
  if (run.length < 2) return;
  g.beginPath();
  run.forEach((point) => g.lineTo(f.x(point.unix_ms), f.y(high(point))));
  [...run].reverse().forEach((point) => g.lineTo(f.x(point.unix_ms), f.y(low(point))));
  g.closePath();
  g.fillStyle = fill;
  g.fill();
}

function line(g, ink, points, alpha = 1) {
  g.globalAlpha = alpha;
  g.strokeStyle = ink;
  g.beginPath();
  points.forEach(([x, y]) => g.lineTo(x, y));
  g.stroke();
  g.globalAlpha = 1;
}

function hatched(g, ink) {
  const tile = new OffscreenCanvas(12, 12);
  const h = tile.getContext("2d");
  h.strokeStyle = ink;
  h.globalAlpha = 0.6;
  h.lineWidth = 1.6;
  h.beginPath();
  for (const shift of [-12, 0, 12]) { h.moveTo(shift - 2, 14); h.lineTo(shift + 14, -2); }
  h.stroke();
  const pattern = g.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(0.6));
  return pattern;
}

// The colours as the style sheet resolved them for the theme in force.
function inks(canvas) {
  const of = (element) => getComputedStyle(element);
  const key = (name) => of(document.querySelector(`#legend .key.${name}`)).color;
  return {
    ink: of(canvas).color, quiet: of(document.querySelector(".quiet")).color, card: of(canvas.parentElement).backgroundColor,
    line: of(canvas.parentElement).borderTopColor,
    house: key("house"), hall: key("hall"), miners: key("miners"), limit: key("limit"), price: key("price"),
  };
}
