// @ts-check
/** Findings, reviews, comparisons, moments: four panels in one. */

import { button, el, put } from './dom.js';
import { startCompare } from './compare_panel.js';
import { startFindings } from './findings_panel.js';
import { startRetime } from './retime_panel.js';
import { startTasks } from './tasks_panel.js';

const PARTS = /** @type {const} */ ([
  ['findings', 'Findings', startFindings],
  ['tasks', 'Tasks', startTasks],
  ['compare', 'Compare', startCompare],
  ['moments', 'Moments', startRetime],
]);

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startJudge(app, place) {
  const panels = PARTS.map(([id]) => el('div', { id: `judge-${id}`, testid: `judge-panel-${id}` }));
  const tabs = PARTS.map(([id, title], k) => button(title, `judge-${id}-tab`, () => show(k), { 'aria-pressed': 'false', 'aria-controls': `judge-${id}` }));
  put(place, el('div', { class: 'judge-tabs', role: 'group', 'aria-label': 'What is judged' }, tabs), panels);
  const show = (/** @type {number} */ wanted) => {
    panels.forEach((one, k) => (one.hidden = k !== wanted));
    tabs.forEach((one, k) => one.setAttribute('aria-pressed', String(k === wanted)));
    app.state.tell('judging', PARTS[wanted][0]);
  };
  app.state.on('finding', () => {
    app.state.tell('tab', 'judge');
    show(0);
  });
  PARTS.forEach(([, , start], k) => start(app, panels[k]));
  show(0);
}
