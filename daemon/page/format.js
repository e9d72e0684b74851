// How figures are written. What is not known is a dash, never a zero.

export const UNKNOWN = '–';

/** @typedef {number | null | undefined} Figure */

/** @param {Figure} ms */
export function seconds(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const s = ms / 1000;
  if (s < 0.01) return '<\u00a00.01\u00a0s';
  return s < 10 ? `${s.toFixed(s < 1 ? 2 : 1)}\u00a0s` : span(ms);
}

/**
 * A running clock: tenths, so that it is seen to run.
 * @param {number} ms
 */
export function clock(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 100) return `${s.toFixed(1)}\u00a0s`;
  return `${Math.floor(s / 60)}\u00a0min\u00a0${String(Math.floor(s % 60)).padStart(2, '0')}\u00a0s`;
}

/** @param {Figure} ms */
export function span(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const s = ms / 1000;
  if (s < 120) return `${Math.round(s)}\u00a0s`;
  if (s < 7200) return `${short(s / 60)}\u00a0min`;
  return s < 48 * 3600 ? `${short(s / 3600)}\u00a0h` : `${short(s / 86_400)}\u00a0d`;
}

/** @param {number} value */
function short(value) {
  return value.toFixed(value < 10 ? 1 : 0);
}

/** @param {Figure} tokens */
export function tokens(tokens) {
  if (!isKnown(tokens)) return UNKNOWN;
  if (tokens < 1000) return String(Math.round(tokens));
  const k = tokens / 1000;
  if (k < 1000) return `${k < 100 ? k.toFixed(1) : Math.round(k)}k`;
  return `${(k / 1000).toFixed(1)}M`;
}

/** @param {Figure} value */
export function count(value) {
  return isKnown(value) ? value.toLocaleString('en') : UNKNOWN;
}

/** @param {Figure} value 0 to 100 */
export function percent(value) {
  if (!isKnown(value)) return UNKNOWN;
  return `${value > 0 && value < 1 ? '<\u00a01' : Math.round(value)}\u00a0%`;
}

/** @param {Figure} part @param {Figure} whole */
export function share(part, whole) {
  return isKnown(part) && isKnown(whole) && whole > 0 ? percent((100 * part) / whole) : UNKNOWN;
}

/** @param {Figure} perSecond */
export function rate(perSecond) {
  return isKnown(perSecond) ? `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}\u00a0tok/s` : UNKNOWN;
}

/** Local time of day, with the date where it is not today. @param {number} ms @param {number} nowMs */
export function moment(ms, nowMs) {
  const at = new Date(ms);
  const time = at.toTimeString().slice(0, 8);
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${day(at)} ${time.slice(0, 5)}`;
}

/** The last part of a working directory: what a person calls the project. @param {string | null | undefined} path */
export function folder(path) {
  return path?.split(/[/\\]/).findLast((part) => part !== '') ?? path ?? undefined;
}

/** @param {number} ms */
export function exactTime(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${day(at)} ${at.toTimeString().slice(0, 8)}`;
}

/** @param {Date} at */
function day(at) {
  return `${String(at.getMonth() + 1).padStart(2, '0')}-${String(at.getDate()).padStart(2, '0')}`;
}

/**
 * @param {Figure} value
 * @returns {value is number}
 */
export function isKnown(value) {
  return typeof value === 'number' && Number.isFinite(value);
}
