// @ts-check
/** The sheet of all keys. */

import { button, el, put } from './dom.js';
import { CONTROL_KEYS, KEYS } from './keys.js';

const NAMES = /** @type {Record<string, string>} */ ({ ArrowRight: '→', ArrowLeft: '←', PageUp: 'Page ↑', PageDown: 'Page ↓', Escape: 'Esc' });
const MOUSE = [
  ['click', 'select a cuboid'],
  ['drag a selected cuboid', 'move it on its floor; Shift: up and down'],
  ['drag a blue dot, or an edge in a side view', 'move that face; the opposite one stays'],
  ['drag the yellow dot', 'turn'],
  ['drag elsewhere, wheel, right button', 'look around, zoom, shift the view'],
  ['double click', 'come near to the selected cuboid'],
];

const PICTURE = [
  ['click, Shift and a click', 'the next place of a shape; a keypoint that is hidden'],
  ['Space', 'leave a keypoint out'],
  ['Enter, double click', 'close or end what is drawn; one picture large, or all again'],
  ['Backspace', 'take the last place back'],
  ['Alt and a click, or Delete over it', 'take a vertex away'],
  ['wheel, + and −, drag', 'zoom, move the picture'],
  ['0', 'the whole picture'],
];

/** @param {import('./app.js').App} app @param {HTMLDialogElement} place */
export function startHelp(app, place) {
  const groups = new Map([...KEYS, ...CONTROL_KEYS].map((one) => [one.group, /** @type {any[]} */ ([])]));
  for (const one of KEYS) groups.get(one.group)?.push([one.keys, one.text]);
  for (const one of CONTROL_KEYS) groups.get(one.group)?.push([one.keys.split(' ').map((each) => `Ctrl+${each.toUpperCase()}`).join(' '), one.text]);
  const table = (/** @type {string} */ title, /** @type {string[][]} */ rows, /** @type {boolean} */ isMouse) =>
    el('section', {}, el('h3', {}, title), el('dl', { class: isMouse ? 'mouse' : 'keys' }, rows.map(([keys, text]) => [
      el('dt', {}, isMouse ? keys : keys.split(' ').map((one) => el('kbd', {}, NAMES[one] ?? (one.length === 1 ? one.toUpperCase() : one)))),
      el('dd', {}, text),
    ])));
  put(
    place,
    el('div', { class: 'row heading' }, el('h2', {}, 'Keys and mouse'), button('Close', 'help-close', () => place.close())),
    el('div', { class: 'sheet', testid: 'help-sheet' }, table('Mouse', MOUSE, true), table('In a picture', PICTURE, true), [...groups].map(([title, rows]) => table(title, rows, false))),
  );
  app.state.on('help', () => (place.open ? place.close() : place.showModal()));
}
