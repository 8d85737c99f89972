// Groups, stages, events and the run so far. Builds elements once and changes only what changed.

import { clock, count, make, one, power, put, share, span, utc } from "./units.js";

const TILES = 600;   // more groups than this are counted, not drawn
const DOTS = 16;     // more units than this are a bar

const rowOf = (name) => name.includes("-") ? name.slice(0, name.lastIndexOf("-")) : "groups";
const shortOf = (name) => name.includes("-") ? name.slice(name.lastIndexOf("-") + 1) : name;
const lit = (group) => {
  let [on, bits] = [0, BigInt(group.on)];
  for (; bits; bits >>= 1n) on += Number(bits & 1n);
  return Math.min(on, group.units);
};

const low = (units) => units ? `, ${units} at low power` : "";

export class Groups {
  constructor(words) {
    this.words = words;
    this.names = "";
    this.tiles = [];
    this.rows = new Map();
  }

  show(groups) {
    const drawn = groups.slice(0, TILES);
    const names = drawn.map((group) => `${group.name}:${group.units}`).join();
    if (names !== this.names) { this.names = names; this.build(drawn); }
    drawn.forEach((group, ix) => this.tile(this.tiles[ix], group));
    this.sums(groups);
  }

  build(groups) {
    const place = one("groups");
    place.replaceChildren();
    this.rows.clear();
    this.tiles = groups.map((group) => {
      const name = rowOf(group.name);
      if (!this.rows.has(name)) this.rows.set(name, rowFor(place, name));
      const tile = tileFor(group);
      this.rows.get(name).list.append(tile.root);
      return tile;
    });
  }

  tile(tile, group) {
    const state = `${group.on}/${group.low}/${group.power_w}/${group.link}/${group.following}/${group.locked}/${group.severed}/${group.cause}`;
    if (tile.state === state) return;
    tile.state = state;
    const on = lit(group);
    const told = `${on} of ${group.units} on${low(group.low)}`;
    const mark = group.severed ? "feeder open" : group.link === "silent" ? "silent" : group.link === "new" ? "not seen yet" : group.locked ? "locked" : group.following ? "" : "not following";
    tile.root.dataset.mark = mark;
    tile.root.title = `${group.name}: ${told}, ${power(group.power_w)}; held by: ${this.words(group.cause).name.toLowerCase()}`;
    put(tile.power, mark || (on || group.power_w ? power(group.power_w) : "off"));
    put(tile.spoken, told);
    if (tile.bar) tile.bar.value = on;
    const bits = tile.bar ? 0n : BigInt(group.on);
    tile.dots.forEach((dot, ix) => dot.classList.toggle("on", Boolean(bits >> BigInt(ix) & 1n)));
  }

  sums(groups) {
    const total = { groups: groups.length, on: 0, units: 0, silent: 0, deaf: 0, locked: 0, severed: 0 };
    const rows = new Map();
    for (const group of groups) {
      const on = lit(group);
      const row = rows.get(rowOf(group.name)) ?? { groups: 0, on: 0, low: 0, units: 0, watts: 0 };
      rows.set(rowOf(group.name), { groups: row.groups + 1, on: row.on + on, low: row.low + (group.low ?? 0), units: row.units + group.units, watts: row.watts + (group.power_w ?? 0) });
      total.on += on;
      total.units += group.units;
      total.silent += group.link === "silent" && !group.severed;
      total.deaf += group.link === "up" && !group.following && !group.severed;
      total.severed += Boolean(group.severed);
      total.locked += Boolean(group.locked);
    }
    for (const [name, row] of this.rows) {
      const sum = rows.get(name);
      if (sum) put(row.sum, `${sum.on} of ${sum.units} on${low(sum.low)} · ${power(sum.watts)}`);
    }
    const more = groups.length > TILES ? ` · first ${TILES} drawn` : "";
    put(one("groups-sum"), `${total.on} of ${total.units} outlets on in ${total.groups} groups · ${total.silent} silent · ${total.deaf} not following${total.locked ? ` · ${total.locked} locked` : ""}${total.severed ? ` · ${total.severed} behind an open feeder` : ""}${more}`);
  }
}

