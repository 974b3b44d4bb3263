// @ts-check
/** The panel of shapes in pictures: what is drawn next, the selected one, and all of them. */

import { attributeRow, heldAt, otherAttributes } from './attributes.js';
import { button, el, fill, onceADrawing, put, swatch } from './dom.js';
import { startShapePoints } from './shape_points.js';
import { ShapeTool } from './shape_tool.js';
import { ShapeVerbs } from './shape_verbs.js';
import { shortOf } from './taxonomy.js';

/** @type {[import('./shape_tool.js').Mode, string, string][]} */
const MODES = [
  ['select', 'Select', 'Click a shape to select it, drag it or its handles. A vertex goes with Delete or Alt and a click, a new one comes from the middle of a line.'],
  ['box', 'Box', 'Drag from one corner of the box to the opposite one.'],
  ['rotated_box', 'Rotated box', 'Click both ends of one side, then anywhere on the side across. The yellow dot turns it afterwards.'],
  ['polygon', 'Polygon', 'Click one vertex after the other; the first one again, a double click or Enter closes it, Backspace takes one back.'],
  ['polyline', 'Polyline', 'Click one vertex after the other; a double click or Enter ends it, Backspace takes one back.'],
  ['keypoints', 'Keypoints', 'Click the points; with Shift where one is hidden, Space leaves one out. A double click or Enter ends it, Backspace takes one back.'],
];

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startShapes(app, place) {
  const { state, labels, taxonomy } = app;
  const verbs = new ShapeVerbs(app);
  const tool = new ShapeTool(verbs);
  if (app.pictures) app.pictures.tool = tool;

  const modes = MODES.map(([id, text]) => button(text, `shape-${id}`, () => tool.use(id), { 'aria-pressed': 'false' }));
  const hint = el('p', { class: 'hint', testid: 'shape-hint' });
  const next = el('p', { class: 'hint' });
  const body = el('div', { class: 'object' });
  const list = el('ul', { class: 'shape-list', testid: 'shape-list' });
  const count = el('span', { class: 'count', testid: 'shape-count' });
  put(place, el('div', { class: 'shape-tools', role: 'group', 'aria-label': 'What is drawn' }, modes), hint, next, body, el('div', { class: 'row heading' }, el('h2', {}, 'Shapes'), count), list);

  const title = el('p', { class: 'where', testid: 'shape-state' });
  const category = el('select', { testid: 'shape-class', id: 'shape-class', on: { change: () => verbs.setTrack({ category: category.value }) } });
  const visibility = el('select', { testid: 'shape-visibility', id: 'shape-visibility', on: { change: () => verbs.setVisibility(visibility.value) } },
    [['visible', 'visible'], ['occluded', 'occluded'], ['outside', 'gone from here on']].map(([value, text]) => el('option', { value }, text)));
  const attributes = el('div', { class: 'attributes', testid: 'shape-attributes' });
  const name = el('strong', { testid: 'shape-name' });
  const carrying = [
    button('◀ Carry back', 'shape-back', () => void verbs.propagate(-10), { title: 'Carry it over 10 frames before, by the pictures' }),
    button('Carry on ▶', 'shape-propagate', () => void verbs.propagate(10), { title: 'Carry it over the next 10 frames, by the pictures' }),
  ];
  const { element: points, show: showPoints } = startShapePoints(app, verbs);
  put(
    body,
    el('p', {}, name),
    title,
    el('div', { class: 'field' }, el('label', { for: 'shape-class' }, 'Class'), category),
    el('div', { class: 'field' }, el('label', { for: 'shape-visibility' }, 'Here it is'), visibility),
    attributes,
    el('div', { class: 'row wrap' },
      button('Keyframe here', 'shape-keyframe', () => verbs.makeKeyframe()),
      ...carrying,
      button('Delete keyframe', 'shape-delete-keyframe', () => verbs.deleteKeyframe(), { title: 'Delete' }),
      button('Delete track', 'shape-delete-track', () => verbs.deleteTrack(), { title: 'Shift+Delete', class: 'danger' })),
    points,
  );

  /** What is drawn, and of keypoints which is the next. */
  const nextOf = () => {
    const what = verbs.drawnCategory === state.category ? `What is drawn is a ${state.category}; the list on the left changes that.` : `What is drawn is a ${verbs.drawnCategory}, as the selected track.`;
    const camera = tool.drawing?.tile.camera ?? verbs.track?.body.camera ?? state.scene?.cameras[0]?.name;
    if (tool.mode !== 'keypoints' || !camera) return what;
    const { names, most } = verbs.pointsFor(camera);
    const n = tool.nDrawn;
    return names[n] ? `Next: ${names[n].replaceAll('_', ' ')}, ${n + 1} of ${most}. ${what}` : `${n} of ${Number.isFinite(most) ? most : 'as many points as you click'}. ${what}`;
  };

  const showModes = () => {
    MODES.forEach(([id, , text], k) => {
      modes[k].setAttribute('aria-pressed', String(tool.mode === id));
      modes[k].disabled = !state.may('edit') && id !== 'select';
      if (tool.mode === id) hint.textContent = text;
    });
    next.textContent = tool.mode === 'select' ? '' : nextOf();
    next.hidden = tool.mode === 'select';
  };

  const showSelected = () => {
    const { track, keyframe, row } = verbs;
    body.hidden = !track;
    if (!track) return;
    const isThere = app.frames.rowsFrame === state.frame; // what the server fills comes after the frame
    const all = labels.keyframes(track.id).length;
    name.title = track.body.track_id;
    name.textContent = `${shortOf(track.body.track_id)} · ${track.body.shape.replace('_', ' ')} in ${track.body.camera}`;
    title.textContent = keyframe ? `Keyframe here (one of ${all})` : row ? `Interpolated between its ${all} keyframes` : isThere ? `Not in this frame (${all} keyframes)` : '…';
    title.dataset.kind = keyframe ? 'keyframe' : row ? 'between' : isThere ? 'absent' : 'coming';
    const names = taxonomy.categories.map((one) => one.name);
    const now = track.body.category;
    fill(category, (names.includes(now) ? names : [now, ...names]).map((one) => el('option', { value: one }, one)));
    category.value = now;
    visibility.disabled = !isThere;
    visibility.value = keyframe?.body.visibility ?? row?.visibility ?? (isThere ? 'outside' : '');
    for (const one of carrying) one.hidden = track.body.shape === 'mask'; // which are not followed
    showPoints();
    if (attributes.contains(document.activeElement) && attributes.dataset.of === `${track.id} ${state.frame}`) return;
    attributes.dataset.of = `${track.id} ${state.frame}`;
    const held = heldAt(track.body, labels.keyframes(track.id), verbs.stamp() ?? state.stamp());
    const known = taxonomy.find(now)?.attributes ?? [];
    fill(
      attributes,
      known.map((one) => attributeRow(one, held[one.name], (value) => verbs.setAttribute(one.name, value, one.is_mutable), `shape-attribute-${one.name}`)),
      otherAttributes(held, known),
    );
  };

  /** Also where it is not in this frame: the nearest one that it is in. @param {import('./state.js').Entity} one */
  const pick = (one) => {
    state.select(one.id);
    if (verbs.row) return;
    const frames = labels.keyframes(one.id).filter((each) => each.body.visibility !== 'outside').map((each) => verbs.frameOf(one.body.camera, each.body.timestamp_ns));
    frames.sort((a, b) => Math.abs(a - state.frame) - Math.abs(b - state.frame));
    if (frames.length) state.go(frames[0]);
  };

  const showList = () => {
    const tracks = labels.tracks.filter((one) => 'shape' in one.body);
    const shown = (state.scene?.cameras ?? []).flatMap((one) => app.pictures?.shapesOf(one.name, state.frame) ?? []);
    const there = new Set(shown.map((row) => row.track_id));
    const isHere = (/** @type {import('./state.js').Entity} */ one) => there.has(one.body.track_id);
    tracks.sort((a, b) => Number(isHere(b)) - Number(isHere(a)));
    count.textContent = app.frames.rowsFrame === state.frame ? `${there.size} here of ${tracks.length}` : '';
    fill(
      list,
      tracks.map((one) => {
        const row = button('', 'shape-track', () => pick(one), { class: 'track', 'data-track': one.body.track_id, title: one.body.track_id });
        row.append(swatch(taxonomy.color(one.body.category)), el('span', { class: 'track-name' }, shortOf(one.body.track_id)), el('span', { class: 'track-class' }, `${one.body.shape.replace('_', ' ')}, ${one.body.camera}`));
        row.classList.toggle('is-absent', !isHere(one));
        if (one.id === state.selected) row.setAttribute('aria-current', 'true');
        return el('li', {}, row);
      }),
    );
  };

  const show = onceADrawing(() => {
    showModes();
    showSelected();
    showList();
  });
  state.on('draw', () => {
    if (!state.may('edit') || !state.scene?.cameras.length) return;
    state.tell('tab', 'shapes');
    tool.use(MODES[(MODES.findIndex(([id]) => id === tool.mode) + 1) % MODES.length][0]);
  });
  tool.modes.push(showModes);
  for (const event of ['scene', 'frame', 'labels', 'selection', 'cuboids', 'taxonomy', 'show', 'tab']) state.on(event, show);
  state.on('scene', () => tool.mode !== 'select' && tool.use(tool.mode));
  show();
  return tool;
}
