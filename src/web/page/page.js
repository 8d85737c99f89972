// The page: follows the stream, fills in the numbers, and says so when there is nothing to follow.

import { Strip } from "./chart.js";
import { Orders, askAccept, askClose, askRelease, tell, trouble } from "./orders.js";
import { Groups, events, facts, stages } from "./tables.js";
import { clock, make, one, power, price, put, share, utc } from "./units.js";

const STALE = 2_500;    // no view for so long: the page says that it is old
const RETRY = 2_000;    // between two attempts to reach the stream
const SPEAK = 3_000;    // at most so often is a new cause read out

const theme = new URLSearchParams(location.search).get("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;

let causes = {};
const words = (cause) => causes[cause] ?? { name: cause.replaceAll("_", " "), meaning: "" };
const strip = new Strip(one("strip"), one("legend"), words);
const groups = new Groups(words);
const orders = new Orders();
let view = null;
let heard = performance.now();
let reason = "";
let spokenAt = 0;

function show(next) {
  view = next;
  heard = performance.now();
  reason = "";
  strip.push(pointOf(next));
  numbers(next);
  cause(next);
  orders.show(next);
  groups.show(next.groups);
  stages(next.stages);
  events(next.events);
  facts(next);
  put(one("site"), next.site);
  put(one("note"), next.note);
  age();
}

const pointOf = (v) => ({
  unix_ms: v.unix_ms, limit_w: v.import_limit_w, poi_w: v.poi_w, hall_w: v.hall_w, worst_w: v.hall_worst_w,
  house_w: v.house_w, miners_w: v.miners_w, price: v.price_micro_usd_mwh, cause: v.cause,
});

function numbers(v) {
  const room = v.poi_w === null ? null : v.import_limit_w - v.poi_w;
  put(one("import"), v.poi_w === null ? "no data" : power(v.poi_w));
  put(one("import-of"), `of ${power(v.import_limit_w)}`);
  put(one("room"), room === null ? "unknown: nothing is brought back" : room < 0 ? `${power(-room)} above the limit` : `${power(room)} below the limit${capped(v)}`);
  held(v);
  put(one("hall"), v.hall_w === null ? "no data" : power(v.hall_w));
  put(one("hall-more"), `counts as ${power(v.hall_worst_w)}`);
  put(one("miners"), power(v.miners_w));
  put(one("miners-more"), `may draw ${power(Math.min(v.ceiling_w, v.fleet_w))}${v.counted_w > v.miners_w + v.fleet_w / 200 ? ` · counts as ${power(v.counted_w)}` : ""}`);
  costs(v);
  put(one("absorbed"), share(v.score.absorbed_share_ppm));
  put(one("absorbed-more"), v.score.static_share_ppm === null ? "of what was there since the start" : `a static reservation: ${share(v.score.static_share_ppm)}`);
  const [house, hall] = [v.house_w ?? 0, v.hall_w ?? v.hall_worst_w];
  const full = Math.max(v.import_limit_w, house + hall + v.miners_w, 1);
  const reserve = Math.max(Math.min(v.hall_worst_w - hall, full - house - hall - v.miners_w), 0);
  const parts = { house, hall, miners: v.miners_w, reserve };
  for (const [name, watts] of Object.entries(parts)) one(`part-${name}`).style.width = `${(watts / full) * 100}%`;
  document.title = `${v.orders.e_stop ? "■ E-STOP · " : ""}${v.poi_w === null ? "no data" : power(v.poi_w)} of ${power(v.import_limit_w)} · Ballast`;
}

// What power costs: the price of the feed, or of the last watt by the tariff.
function costs(v) {
  const { tariff } = v;
  const lost = "no price: the fall-back of the site file holds";
  if (!tariff) {
    put(one("price"), price(v.price_micro_usd_mwh));
    put(one("price-more"), v.price_micro_usd_mwh === null ? lost : "USD/MWh");
    return;
  }
  const index = v.price_micro_usd_mwh === null ? "" : `, index ${price(v.price_micro_usd_mwh)}`;
  put(one("price"), price(tariff.marginal_micro_usd_mwh));
  put(one("price-more"), tariff.marginal_micro_usd_mwh === null ? lost : `USD/MWh${index}`);
  one("price-more").title = `what the last watt costs by the tariff ${tariff.name}, file ${tariff.sha256}`;
}

// The tightest of the peaks that are held, until its window ends.
function held(v) {
  const peaks = (v.tariff?.peaks ?? []).toSorted((one, other) => one.most_w - other.most_w);
  one("held").title = peaks.map((peak) => `${peak.line}: ${power(peak.most_w)}`).join(", ");
  put(one("held"), peaks.length ? `peak held at ${power(peaks[0].most_w)} until ${clock(peaks[0].until_ms).slice(0, 5)}` : "");
}

const capped = (v) => v.orders.cap_w === null ? "" : ` · capped at ${power(v.orders.cap_w)}`;

function cause(v) {
  const { name, meaning } = words(v.cause);
  put(one("cause"), name);
  put(one("why"), meaning);
  const since = strip.since();
  put(one("since"), since ? ` · since ${clock(since)}` : "");
  document.querySelector(".cause").dataset.cause = v.cause;
  if (performance.now() - spokenAt < SPEAK) return;
  if (one("spoken").textContent !== `Held by: ${name}`) spokenAt = performance.now();
  put(one("spoken"), `Held by: ${name}`);
}

// What a person must not miss, most urgent first.
function alarms(lost) {
  const list = [];
  const add = (kind, text, more, button) => list.push({ kind, text, more, button });
  if (lost) add("alarm", view ? `No data since ${clock(view.unix_ms)}: what you see is old.` : "No data from the controller.", `${reason || "The controller does not need this page; look at its terminal."} (${Math.round(lost / 1_000)} s)`);
  if (trouble.text) add("alarm", trouble.text, trouble.more);
  if (!view) return list;
  if (view.orders.e_stop) {
    const by = { out_of_control: "import stayed over the limit. Find out why first.", relay_tripped: "the under-frequency relay tripped. Wait for the recall." }[view.terminated];
    const why = by ? `The fail-safe pressed it: ${by}` : "Every miner is off and stays off.";
    add("alarm", "E-stop is in force.", why, ["Release e-stop…", askRelease]);
  }
  if (view.poi_w !== null && view.poi_w > view.import_limit_w) add("alarm", "Import is above the limit.", `By ${power(view.poi_w - view.import_limit_w)}; miners are being shed.`);
  if (view.faults.meter_unplugged) add("warn", "The POI meter is unplugged.", "Nothing is brought back until it answers again.", ["Plug it in", () => tell({ act: "unplug_meter", to: false }, "Plug POI meter in")]);
  else if (view.poi_w === null) add("warn", "The POI meter gives no data.", "Nothing is brought back until it answers again.");
  if (view.hall_w === null) add("warn", "The hall's meter gives no data.", `The hall counts as ${power(view.hall_worst_w)}.`);
  const silent = view.groups.filter((group) => group.link === "silent" && !group.severed).map((group) => group.name);
  if (silent.length) add("warn", `${silent.length === 1 ? "One group is" : `${silent.length} groups are`} silent: ${some(silent)}.`, "Silent miners count as drawing.");
  const deaf = view.groups.filter((group) => group.link === "up" && !group.following && !group.severed).map((group) => group.name);
  if (deaf.length) add("warn", `${deaf.length === 1 ? "One group does" : `${deaf.length} groups do`} not follow: ${some(deaf)}.`, "It was told to go lower and its meter does not show it.");
  for (const feeder of (view.feeders ?? []).filter((feeder) => feeder.open)) {
    const shows = feeder.dark ? "Its meter shows no power." : feeder.power_w === null ? "Its meter gives no data: all behind it counts." : `Its meter shows ${power(feeder.power_w)}${feeder.following ? "" : ": open it by hand"}.`;
    const then = feeder.waits ? `It closes when there is room for ${power(feeder.behind_w)}.` : "It stays open until you close it.";
    const button = ["Close it…", () => askClose(feeder.name)];
    add(feeder.following ? "warn" : "alarm", `Feeder ${feeder.name} is open.`, `${shows} ${then}`, feeder.waits ? undefined : button);
  }
  const { refused, waits } = view.tariff ?? {};
  if (refused) add("alarm", "The tariff file is refused; the last good one stays in force.", refused);
  if (waits) {
    const moved = waits[1] === null ? "by an unknown part" : `by ${share(waits[1])}`;
    add("warn", `A new tariff waits (${waits[0].slice(0, 12)}).`, `It moves today's median price ${moved}. Compare it with the sheet before you accept it.`, ["Accept it…", () => askAccept(waits[0], moved)]);
  }
  const locked = view.orders.locked ?? [];
  if (locked.length) add("warn", `${locked.length === 1 ? "One group is" : `${locked.length} groups are`} locked: ${some(locked)}.`, "Nothing is switched there but by e-stop, and all that has power counts in full.");
  if (view.orders.drain) add("warn", "The controller is ending.", "Miners go off on the ramp; then it stops.");
  return list;
}

const some = (names) => names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");

function banners(list) {
  const place = one("banners");
  const key = list.map((item) => `${item.kind}${item.text}`).join("\n");
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    place.replaceChildren(...list.map(bannerFor));
  }
  list.forEach((item, ix) => put(place.children[ix].querySelector(".more"), item.more));
}