function rowFor(place, name) {
  const row = make("section", "row-of-groups");
  const head = make("div", "head");
  const sum = make("p", "quiet");
  head.append(make("h3", "", name), sum);
  const list = make("ul", "tiles");
  row.append(head, list);
  place.append(row);
  return { list, sum };
}

function tileFor(group) {
  const root = make("li", "tile");
  const spoken = make("span", "unseen");
  const watts = make("span", "watts");
  const dots = make("span", "dots");
  dots.setAttribute("aria-hidden", "true");
  const bar = group.units > DOTS ? make("progress") : null;
  if (bar) { bar.max = group.units; dots.append(bar); }
  else for (let ix = 0; ix < group.units; ix += 1) dots.append(make("i"));
  root.append(make("span", "name", shortOf(group.name)), dots, watts, spoken);
  return { root, spoken, power: watts, bar, dots: bar ? [] : [...dots.children], state: "" };
}

export function stages(list) {
  const body = one("stages");
  while (body.rows.length > list.length) body.deleteRow(-1);
  list.forEach((stage, ix) => {
    const row = body.rows[ix] ?? rowOfStage(body);
    const over = stage.p99_us > stage.budget_us;
    row.classList.toggle("over", over);
    put(row.cells[0].firstChild, stage.name);
    put(row.cells[1], span(stage.p50_us));
    put(row.cells[2].firstChild, span(stage.p99_us));
    row.cells[2].lastChild.value = Math.min(stage.p99_us / Math.max(stage.budget_us, 1), 1);
    put(row.cells[3], span(stage.max_us));
    put(row.cells[4], span(stage.budget_us));
    put(row.cells[5], over ? `${count(stage.missed)} ⚠ over` : count(stage.missed));
  });
}

function rowOfStage(body) {
  const row = body.insertRow();
  const head = make("th");
  head.scope = "row";
  head.append("");
  head.append(make("span"));
  row.append(head);
  for (let ix = 0; ix < 5; ix += 1) row.insertCell();
  const meter = make("progress", "budget");
  meter.setAttribute("aria-hidden", "true");
  row.cells[2].append(make("span"), meter);
  return row;
}

export function events(list) {
  const place = one("events");
  const key = (event) => `${event.unix_ms}|${event.text}`;
  const shown = new Map([...place.children].map((item) => [item.dataset.key, item]));
  const wanted = [...list].reverse();
  if (place.dataset.keys === wanted.map(key).join("\n")) return;
  place.dataset.keys = wanted.map(key).join("\n");
  place.replaceChildren(...wanted.map((event) => shown.get(key(event)) ?? itemFor(event, key(event))));
}

const MARKS = { info: "", warn: "▲ ", alarm: "■ " };

function itemFor(event, key) {
  const item = make("li", event.severity);
  item.dataset.key = key;
  const at = make("time", "quiet", clock(event.unix_ms));
  at.dateTime = new Date(event.unix_ms).toISOString();
  at.title = utc(event.unix_ms);
  const text = make("span", "", `${MARKS[event.severity] ?? ""}${event.text}`);
  if (event.severity !== "info") text.prepend(make("span", "unseen", `${event.severity}: `));
  item.append(at, text);
  return item;
}

export function facts(view) {
  const { score, journal } = view;
  const rows = [
    ["Worst excess", score.worst_excess_w > 0 ? `${power(score.worst_excess_w)} · ${count(Math.round(score.excess_ws / 1e3))} kW·s` : "none"],
    ["Time above limit", score.time_above_ms > 0 ? span(score.time_above_ms * 1_000) : "none"],
    ["Switches a unit", (score.switches_mean_milli / 1_000).toFixed(1)],
    ["Static reservation", `would have taken ${share(score.static_share_ppm)}`],
    ["Journal", `${count(journal.records)} records · ${journal.durable_lag ? `${count(journal.durable_lag)} not yet durable` : "all durable"}`],
    ...(journal.root_prefix ? [["Root", `${journal.root_prefix}…`]] : []),
  ];
  const place = one("facts");
  if (place.children.length !== rows.length * 2) place.replaceChildren(...rows.flatMap(([name]) => [make("dt", "", name), make("dd")]));
  rows.forEach(([, text], ix) => put(place.children[ix * 2 + 1], text));
}
