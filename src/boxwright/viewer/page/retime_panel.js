// @ts-check
/** Boxes of moving objects that were drawn for another moment than their frame's stamp: which they are, and setting them to the stamp. */

import { button, el, fill, put, swatch } from './dom.js';
import { runJob, told } from './jobs.js';
import { cuboidOf, shapeOf } from './labels.js';

/**
 * @typedef {object} Proposal as the server tells it
 * @property {string} track_id
 * @property {string} verdict
 * @property {number} shift_m @property {number} speed_mps
 * @property {number} residual_before_m @property {number} residual_after_m
 * @property {any} track the proposed one, null where nothing is moved
 */

/** What boxes can have been drawn for. @type {Record<string, string>} */
const PLACEMENTS = {
  stamp: 'the stamps of their frames, where they belong',
  sweep_middle: 'the middle of each sweep',
  points: 'the moments at which their points were seen',
  raw_points: "the points as they came, with the vehicle's own motion in them",
};
const LEAST_M = 0.01;
const MOST_EDITS = 5000; // in one transaction
const TEXT = 'Compare with the points';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startRetime(app, place) {
  const { state, labels, edits } = app;
  /** @type {{one: Proposal, seen: string, isChosen: boolean}[]} seen: the revisions of the keyframes it stands on */
  let rows = [];
  let placement = /** @type {string|null} */ (null);
  let isDone = false;

  const ask = button(TEXT, 'retime', () => void run(), { class: 'wide' });
  const said = el('p', { class: 'hint', testid: 'retime-state', role: 'status' });
  const list = el('ul', { class: 'pair-list', testid: 'retime-list' });
  const take = button('', 'retime-take', () => accept(), { class: 'wide' });
  put(
    place,
    el('p', { class: 'hint' }, 'A spinning LiDAR sees every object at a moment of its own. A box that was drawn around the points of a moving object stands where the object was then, and not where it was at the stamp of the frame: a metre aside at 20 m/s and 50 ms.'),
    ask, said, take, list,
  );

  /** The revisions of a track's keyframes. @param {string} id */
  const seenOf = (id) => labels.keyframes(id).map((one) => `${one.id} ${one.rev}`).join();

  const run = async () => {
    const { scene } = state;
    if (!scene || ask.disabled) return;
    ask.disabled = true;
    for (let k = 0; k < 100 && edits.queue.length; k += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    const seen = new Map(labels.cuboidTracks.map((one) => [one.body.track_id, seenOf(one.id)]));
    const found = await told(app, () => runJob(app, `/scenes/${scene.id}/retime`, {}, (share) => {
      ask.textContent = share === null ? 'Looking …' : `Looking … ${Math.round(100 * share)} %`;
    }));
    ask.disabled = false;
    ask.textContent = TEXT;
    if (!found || scene !== state.scene) return;
    placement = found.placement;
    isDone = true;
    const moved = found.proposals.filter((/** @type {Proposal} */ one) => one.track && one.shift_m >= LEAST_M);
    rows = moved.map((/** @type {Proposal} */ one) => ({ one, seen: seen.get(one.track_id) ?? '', isChosen: true }));
    rows.sort((a, b) => b.one.shift_m - a.one.shift_m);
    show();
  };

  const accept = () => {
    if (!app.verbs.isAllowed) return;
    const chosen = rows.filter((row) => row.isChosen);
    const fresh = chosen.filter(({ one, seen }) => seenOf(labels.named(one.track_id)?.id ?? '') === seen);
    /** @type {any[][]} */
    const lists = [[]];
    for (const { one } of fresh) {
      const list = editsOf(one);
      if (lists[lists.length - 1].length + list.length > MOST_EDITS) lists.push([]);
      lists[lists.length - 1].push(...list);
    }
    for (const each of lists) if (each.length) edits.add('boxes set to the stamp', each);
    const late = chosen.length - fresh.length;
    app.say(`${fresh.length} tracks are set to the stamp. Undo takes it back.${late ? ` ${late} have changed since, and stay as they are: compare again.` : ''}`);
    rows = rows.filter((row) => !chosen.includes(row));
    show();
  };

  /** @param {Proposal} one */
  const editsOf = (one) => {
    const id = labels.named(one.track_id)?.id ?? '';
    return one.track.keyframes.flatMap((/** @type {any} */ row) => {
      const old = labels.keyframeAt(id, row.timestamp_ns);
      return old ? [{ verb: 'move_keyframe', id: old.id, rev: old.rev, shape: shapeOf(cuboidOf(row)), origin: old.body.origin ?? 'given' }] : [];
    });
  };

  const show = () => {
    said.hidden = !isDone;
    said.textContent = placement ? `The boxes were drawn for ${PLACEMENTS[placement] ?? placement}. ${rows.length ? '' : 'Nothing is left to be moved.'}` : 'The points do not tell what the boxes were drawn for: too little moves, or too slowly.';
    fill(list, rows.map((row) => {
      const { one } = row;
      const box = el('input', { type: 'checkbox', testid: 'retime-chosen', checked: row.isChosen, 'aria-label': `Set ${one.track_id} to the stamp`, on: { change: () => {
        row.isChosen = box.checked;
        showTake();
      } } });
      const near = Number.isFinite(one.residual_before_m) && one.residual_before_m !== null ? `, its points ${(100 * one.residual_before_m).toFixed(0)} cm off its faces, then ${(100 * one.residual_after_m).toFixed(0)} cm` : '';
      return el('li', { class: 'tag', testid: 'retime-row', 'data-object': one.track_id },
        box,
        el('div', { class: 'grow' },
          button(one.track_id, 'retime-go', () => state.tell('seek', { trackId: one.track_id }), { class: 'link' }), ' ', swatch(app.taxonomy.color(one.track.category)),
          el('div', { class: 'hint' }, `up to ${one.shift_m.toFixed(2)} m, at ${one.speed_mps.toFixed(1)} m/s${near}`)));
    }));
    showTake();
  };

  const showTake = () => {
    const n = rows.filter((row) => row.isChosen).length;
    take.hidden = !rows.length;
    take.disabled = !n || !state.may('edit');
    take.textContent = n === 1 ? 'Set 1 track to the stamp' : `Set ${n} tracks to the stamp`;
  };

  state.on('scene', () => {
    rows = [];
    isDone = false;
    ask.disabled = !state.scene?.lidars.length;
    show();
  });
  show();
}
