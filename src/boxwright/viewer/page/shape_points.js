// @ts-check
/** The points of the selected keypoints by name, and whether each is seen, hidden or not marked in this frame. */

import { el, fill } from './dom.js';
import { placeOf, pointSeen } from './shape_math.js';

const WORDS = [['visible', 'visible'], ['occluded', 'hidden'], ['outside', 'not marked']];

/** @param {import('./app.js').App} app @param {import('./shape_verbs.js').ShapeVerbs} verbs */
export function startShapePoints(app, verbs) {
  const element = el('div', { class: 'keypoints', testid: 'shape-points' });

  /** @param {number} index @param {string} word */
  const set = (index, word) => {
    const { track, row } = verbs;
    if (!track || !row) return;
    const next = pointSeen(placeOf(row, 'keypoints'), index, word);
    if (next.point_visibility.some((/** @type {string} */ one) => one !== 'outside')) verbs.set(track.id, next, `a point is ${word}`);
    else {
      app.say('One point at least is marked: the list above says that the shape is gone.');
      show();
    }
  };

  const show = () => {
    const { track, row } = verbs;
    element.hidden = track?.body.shape !== 'keypoints' || !row;
    if (element.hidden || !track || !row) return;
    if (element.dataset.of !== track.id) make(track.id, track.body.skeleton?.points, row.points_px.length);
    [...element.querySelectorAll('select')].forEach((one, k) => (one.value = row.point_visibility?.[k] ?? 'visible'));
  };

  /** @param {string} id @param {string[]|undefined} known @param {number} n */
  const make = (id, known, n) => {
    element.dataset.of = id;
    const names = known ?? Array.from({ length: n }, (_, k) => `point ${k + 1}`);
    fill(element, names.map((name, k) => {
      const of = `shape-point-${k}`;
      const seen = el('select', { id: of, testid: of, disabled: !app.state.may('edit'), on: { change: () => set(k, seen.value) } }, WORDS.map(([value, text]) => el('option', { value }, text)));
      return [el('label', { for: of }, name.replaceAll('_', ' ')), seen];
    }));
  };
  return { element, show };
}
