// @ts-check
/** All tracks of the scene: which are there in this frame, one click selects. */

import { button, el, fill, onceADrawing, put, swatch } from './dom.js';
import { shortOf } from './taxonomy.js';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTracks(app, place) {
  const { state, labels, taxonomy } = app;
  const search = el('input', { type: 'search', testid: 'track-search', placeholder: 'Find a track', 'aria-label': 'Find a track', autocomplete: 'off', spellcheck: 'false', on: { input: () => show() } });
  const count = el('span', { class: 'count', testid: 'track-count' });
  const list = el('ul', { class: 'track-list', testid: 'track-list' });
  put(place, el('div', { class: 'row heading' }, el('h2', {}, 'Tracks'), count), search, list);
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();

  const show = () => {
    const word = search.value.trim().toLowerCase();
    const there = new Set((app.space?.shown ?? []).map((one) => one.id));
    const tracks = labels.cuboidTracks.filter((one) => !word || `${one.body.track_id} ${one.body.category}`.toLowerCase().includes(word));
    tracks.sort((a, b) => Number(there.has(b.id)) - Number(there.has(a.id)));
    count.textContent = `${there.size} here of ${labels.cuboidTracks.length}`;
    const wanted = tracks.map((one) => showRow(one, there.has(one.id)));
    const ids = new Set(tracks.map((one) => one.id));
    for (const [id, row] of rows) if (!ids.has(id)) drop(id, row);
    // rows that are in their place stay there, so that a click that has begun on one ends on it
    wanted.forEach((row, k) => list.children[k] !== row && list.insertBefore(row, list.children[k] ?? null));
    reach(state.selected ? rows.get(state.selected) : undefined);
  };

  /** The list is one stop for Tab: the row that has the focus, the selected one, or the first. @param {Element|null} [row] */
  const reach = (row) => {
    const focused = list.contains(document.activeElement) ? document.activeElement?.parentElement : null;
    const stop = focused ?? (row?.isConnected ? row : list.firstElementChild);
    for (const one of list.querySelectorAll('button[tabindex="0"]')) /** @type {HTMLElement} */ (one).tabIndex = -1;
    const made = /** @type {HTMLElement|null|undefined} */ (stop?.firstElementChild);
    if (made) made.tabIndex = 0;
  };

  list.addEventListener('keydown', (event) => {
    const row = document.activeElement?.parentElement;
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
    if (!row || row.parentElement !== list || !next) return;
    event.preventDefault();
    event.stopPropagation();
    /** @type {HTMLElement} */ (next.firstElementChild).focus();
    reach();
  });

  /** @param {import('./state.js').Entity} one @param {boolean} isHere @returns {HTMLElement} */
  const showRow = (one, isHere) => {
    let row = rows.get(one.id);
    if (!row) {
      row = el('li', {}, button('', 'track', () => pick(one.id), { class: 'track' }));
      rows.set(one.id, row);
    }
    const { track_id: name, category } = one.body;
    const made = /** @type {HTMLElement} */ (row.firstElementChild);
    const said = `${name}\n${category}\n${taxonomy.color(category)}`;
    if (made.dataset.said !== said) {
      made.dataset.said = said;
      made.dataset.track = name;
      made.title = `${name} · ${category}`;
      fill(made, swatch(taxonomy.color(category)), el('span', { class: 'track-name' }, shortOf(name)), el('span', { class: 'track-class' }, category));
    }
    made.classList.toggle('is-absent', !isHere);
    made.tabIndex = -1;
    if (one.id === state.selected) made.setAttribute('aria-current', 'true');
    else made.removeAttribute('aria-current');
    return row;
  };

  /** @param {string} id @param {HTMLElement} row */
  const drop = (id, row) => {
    row.remove();
    rows.delete(id);
  };

  /** Also where the track is not in this frame: the nearest one that it is in. @param {string} id */
  const pick = (id) => {
    const seen = labels.keyframes(id).filter((one) => one.body.visibility !== 'outside');
    const frames = seen.map((one) => state.frameAt(one.body.timestamp_ns)).filter((one) => one >= 0);
    frames.sort((a, b) => Math.abs(a - state.frame) - Math.abs(b - state.frame));
    if (!app.space?.cuboidOf(id) && frames.length) state.go(frames[0]);
    state.select(id);
    app.space?.seek(id);
  };

  const later = onceADrawing(show);
  for (const name of ['shown', 'taxonomy', 'scene']) state.on(name, later);
  state.on('selection', () => {
    for (const [id, row] of rows) {
      if (id === state.selected) row.firstElementChild?.setAttribute('aria-current', 'true');
      else row.firstElementChild?.removeAttribute('aria-current');
    }
    const row = rows.get(state.selected ?? '');
    row?.scrollIntoView({ block: 'nearest' });
    reach(row);
  });
}
