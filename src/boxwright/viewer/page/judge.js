// @ts-check
/** Findings, reviews, comparisons. */

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startJudge(app, place) {
  place.dataset.scene = app.state.scene?.id ?? '';
}
