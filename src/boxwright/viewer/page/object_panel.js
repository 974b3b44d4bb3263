// @ts-check
/** The selected track: its class with what the guideline says, its cuboid in numbers, its attributes, and what can be done with it. */

import { attributeRow, heldAt, otherAttributes } from './attributes.js';
import { button, el, fill, put, swatch } from './dom.js';
import { quatOfYaw, multiplied, normalized, yawOf } from './geometry.js';
import { shortOf } from './taxonomy.js';

const DEGREE = Math.PI / 180;
/** @type {Record<string, string>} who made a keyframe, where it was not a person */
const ORIGINS = { fit: ', fitted', propagated: ', carried on', filled: ', filled', static_solve: ', of what stands', size_lock: ', with the one size' };
const FIELDS = [
  ['x', 'x', 'm', 0.05], ['y', 'y', 'm', 0.05], ['z', 'z', 'm', 0.05],
  ['length', 'length', 'm', 0.05], ['width', 'width', 'm', 0.05], ['height', 'height', 'm', 0.05],
  ['heading', 'heading', '°', 1],
];
/** What a number may be, as text and as a test; the server takes no more. @type {Record<string, [string, (value: number) => boolean]>} */
const BOUNDS = {
  place: ['between -99999999 and 99999999 m', (value) => Math.abs(value) < 1e8],
  size: ['between 0.01 and 500 m', (value) => value >= 0.01 && value <= 500],
  heading: ['between -360 and 360°', (value) => Math.abs(value) <= 360],
};

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startObject(app, place) {
  const { state, labels, verbs, taxonomy } = app;
  const hint = el('div', { class: 'empty', testid: 'object-empty' },
    el('p', {}, 'Nothing is selected.'),
    el('p', {}, 'Click a cuboid to select it. F and a click on an object fit a new one to its points.'));
  const body = el('div', { class: 'object' });
  put(place, hint, body);

  const name = el('input', { type: 'text', testid: 'track-id', id: 'track-id', maxlength: 200, autocomplete: 'off', spellcheck: 'false', on: { change: () => rename() } });
  const category = el('select', { testid: 'track-class', id: 'track-class', on: { change: () => verbs.setTrack({ category: category.value }) } });
  const color = el('span', {});
  const advice = el('div', { class: 'advice', testid: 'guideline' });
  const where = el('p', { class: 'where', testid: 'keyframe-state' });
  /** @type {Set<HTMLInputElement>} fields that somebody is typing in */
  const dirty = new Set();
  const wrong = el('p', { class: 'wrong', id: 'number-wrong', testid: 'number-wrong', role: 'alert' });
  const fields = FIELDS.map(([id, text, unit, step]) => {
    const input = el('input', { type: 'number', step, testid: `field-${id}`, id: `field-${id}`, inputmode: 'decimal', on: {
      input: () => {
        dirty.add(input);
        accept(input);
      },
      blur: () => dirty.delete(input),
      change: () => {
        dirty.delete(input);
        apply(String(id), input);
      },
    } });
    return { id: String(id), input, row: el('div', { class: 'number' }, el('label', { for: `field-${id}` }, text, el('span', { class: 'unit' }, ` ${unit}`)), input) };
  });
  const visibility = el('select', { testid: 'visibility', id: 'visibility', on: { change: () => verbs.setVisibility(/** @type {any} */ (visibility.value)) } },
    ['visible', 'occluded', 'outside'].map((one) => el('option', { value: one }, one === 'outside' ? 'gone from here on' : one)));
  const attributes = el('div', { class: 'attributes', testid: 'attributes' });
  const into = el('select', { testid: 'merge-into', id: 'merge-into' });
  const steps = el('input', { type: 'number', min: 1, max: 200, step: 1, value: '10', testid: 'propagate-frames', id: 'propagate-frames' });
  const carry = (/** @type {number} */ sign) => void verbs.propagate(sign * Math.max(1, Math.min(200, Math.round(steps.valueAsNumber) || 10)));

  const more = el('details', { class: 'group' });
  const refit = button('Refit', 'refit', () => void verbs.refit(), { title: 'Snap to the points (R)' });
  const back = button('◀ Carry back', 'propagate-back', () => carry(-1), { title: 'Propagate backwards (Shift+P)' });
  const on = button('Carry on ▶', 'propagate', () => carry(1), { title: 'Propagate forwards (P)' });

  put(
    body,
    el('div', { class: 'field' }, el('label', { for: 'track-id' }, 'Track'), name),
    el('div', { class: 'field' }, el('label', { for: 'track-class' }, 'Class ', color), category),
    advice,
    where,
    el('fieldset', { class: 'numbers' }, el('legend', {}, 'Cuboid'), fields.map((one) => one.row), wrong),
    el('div', { class: 'row wrap' },
      refit,
      button('Keyframe', 'keyframe', () => verbs.makeKeyframe(), { title: 'Make a keyframe here (K)' }),
      button('One size', 'same-size', () => verbs.sameSize(), { title: 'This size at every keyframe (Z)' }),
      button('Copy', 'copy', () => verbs.copy(), { title: 'Ctrl+C' }),
    ),
    el('div', { class: 'row' },
      back,
      el('label', { for: 'propagate-frames', class: 'hidden-label' }, 'Frames to carry the track over'),
      steps,
      on,
    ),
    el('div', { class: 'field' }, el('label', { for: 'visibility' }, 'Here it is'), visibility),
    attributes,
    more,
  );
  put(
    more,
    el('summary', { testid: 'more' }, 'Split, merge, delete'),
    el('div', { class: 'row wrap' },
      button('Split here', 'split', () => verbs.split(), { title: 'From this frame on it is another track (X)' }),
      button('Delete keyframe', 'delete-keyframe', () => verbs.deleteKeyframe(), { title: 'Delete' }),
      button('Delete track', 'delete-track', () => verbs.deleteTrack(), { title: 'Shift+Delete', class: 'danger' }),
    ),
    el('div', { class: 'field' }, el('label', { for: 'merge-into' }, 'Merge into'), into),
    button('Merge', 'merge', () => ((found) => found && verbs.merge(found))(labels.get(into.value))),
  );

  state.on('merge', () => {
    if (!verbs.track) return app.say('Select a cuboid first.');
    state.tell('tab', 'object');
    more.open = true;
    return into.focus();
  });

  const rename = () => {
    const track = verbs.track;
    const wanted = name.value.trim();
    if (!track || wanted === track.body.track_id) return;
    if (!wanted || labels.named(wanted)) {
      app.say(wanted ? `There is a track ${wanted} already.` : 'A track needs a name.', 'warning');
      name.value = track.body.track_id;
    } else verbs.setTrack({ track_id: wanted });
  };

  /** What was refused in a field does not count any more. @param {HTMLInputElement} input */
  const accept = (input) => {
    if (!input.hasAttribute('aria-invalid')) return;
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
    wrong.textContent = '';
  };

  /** @param {string} id @param {HTMLInputElement} input */
  const apply = (id, input) => {
    const { cuboid } = verbs;
    const value = input.valueAsNumber;
    const at = FIELDS.findIndex(([one]) => one === id);
    if (!cuboid) return;
    const [bounds, isGood] = BOUNDS[at < 3 ? 'place' : at < 6 ? 'size' : 'heading'];
    if (!isGood(value)) { // no number at all neither
      for (const one of fields) accept(one.input);
      input.setAttribute('aria-invalid', 'true');
      input.setAttribute('aria-describedby', wrong.id);
      wrong.textContent = `${id}: ${Number.isNaN(value) ? 'that is no number' : `${value} is refused`}; it is ${bounds}. Nothing has changed.`;
      return;
    }
    const next = { center: [...cuboid.center], size: [...cuboid.size], quat: [...cuboid.quat] };
    if (at < 3) next.center[at] = value;
    else if (at < 6) next.size[at - 3] = value;
    else next.quat = normalized(multiplied(quatOfYaw(value * DEGREE - yawOf(cuboid.quat)), cuboid.quat));
    verbs.change(() => next, id);
  };

  const showAttributes = (/** @type {import('./state.js').Entity} */ track) => {
    if (attributes.contains(document.activeElement) && attributes.dataset.of === `${track.id} ${state.frame}`) return;
    attributes.dataset.of = `${track.id} ${state.frame}`;
    const held = heldAt(track.body, labels.keyframes(track.id), state.stamp());
    const known = taxonomy.find(track.body.category)?.attributes ?? [];
    fill(
      attributes,
      known.length ? el('h3', {}, 'Attributes') : null,
      known.map((one) => attributeRow(one, held[one.name], (next) => verbs.setAttribute(one.name, next, one.is_mutable), `attribute-${one.name}`)),
      otherAttributes(held, known),
    );
  };

  const showClasses = (/** @type {string} */ now) => {
    const names = taxonomy.categories.map((one) => one.name);
    const wanted = names.includes(now) ? names : [now, ...names];
    if (wanted.join('\n') !== [...category.options].map((one) => one.value).join('\n')) fill(category, wanted.map((one) => el('option', { value: one }, one)));
    category.value = now;
    fill(color, swatch(taxonomy.color(now)));
    const said = taxonomy.advice(now);
    advice.hidden = !said.text && !said.general;
    fill(
      advice,
      said.text ? el('p', {}, el('strong', {}, 'Guideline: '), said.text) : null,
      said.examples.map((one) => button(`Example: ${one.scene}, frame ${one.frame_index}${one.note ? `: ${one.note}` : ''}`, 'guideline-example', () => void example(one), { class: 'link' })),
      said.general ? el('details', {}, el('summary', { testid: 'guideline-all' }, 'The whole guideline'), el('p', { class: 'pre' }, said.general)) : null,
    );
  };

  /** @param {{scene: string, frame_index: number}} one */
  const example = async (one) => {
    const scene = state.scenes.find((each) => each.name === one.scene);
    if (scene && scene.scene_id !== state.scene?.id) await app.openScene(scene.scene_id, one.frame_index);
    else state.go(one.frame_index);
  };

  const showNumbers = () => {
    const { cuboid } = verbs;
    for (const { id, input } of fields) {
      const at = FIELDS.findIndex(([one]) => one === id);
      input.disabled = !cuboid;
      if (input.hasAttribute('aria-invalid') || (document.activeElement === input && dirty.has(input))) continue;
      const value = cuboid ? [...cuboid.center, ...cuboid.size, yawOf(cuboid.quat) / DEGREE][at] : NaN;
      input.value = Number.isFinite(value) ? value.toFixed(at === 6 || Math.abs(value) >= 1000 ? 2 : 3) : '';
    }
  };

  const show = () => {
    const { track } = verbs;
    hint.hidden = Boolean(track);
    body.hidden = !track;
    if (!track) return;
    for (const one of [refit, back, on]) one.disabled = !state.hasSweep; // they go by points
    const keyframe = labels.keyframeAt(track.id, state.stamp());
    if (document.activeElement !== name) name.value = track.body.track_id;
    name.title = track.body.track_id;
    showClasses(track.body.category);
    showNumbers();
    const all = labels.keyframes(track.id).length;
    const origin = keyframe ? (ORIGINS[keyframe.body.origin] ?? '') : '';
    where.textContent = keyframe ? `Keyframe here${origin} (one of ${all})` : verbs.cuboid ? `Interpolated between its ${all} keyframes` : `Not in this frame (${all} keyframes)`;
    where.dataset.kind = keyframe ? 'keyframe' : verbs.cuboid ? 'between' : 'absent';
    visibility.disabled = !keyframe;
    visibility.value = keyframe?.body.visibility ?? 'visible';
    showAttributes(track);
    const chosen = into.value;
    fill(into, labels.cuboidTracks.filter((one) => one.id !== track.id).map((one) => el('option', { value: one.id, title: one.body.track_id }, shortOf(one.body.track_id))));
    if (labels.get(chosen)) into.value = chosen;
  };
  for (const name of ['selection', 'frame', 'draft']) state.on(name, () => fields.forEach((one) => accept(one.input)));
  for (const name of ['selection', 'shown', 'taxonomy']) state.on(name, show);
  state.on('draft', showNumbers);
  state.on('frame', () => {
    const active = document.activeElement;
    if (active instanceof HTMLInputElement && body.contains(active)) active.blur();
  });
  show();
}
