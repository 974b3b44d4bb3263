// @ts-check
/** Fields for the attributes that a class defines, and the others as they came. */

import { el } from './dom.js';

/** @typedef {import('./taxonomy.js').Attribute} Attribute */

/**
 * What is said of a track at a stamp: a keyframe's value holds until the next one that says something else.
 * @param {any} body of the track @param {import('./state.js').Entity[]} keyframes by time @param {number|bigint} stamp
 * @returns {Record<string, any>}
 */
export function heldAt(body, keyframes, stamp) {
  const held = { ...(body.attributes ?? {}) };
  for (const one of keyframes) if (one.body.timestamp_ns <= stamp) Object.assign(held, one.body.attributes ?? {});
  return held;
}

/** @param {Attribute} one @param {any} value @param {(value: any) => void} set @param {string} id */
function control(one, value, set, id) {
  if (one.kind === 'group') {
    return el('fieldset', {}, el('legend', {}, one.name), one.members.map((member) =>
      attributeRow(member, value?.[member.name], (inner) => set({ ...(value ?? {}), [member.name]: inner }), `${id}-${member.name}`)));
  }
  if (one.kind === 'choice') {
    const said = value === undefined || value === null ? [] : [String(value)]; // what came with a recording may be none of the choices
    const values = [...new Set([...one.values, ...said])];
    const made = el('select', { id, testid: id, on: { change: () => set(made.value || undefined) } }, el('option', { value: '' }, '–'), values.map((each) => el('option', { value: each }, each)));
    made.value = String(value ?? '');
    return made;
  }
  if (one.kind === 'flag') {
    const made = el('input', { type: 'checkbox', id, testid: id, on: { change: () => set(made.checked) } });
    made.checked = Boolean(value);
    made.indeterminate = value === undefined;
    return made;
  }
  const made = el('input', { type: one.kind === 'number' ? 'number' : 'text', step: 'any', id, testid: id, maxlength: 1000, on: { change: () => set(read()) } });
  const read = () => (made.value === '' ? undefined : one.kind === 'number' ? made.valueAsNumber : made.value);
  made.value = value === undefined ? '' : String(value);
  return made;
}

/** @param {Attribute} one @param {any} value @param {(value: any) => void} set undefined takes it away @param {string} id @returns {HTMLElement} */
export function attributeRow(one, value, set, id) {
  const made = control(one, value, set, id);
  return one.kind === 'group' ? made : el('div', { class: 'field' }, el('label', { for: id }, one.name.replaceAll('_', ' ')), made);
}

/** Attributes that no class defines. @param {Record<string, any>} values @param {Attribute[]} known */
export function otherAttributes(values, known) {
  const names = Object.keys(values).filter((one) => !known.some((each) => each.name === one));
  if (!names.length) return null;
  return el('dl', { class: 'others' }, names.map((one) => [el('dt', {}, one), el('dd', {}, typeof values[one] === 'object' ? JSON.stringify(values[one]) : String(values[one]))]));
}
