// @ts-check
/** What is in conflict, in words and numbers: what this page wanted to keep, and what somebody else has kept meanwhile. */

import { yawOf } from './geometry.js';
import { cuboidOf } from './labels.js';

/** What fields are called where they cannot be told in numbers. @type {Record<string, string>} */
const WORDS = {
  center_m: 'place', size_m: 'size', quat_wxyz: 'heading', yaw_rad: 'heading', track_id: 'name', category: 'class', timestamp_ns: 'time', method: 'way of interpolation',
  xyxy_px: 'box', points_px: 'vertices', rle: 'mask',
};
const NUMBERS = ['x', 'y', 'z', 'length', 'width', 'height'];
const SEEN = 0.005; // of what is told with two digits

/** The fields that somebody else changed. @param {string[]} changed paths of the store */
export function fieldsOf(changed) {
  return [...new Set(changed.map((one) => WORDS[one] ?? one.replace(/^attributes\//, '').replaceAll('_', ' ')))];
}

/**
 * Each value that is another on both sides: `height: yours 3.30 m, anna's 2.40 m`.
 * @param {any[]} edits as they were sent @param {any} conflict as the server tells it: id, body, account
 * @returns {string[]}
 */
export function valuesOf(edits, conflict) {
  const { body } = conflict;
  const edit = edits.find((one) => one.id === conflict.id);
  if (!edit || !body) return [];
  const who = `${conflict.account ?? 'somebody'}'s`;
  const told = (/** @type {string} */ name, /** @type {any} */ mine, /** @type {any} */ theirs) => `${name}: yours ${mine}, ${who} ${theirs}`;
  if (edit.shape?.center_m && body.center_m) return cuboidValues(edit.shape, body).map(([name, mine, theirs]) => told(name, mine, theirs));
  const held = edit.verb === 'set_attributes' ? (body.attributes ?? {}) : body;
  const wanted = { ...edit.set, ...Object.fromEntries((edit.remove ?? []).map((/** @type {string} */ name) => [name, undefined])) };
  return Object.keys(wanted)
    .filter((name) => text(wanted[name]) !== text(held[name]))
    .map((name) => told(edit.verb === 'set_attributes' ? name : fieldsOf([name])[0], text(wanted[name]), text(held[name])));
}

/** @param {any} mine @param {any} theirs bodies with a cuboid @returns {[string, string, string][]} */
function cuboidValues(mine, theirs) {
  const [a, b] = [cuboidOf(mine), cuboidOf(theirs)];
  /** @type {[string, string, string][]} */
  const found = [];
  NUMBERS.forEach((name, k) => {
    const [p, q] = [a, b].map((one) => [...one.center, ...one.size][k]);
    if (Math.abs(p - q) >= SEEN) found.push([name, `${p.toFixed(2)} m`, `${q.toFixed(2)} m`]);
  });
  const [p, q] = [a, b].map((one) => (yawOf(one.quat) * 180) / Math.PI);
  const apart = Math.abs(p - q) % 360;
  if (Math.min(apart, 360 - apart) >= SEEN) found.push(['heading', `${p.toFixed(2)}°`, `${q.toFixed(2)}°`]);
  return found;
}

/** @param {any} value of an attribute or a field */
function text(value) {
  if (value === undefined || value === null) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
