// @ts-check
/** Shapes in pictures, and their editing. */

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startShapes(app, place) {
  place.dataset.scene = app.state.scene?.id ?? '';
}
