// Buttons. Each sends one wish and says what became of it; none waits for the screen to agree.

import { make, one, power, put } from "./units.js";

// The last order that was not taken, until one is: it must not be overlooked.
export const trouble = { text: "", more: "" };

const PATIENCE = 3_000;   // an answer that takes longer is reported as none

export async function tell(action, said) {
  const told = one("told");
  put(told, `${said}: sending…`);
  try {
    const answer = await fetch("act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(action),
      signal: AbortSignal.timeout(PATIENCE),
    });
    became(said, answer.ok ? "" : "refused", answer.ok ? "" : await answer.text());
  } catch {
    became(said, "no answer from the controller", "Give the order at its terminal, or by hand.");
  }
}

function became(said, failure, more) {
  put(one("told"), failure ? `${said}: ${failure}. ${more}` : `${said}: taken`);
  one("told").classList.toggle("bad", Boolean(failure));
  Object.assign(trouble, { text: failure && `${said}: ${failure}.`, more });
}

export const stop = () => tell({ act: "e_stop", to: true }, "E-stop");
export const askRelease = () => one("release").showModal();

// What cannot be taken back lightly is sent after a second question.
let asked = null;
function ask(action, said, what, keep) {
  asked = { action, said };
  put(one("switch-title"), `${said}?`);
  put(one("switch-what"), what);
  put(one("switch-not"), keep);
  put(one("switch-now"), said);
  one("switch").showModal();
}
export const askAccept = (hash, moved) => ask({ act: "accept", to: hash }, `Accept tariff ${hash.slice(0, 12)}`,
  `From the next settlement interval on the site runs by it. It moves today's median price ${moved}: be sure that this is meant.`, "Let it wait");
export const askClose = (feeder) => ask({ act: "close", to: [feeder] }, `Close feeder ${feeder}`,
  "Everything behind it gets power as soon as there is room for all of it. Be sure that nobody works there, and that what drew on is repaired.", "Keep it open");
const askOpen = (feeder) => ask({ act: "open", to: [feeder] }, `Open feeder ${feeder}`,
  "Everything behind it loses its power at once, and stays without it until you close the feeder.", "Leave it closed");

export class Orders {
  constructor() {
    this.faults = {};
    one("estop").addEventListener("click", stop);
    one("keep").addEventListener("click", () => one("release").close());
    one("release-now").addEventListener("click", () => {
      one("release").close();
      tell({ act: "e_stop", to: false }, "Release e-stop");
    });
    one("switch-not").addEventListener("click", () => one("switch").close());
    one("switch-now").addEventListener("click", () => {
      one("switch").close();
      tell(asked.action, asked.said);
    });
    one("feeder-form").addEventListener("submit", (event) => { event.preventDefault(); askOpen(one("feeder").value); });
    one("cap-form").addEventListener("submit", (event) => { event.preventDefault(); this.cap(); });
    one("lock-form").addEventListener("submit", (event) => { event.preventDefault(); this.lock("lock", "Lock"); });
    one("unlock").addEventListener("click", () => this.lock("unlock", "Unlock"));
    one("lift").addEventListener("click", () => tell({ act: "cap", to: null }, "Lift cap"));
    one("jump").addEventListener("click", () => tell({ act: "hall_jump" }, "Hall jump"));
    one("meter").addEventListener("click", () => this.meter());
    one("pdu").addEventListener("click", () => this.pdu());
  }

  cap() {
    const watts = Math.round(one("cap").valueAsNumber * 1_000);
    if (Number.isFinite(watts)) tell({ act: "cap", to: watts }, `Cap at ${power(watts)}`);
  }

  lock(act, said) {
    const names = one("lock").value.split(/[\s,]+/).filter(Boolean);
    if (names.length) tell({ act, to: names }, `${said} ${names.join(", ")}`);
    else one("lock").reportValidity();
  }

  meter() {
    const out = !this.faults.meter_unplugged;
    tell({ act: "unplug_meter", to: out }, out ? "Unplug POI meter" : "Plug POI meter in");
  }

  pdu() {
    const out = !this.faults.pdu_unplugged;
    tell({ act: "unplug_pdu", to: out }, out ? "Unplug a PDU" : "Plug the PDU in");
  }

  show(view) {
    const { orders, faults, demo } = view;
    this.faults = faults;
    const estop = one("estop");
    estop.setAttribute("aria-pressed", String(orders.e_stop));
    put(estop, orders.e_stop ? "STOPPED" : "E-STOP");
    one("lift").disabled = orders.cap_w === null;
    const cap = one("cap");
    if (!cap.value && !cap.matches(":focus") && view.import_limit_w) cap.value = Math.round(view.import_limit_w * 0.85 / 1e4) * 10;
    const names = view.groups.map((group) => group.name);
    if (names.join() !== this.names) {
      this.names = names.join();
      one("group-names").replaceChildren(...names.map((name) => Object.assign(make("option"), { value: name })));
    }
    one("unlock").disabled = !orders.locked?.length;
    const closed = (view.feeders ?? []).filter((feeder) => !feeder.open).map((feeder) => feeder.name);
    if (closed.join() !== this.closed) {
      this.closed = closed.join();
      one("feeder").replaceChildren(...closed.map((name) => make("option", "", name)));
    }
    one("feeder-form").hidden = !closed.length;
    one("demo").hidden = !demo;
    put(one("jump"), faults.hall_jump ? "Hall is jumping…" : "Hall jump");
    put(one("meter"), faults.meter_unplugged ? "Plug meter in" : "Unplug meter");
    put(one("pdu"), faults.pdu_unplugged ? `Plug ${faults.pdu_unplugged} in` : "Unplug a PDU");
  }
}
