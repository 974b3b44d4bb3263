// @ts-check
/** Labels of single points: what the sweep's points are, and painting them by a cuboid or by what is drawn around them in a view or a picture. */

import { newId } from './api.js';
import { anchorFrom } from './cloud.js';
import { button, el, fill, put, swatch } from './dom.js';
import { dot, minus, multiplied, normalized, quatOfMatrix } from './geometry.js';
import { told } from './jobs.js';
import { eyeOf, heldBy } from './lasso.js';
import { isInside } from './shape_math.js';

const NONE = ''; // what takes a label away

/** @param {import('./app.js').App} app @param {HTMLElement} place @param {import('./shape_tool.js').ShapeTool} tool */
export function startPaint(app, place, tool) {
  const { state, api, taxonomy } = app;
  /** @type {any} what the server tells of the labels of this frame's points */
  let found = null;
  /** @type {any[]} edits by hand, of the whole scene */
  let painted = [];
  let isShown = false;
  let number = 0;

  const category = el('select', { testid: 'paint-class', id: 'paint-class' });
  const inCuboid = button('Points in the selected cuboid', 'paint-cuboid', () => paintCuboid(), { class: 'wide' });
  const lasso = button('Draw around points in a picture', 'paint-lasso', () => tool.use('lasso'), { class: 'wide', 'aria-pressed': 'false' });
  const seen = el('input', { type: 'checkbox', testid: 'paint-seen', id: 'paint-seen', checked: true });
  const hint = el('p', { class: 'hint' }, 'Click around them in a camera picture; Enter, a double click or the first place ends it.');
  const around = button('Draw around points in a view', 'paint-around', () => state.use('lasso'), { class: 'wide', 'aria-pressed': 'false', title: 'Hold the mouse down and draw around them (Y)' });
  const near = el('input', { type: 'checkbox', testid: 'paint-near', id: 'paint-near', checked: true });
  const aroundHint = el('p', { class: 'hint' }, 'Hold the mouse down and draw around them, in the perspective or in a side view. A side view holds all that it shows.');
  const from = el('p', { class: 'hint', testid: 'paint-from' });
  const classes = el('dl', { class: 'figures', testid: 'paint-classes' });
  const list = el('ul', { class: 'pair-list', testid: 'paint-edits' });
  put(
    place,
    el('div', { class: 'field' }, el('label', { for: 'paint-class' }, 'Paint as'), category),
    el('div', { class: 'group' }, inCuboid),
    el('div', { class: 'group' }, around, el('label', { class: 'check', for: 'paint-near' }, near, 'only what is seen in the perspective'), aroundHint),
    el('div', { class: 'group' }, lasso, el('label', { class: 'check', for: 'paint-seen' }, seen, 'only what the camera sees'), hint),
    el('h2', {}, 'Points of this frame'),
    from,
    classes,
    el('h2', {}, 'Painted by hand in this frame'),
    list,
  );

  const sensor = () => state.scene?.lidars[0]?.name;

  // ------------------------------------------------------------ painting

  /** @param {any} where @param {string} what */
  const add = (where, what) => {
    if (!app.verbs.isAllowed) return;
    const edit = { frame_index: state.frame, sensor: sensor(), category: category.value, ...where };
    app.edits.add(`paint ${what} as ${category.value || 'unlabelled'}`, [{ verb: 'add_point_edit', scene: state.scene?.id, id: newId(), point_edit: edit }]);
    if (state.show.colour !== 'class') state.change({ colour: 'class' });
  };

  const paintCuboid = () => {
    const { cuboid, track } = app.verbs;
    const matrix = app.frames.place?.lidar;
    if (!cuboid || !track || !matrix) {
      app.say('Select a cuboid first.');
      return;
    }
    const columns = [0, 1, 2].map((k) => [matrix[0][k], matrix[1][k], matrix[2][k]]);
    const [w, x, y, z] = quatOfMatrix(matrix);
    const rel = minus(cuboid.center, [matrix[0][3], matrix[1][3], matrix[2][3]]);
    const own = { center_m: columns.map((one) => dot(one, rel)), size_m: [...cuboid.size], quat_wxyz: normalized(multiplied([w, -x, -y, -z], cuboid.quat)) };
    add({ cuboid: own, frame: app.frames.points?.frame ?? sensor() }, `points in ${track.body.track_id}`);
  };

  /** @param {string} camera @param {number[][]} ring */
  tool.onLasso = async (camera, ring) => {
    const { scene, frame } = state;
    const name = sensor();
    if (!name) return;
    const field = seen.checked ? ['uv', 'index', 'sees'] : ['uv', 'index'];
    const points = await told(app, () => api.points(`/scenes/${scene?.id}/frames/${frame}/points`, { sensor: name, camera, field }));
    if (!points || scene !== state.scene || frame !== state.frame) return;
    const { uv, index, sees } = points.fields;
    const inside = [];
    for (let k = 0; k < index.length; k += 1) {
      if (sees && !sees[k]) continue;
      if (!Number.isNaN(uv[2 * k]) && isInside({ rings_px: [ring] }, 'polygon', [uv[2 * k], uv[2 * k + 1]])) inside.push(index[k]);
    }
    paintRows(inside);
  };

  /** @param {number[]} rows of the sweep */
  const paintRows = (rows) => {
    if (rows.length) add({ runs: runsOf(rows) }, `${rows.length} points`);
    else app.say('There are no points.');
  };

  /** @param {string} path @param {any} eye @returns {Promise<Uint8Array>} 1 for each point that it sees */
  const seenBy = async (path, eye) => new Uint8Array(await (await api.send('POST', path, { body: eye })).arrayBuffer());

  /** @param {import('./lasso.js').Drawn} drawn */
  const paintAround = async (drawn) => {
    const { scene, frame } = state;
    const { space, frames } = app;
    const name = sensor();
    if (!space || !name || !frames.place || frames.pointsFrame !== frame) return;
    const isShown = state.show.sweeps === 1; // of several, points are those of many frames
    const points = isShown ? frames.points : await told(app, () => api.points(`/scenes/${scene?.id}/frames/${frame}/points`, { sensor: name }));
    if (!points) return;
    const rows = heldBy(drawn, points, anchorFrom(points, frames.place.lidar, space.anchor));
    const eye = near.checked && rows.length ? eyeOf(drawn, space.anchor) : null;
    const sees = eye && (await told(app, () => seenBy(`/scenes/${scene?.id}/frames/${frame}/points/seen`, { ...eye, sensor: name })));
    if ((eye && !sees) || scene !== state.scene || frame !== state.frame) return;
    paintRows(sees ? rows.filter((row) => sees[row]) : rows);
  };
  state.on('ringed', (drawn) => void paintAround(drawn));

  // ------------------------------------------------------------ showing

  const load = async () => {
    const { scene, frame } = state;
    const name = sensor();
    if (!isShown || !scene || !name || !state.has('sweeps', name, frame)) {
      found = null;
      show();
      return;
    }
    number += 1;
    const mine = number;
    if (!found) from.textContent = 'Asking the server …';
    const [labels, edits] = await Promise.all([
      told(app, () => api.get(`/scenes/${scene.id}/frames/${frame}/point-labels`, { sensor: name })),
      told(app, () => api.get(`/scenes/${scene.id}/entities`, { kind: 'point_edit' })),
    ]);
    if (mine !== number || !labels || !edits) return;
    found = labels;
    painted = edits.entities;
    show();
  };

  const show = () => {
    const now = category.value;
    const names = taxonomy.categories.map((one) => one.name);
    fill(category, names.map((one) => el('option', { value: one }, one)), el('option', { value: NONE }, 'unlabelled'));
    category.value = names.includes(now) || (now === NONE && category.dataset.chosen) ? now : (names.includes(state.category) ? state.category : names[0] ?? NONE);
    lasso.setAttribute('aria-pressed', String(tool.mode === 'lasso'));
    lasso.disabled = !state.scene?.cameras.length;
    around.setAttribute('aria-pressed', String(state.tool === 'lasso'));
    from.textContent = found ? (found.made_from === 'kept' ? 'Kept point labels, with what was painted over them.' : 'Made from the cuboids, with what was painted over them.') : 'There is no sweep in this frame.';
    fill(classes, (found?.classes ?? []).map((/** @type {any} */ one) => [
      el('dt', {}, swatch(one.class_id ? taxonomy.color(one.category) : [150, 160, 175]), ' ', one.category),
      el('dd', { 'data-class': one.category }, one.n_points.toLocaleString('en')),
    ]));
    const here = painted.filter((one) => one.body.frame_index === state.frame);
    fill(list, here.map((one) => el('li', { class: 'tag', testid: 'paint-edit' },
      el('span', {}, `${whereOf(one.body)} as ${one.body.category === '' ? 'unlabelled' : one.body.category ?? one.body.track_id}`),
      button('×', 'paint-delete', () => app.verbs.isAllowed && app.edits.add('take paint away', [{ verb: 'delete_point_edit', id: one.id, rev: one.rev }]), { class: 'close', 'aria-label': 'Take this away' }))));
  };
  category.addEventListener('change', () => (category.dataset.chosen = 'yes'));

  /** @param {any} detail */
  const afterPaint = ({ entry }) => {
    const isPaint = entry.edits.some((/** @type {any} */ one) => one.verb.endsWith('_point_edit')) || entry.undo !== null;
    if (isPaint && state.show.colour === 'class') void app.frames.load();
    void load();
  };
  state.on('saved', afterPaint);
  state.on('heard', () => void load());
  state.on('frame', () => void load());
  state.on('scene', () => {
    painted = [];
    void load();
  });
  for (const name of ['taxonomy', 'show']) state.on(name, show);
  state.on('tab', (id) => {
    isShown = id === 'points';
    void load();
  });
  tool.modes.push(show);
  show();
}

/** The numbers of points to pass over and to take, in turn, as the store keeps them. @param {number[]} index */
export function runsOf(index) {
  const rising = [...new Set(index)].sort((a, b) => a - b);
  const runs = [];
  let end = 0;
  for (let k = 0; k < rising.length; ) {
    let n = 1;
    while (k + n < rising.length && rising[k + n] === rising[k] + n) n += 1;
    runs.push(rising[k] - end, n);
    end = rising[k] + n;
    k += n;
  }
  return runs;
}

/** @param {any} body */
function whereOf(body) {
  if (body.cuboid) return 'Points in a cuboid';
  if (body.polygon_m) return 'Points in an area';
  const n = (body.runs ?? []).filter((/** @type {number} */ _, /** @type {number} */ k) => k % 2).reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0);
  return `${n.toLocaleString('en')} points`;
}
