// How quantities are written. What is not known is a dash, never a zero.

const NONE = "–";
const MINUS = "−";

const fixed = (value, digits) => value.toFixed(digits).replace("-", MINUS);

export function power(watts) {
  if (watts === null || watts === undefined) return NONE;
  const size = Math.abs(watts);
  if (watts === 0) return "0\u00a0kW";
  if (size >= 999_500) return `${fixed(watts / 1e6, 2)}\u00a0MW`;
  if (size >= 9_950) return `${fixed(watts / 1e3, 0)}\u00a0kW`;
  return `${fixed(watts / 1e3, 1)}\u00a0kW`;
}

export function price(micro) {
  return micro === null || micro === undefined ? NONE : fixed(micro / 1e6, 2);
}

export function share(ppm) {
  return ppm === null || ppm === undefined ? NONE : `${fixed(ppm / 1e4, 1)}\u00a0%`;
}

export function span(micros) {
  if (micros < 1_000) return `${micros} µs`;
  if (micros < 20_000) return `${whole(micros / 1e3, 1)} ms`;
  if (micros < 1_000_000) return `${whole(micros / 1e3, 0)} ms`;
  return `${whole(micros / 1e6, 2)} s`;
}

const whole = (value, digits) => Number.isInteger(value) ? String(value) : fixed(value, digits);

export const count = (number) => number.toLocaleString("en");

const two = (number) => String(number).padStart(2, "0");

export function clock(unixMs) {
  const at = new Date(unixMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function utc(unixMs) {
  return `${new Date(unixMs).toISOString().slice(11, 19)} UTC`;
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, kind, text) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== undefined) element.textContent = text;
  return element;
}

export const one = (id) => document.getElementById(id);
