// @ts-check
/** Tools, the class of new objects, and what is drawn how. */

import { button, el, fill, put } from './dom.js';
import { COLOURS } from './cloud.js';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTools(app, place) {
  const { state, taxonomy } = app;
  const fit = button('◎ Click to fit', 'tool-fit', () => state.use('fit'), { class: 'wide of-space' });
  const category = el('select', { testid: 'category', id: 'category', on: { change: () => choose(category.value) } });
  /** @type {string|undefined} the scene whose class of new objects stands: the one that most of its objects have, until somebody chooses */
  let settled;
  let said = '';
  const colour = el('select', { testid: 'colour', id: 'colour', on: { change: () => recolour(colour.value) } }, Object.entries(COLOURS).map(([value, text]) => el('option', { value }, text)));
  const size = el('input', { type: 'range', testid: 'point-size', id: 'point-size', min: 1, max: 6, step: 1, on: { input: () => state.change({ pointSize: Number(size.value) }) } });
  const sweeps = el('select', { testid: 'sweeps', id: 'sweeps', on: { change: () => reload({ sweeps: Number(sweeps.value) }) } },
    [[1, 'one'], [3, '3'], [5, '5'], [10, '10']].map(([value, text]) => el('option', { value }, text)));
  const layers = [['labels', 'Names', 'L'], ['trails', 'Trails', 'T'], ['grid', 'Grid', 'G'], ['follow', 'Follow vehicle', ''], ['shapes', '2-D shapes', ''], ['projected', 'Cuboids in pictures', '']].map(([name, text, key]) => {
    const box = el('input', { type: 'checkbox', testid: `show-${name}`, on: { change: () => state.change({ [name]: box.checked }) } });
    return { name, box, label: el('label', { class: ['labels', 'shapes'].includes(name) ? 'check' : 'check of-space', title: key ? `${text} (${key})` : text }, box, ' ', text) };
  });
  const view = (/** @type {string} */ text, /** @type {string} */ id, /** @type {string} */ key, /** @type {() => void} */ act) => button(text, id, act, { title: `${text} (${key})` });

  put(
    place,
    fit,
    el('div', { class: 'field' }, el('label', { for: 'category' }, 'New objects'), category),
    el('div', { class: 'row of-space' },
      view('Home', 'view-home', 'Home of the view: H', () => app.space?.big.home(app.space.egoFrom, app.space.anchor)),
      view('Above', 'view-above', 'U', () => app.space?.big.above(app.space.egoFrom, app.space.anchor)),
      view('Near', 'view-object', 'O', () => app.lookAtSelected()),
    ),
    el('details', { open: true, class: 'group' },
      el('summary', { testid: 'shown' }, 'Shown'),
      el('div', { class: 'field of-space' }, el('label', { for: 'colour' }, 'Colour by'), colour),
      el('div', { class: 'field of-space' }, el('label', { for: 'sweeps' }, 'Sweeps'), sweeps),
      el('div', { class: 'field of-space' }, el('label', { for: 'point-size' }, 'Point size'), size),
      el('div', { class: 'checks' }, layers.map((one) => one.label)),
    ),
  );

  /** @param {any} changes */
  function reload(changes) {
    state.change(changes);
    void app.frames.load();
  }
  /** Classes and pictures are further columns, which are fetched when they are shown. @param {string} mode */
  function recolour(mode) {
    reload({ colour: mode });
  }

  /** @param {string} name */
  function choose(name) {
    settled = state.scene?.id;
    state.category = name;
  }

  const show = () => {
    fit.setAttribute('aria-pressed', String(state.tool === 'fit'));
    colour.value = state.show.colour;
    size.value = String(state.show.pointSize);
    sweeps.value = String(state.show.sweeps);
    for (const { name, box } of layers) box.checked = Boolean(/** @type {any} */ (state.show)[name]);
    document.body.dataset.tool = state.tool;
  };
  state.on('recolour', () => {
    const modes = Object.keys(COLOURS);
    recolour(modes[(modes.indexOf(state.show.colour) + 1) % modes.length]);
  });
  const canFit = () => {
    fit.disabled = !state.hasSweep;
    fit.title = state.hasSweep ? 'Click an object, and a cuboid is fitted to it (F)' : 'This frame has no sweep';
  };
  const classes = () => {
    const names = taxonomy.categories.map((one) => one.name);
    const used = app.labels.classes;
    const here = taxonomy.isOwn ? names : used;
    const others = taxonomy.isOwn ? [] : names.filter((one) => !used.includes(one));
    const wanted = [here.join('\n'), others.join('\n')].join('\n\n');
    if (wanted !== said) {
      said = wanted;
      const options = (/** @type {string[]} */ list) => list.map((name) => el('option', { value: name }, name));
      if (here.length && others.length) fill(category, options(here), el('optgroup', { label: 'not in this recording' }, options(others)));
      else fill(category, options([...here, ...others]));
    }
    const most = used.find((one) => here.includes(one));
    if (most && settled !== state.scene?.id) {
      settled = state.scene?.id;
      state.category = most;
    }
    const all = [...here, ...others];
    if (all.length && !all.includes(state.category)) [state.category] = all;
    category.value = state.category;
  };
  state.on('show', show);
  for (const name of ['scene', 'frame']) state.on(name, canFit);
  state.on('taxonomy', classes);
  state.on('labels', classes);
  show();
  canFit();
}
