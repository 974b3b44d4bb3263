// @ts-check
/** The panels on the right, one at a time. */

import { byId, el, put } from './dom.js';

const PANELS = [
  ['object', 'Object'],
  ['tags', 'Tags'],
  ['shapes', '2-D'],
  ['points', 'Points'],
  ['judge', 'Review'],
];

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTabs(app, place) {
  const tabs = PANELS.map(([id, title]) =>
    el('button', { type: 'button', role: 'tab', id: `tab-${id}`, testid: `tab-${id}`, 'aria-controls': id, on: { click: () => app.state.tell('tab', id) } }, title),
  );
  put(place, tabs);
  const show = (/** @type {string} */ wanted) => {
    PANELS.forEach(([id], k) => {
      const panel = byId(id);
      panel.hidden = id !== wanted;
      panel.setAttribute('aria-labelledby', `tab-${id}`);
      tabs[k].setAttribute('aria-selected', String(id === wanted));
      tabs[k].tabIndex = id === wanted ? 0 : -1;
    });
  };
  place.addEventListener('keydown', (event) => {
    const at = tabs.indexOf(/** @type {any} */ (document.activeElement));
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || !step) return;
    event.stopPropagation();
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
  app.state.on('tab', show);
  show('object');
}
