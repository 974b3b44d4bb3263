// @ts-check
/** Camera pictures with projected cuboids. */

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startPictures(app, place) {
  place.hidden = !app.state.scene?.cameras.length;
}