function bannerFor(item) {
  const banner = make("div", `banner ${item.kind}`);
  const sign = make("span", "sign", item.kind === "alarm" ? "■" : "▲");
  sign.setAttribute("aria-hidden", "true");
  const more = make("span", "more");
  more.setAttribute("aria-hidden", "true");
  banner.append(sign, make("strong", "", item.text), more);
  if (item.button) {
    const button = make("button", "", item.button[0]);
    button.type = "button";
    button.addEventListener("click", item.button[1]);
    banner.append(button);
  }
  return banner;
}

function age() {
  const since = performance.now() - heard;
  const lost = since > STALE ? since : 0;
  document.body.classList.toggle("old", Boolean(lost));
  const link = one("link");
  link.dataset.link = lost ? "lost" : view ? "live" : "wait";
  put(link, lost ? "no data" : view ? "live" : "connecting");
  if (view) {
    put(one("clock"), clock(view.unix_ms));
    put(one("zone"), utc(view.unix_ms));
  }
  banners(alarms(lost));
}

function follow() {
  const stream = new EventSource("live");
  stream.onmessage = (message) => show(JSON.parse(message.data));
  stream.onerror = async () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    stream.close();
    reason = await refusal();
    setTimeout(follow, RETRY);
  };
}

// Why there is no stream: the controller answers and says so, or it does not answer at all.
async function refusal() {
  const patience = new AbortController();
  try {
    const answer = await fetch("live", { signal: patience.signal });
    const text = answer.ok ? "" : await answer.text();
    patience.abort();
    return text;
  } catch {
    return "";
  }
}

async function start() {
  const fetched = await Promise.allSettled(["causes", "history", "view"].map(async (what) => (await fetch(what)).json()));
  if (fetched[0].status === "fulfilled") causes = fetched[0].value;
  if (fetched[1].status === "fulfilled") strip.load(fetched[1].value);
  if (fetched[2].status === "fulfilled" && fetched[2].value.unix_ms) show(fetched[2].value);
  follow();
}

setInterval(age, 500);
start();
