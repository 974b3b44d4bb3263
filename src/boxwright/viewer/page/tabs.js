// @ts-check
/** The panels on the right, one at a time. */

import { byId, el, put } from './dom.js';

/** Panels of what only points and cuboids have. */
const OF_SPACE = ['object', 'points'];
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
    el('button', { type: 'button', role: 'tab', id: `tab-${id}`, testid: `tab-${id}`, 'aria-controls': id, class: OF_SPACE.includes(id) ? 'of-space' : undefined, on: { click: () => app.state.tell('tab', id) } }, title),
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
    const shown = tabs.filter((one) => one.offsetParent !== null);
    const next = shown[(shown.indexOf(tabs[at]) + step + shown.length) % shown.length];
    next.focus();
    next.click();
  });
  app.state.on('tab', show);
  show('object');
}
