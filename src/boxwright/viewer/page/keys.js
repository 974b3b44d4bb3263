// @ts-check
/** Every key of the page in one table, which the help sheet shows. */

/** @typedef {{keys: string, group: string, text: string, act: (app: import('./app.js').App, event: KeyboardEvent) => void}} Key */

const DEGREE = Math.PI / 180;
const FACES = ['front', 'back', 'left', 'right', 'top', 'bottom'];
let face = 0;

/** @param {KeyboardEvent} event */
const step = (event) => (event.shiftKey ? 0.5 : 0.05);

/** @type {Key[]} the letters are what event.key says, without Shift */
export const KEYS = [
  key('ArrowRight .', 'Frames', 'next frame; Shift: next keyframe', (app, e) => (e.shiftKey ? keyframe(app, 1) : app.state.go(app.state.frame + 1))),
  key('ArrowLeft ,', 'Frames', 'frame before; Shift: keyframe before', (app, e) => (e.shiftKey ? keyframe(app, -1) : app.state.go(app.state.frame - 1))),
  key('>', 'Frames', 'next frame with a sweep, or with pictures where there are no sweeps', (app) => recorded(app, 1)),
  key('<', 'Frames', 'the one before', (app) => recorded(app, -1)),
  key('Home', 'Frames', 'first frame', (app) => app.state.go(0)),
  key('End', 'Frames', 'last frame', (app) => app.state.go(app.state.nFrames - 1)),
  key('Space', 'Frames', 'play and stop', (app) => app.state.tell('play')),
  key('f', 'Label', 'click to fit: then click on an object; Shift and a click: into the selected track; Alt and a click: a new one where there is one already', (app) => (app.state.tool === 'fit' || app.verbs.canFit) && app.state.use('fit')),
  key('r', 'Label', 'refit the selected cuboid to its points', (app) => void app.verbs.refit()),
  key('k', 'Label', 'make a keyframe here', (app) => app.verbs.makeKeyframe()),
  key('p', 'Label', 'carry the track on over the next frames; Shift: back', (app, e) => void app.verbs.propagate((e.shiftKey ? -1 : 1) * carried())),
  key('y', 'Label', 'draw around points in a view: they get the class of the panel Points', (app) => app.state.use('lasso')),
  key('z', 'Label', 'the size of this cuboid at every keyframe', (app) => app.verbs.sameSize()),
  key('x', 'Label', 'split the track here; Shift: choose what it is merged into', (app, e) => (e.shiftKey ? app.state.tell('merge') : app.verbs.split())),
  key('j', 'Label', 'draw in a picture: box, then the other shapes one after the other, then none', (app) => app.state.tell('draw')),
  key('v', 'Label', 'visible, occluded, gone from here on', (app) => nextVisibility(app)),
  key('Delete', 'Label', 'delete the keyframe; Shift: the track', (app, e) => (e.shiftKey ? app.verbs.deleteTrack() : app.verbs.deleteKeyframe())),
  key(']', 'Select', 'next track', (app) => another(app, 1)),
  key('[', 'Select', 'track before', (app) => another(app, -1)),
  key('Escape', 'Select', 'put the tool away; select nothing', (app) => leave(app)),
  key('n', 'Judge', 'next finding; Shift: the one before', (app, e) => app.state.tell('finding', e.shiftKey ? 'before' : 'next')),
  key('i', 'Judge', 'do what the finding suggests; Shift: waive it', (app, e) => app.state.tell('finding', e.shiftKey ? 'waive' : 'accept')),
  key('c', 'Judge', 'check the labels', (app) => app.state.tell('finding', 'check')),
  key('w', 'Move', 'forwards 5 cm; Shift: 50 cm', (app, e) => app.verbs.nudge([step(e), 0, 0])),
  key('s', 'Move', 'backwards', (app, e) => app.verbs.nudge([-step(e), 0, 0])),
  key('a', 'Move', 'to its left', (app, e) => app.verbs.nudge([0, step(e), 0])),
  key('d', 'Move', 'to its right', (app, e) => app.verbs.nudge([0, -step(e), 0])),
  key('PageUp', 'Move', 'up', (app, e) => app.verbs.nudge([0, 0, step(e)])),
  key('PageDown', 'Move', 'down', (app, e) => app.verbs.nudge([0, 0, -step(e)])),
  key('q', 'Move', 'turn left 1°; Shift: 10°', (app, e) => app.verbs.turn((e.shiftKey ? 10 : 1) * DEGREE)),
  key('e', 'Move', 'turn right', (app, e) => app.verbs.turn((e.shiftKey ? -10 : -1) * DEGREE)),
  key('b', 'Move', 'turn about, front to back', (app) => app.verbs.turn(Math.PI)),
  key('1 2 3 4 5 6', 'Resize', `choose a face: ${FACES.join(', ')}`, (app, e) => chooseFace(app, Number(e.key) - 1)),
  key('+ =', 'Resize', 'push that face out 5 cm; the opposite one stays', (app) => push(app, 0.05)),
  key('-', 'Resize', 'pull it in', (app) => push(app, -0.05)),
  key('h', 'View', 'from behind the vehicle', (app) => app.space?.big.home(app.space.egoFrom, app.space.anchor)),
  key('u', 'View', 'from above', (app) => app.space?.big.above(app.space.egoFrom, app.space.anchor)),
  key('o', 'View', 'near to the selected cuboid', (app) => app.lookAtSelected()),
  key('m', 'View', 'colour points by the next of height, intensity, time, class, cameras', (app) => app.state.tell('recolour')),
  key('l', 'View', 'names', (app) => app.state.change({ labels: !app.state.show.labels })),
  key('t', 'View', 'trails', (app) => app.state.change({ trails: !app.state.show.trails })),
  key('g', 'View', 'grid', (app) => app.state.change({ grid: !app.state.show.grid })),
  key('?', 'View', 'this sheet', (app) => app.state.tell('help')),
];

/** With Ctrl, or Command. @type {Key[]} */
export const CONTROL_KEYS = [
  key('z', 'Edit', 'undo', (app, e) => (e.shiftKey ? app.edits.redo() : app.edits.undo())),
  key('y', 'Edit', 'redo; also Ctrl+Shift+Z', (app) => app.edits.redo()),
  key('c', 'Edit', 'copy the cuboid', (app) => app.verbs.copy()),
  key('v', 'Edit', 'paste into the selected track; Shift: as a new one', (app, e) => app.verbs.paste(e.shiftKey)),
];

/** @param {string} keys @param {string} group @param {string} text @param {Key['act']} act @returns {Key} */
function key(keys, group, text, act) {
  return { keys, group, text, act };
}

/** Sliders besides that of frames move by these themselves, while they have the focus. */
const SLIDERS = 'input[type=range]:not(.scrub)';
const MOVES = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown']);

/** @param {import('./app.js').App} app */
export function startKeys(app) {
  document.addEventListener('pointerup', () => document.activeElement?.matches(SLIDERS) && /** @type {HTMLElement} */ (document.activeElement).blur());
  document.addEventListener('keydown', (event) => {
    const at = /** @type {HTMLElement} */ (event.target);
    const isTyping = at.matches('input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]');
    if (event.altKey || document.querySelector('dialog[open]')) return;
    if (isTyping && event.key === 'Escape') at.blur();
    if (isTyping || (at.matches(SLIDERS) && MOVES.has(event.key))) return;
    const isControl = event.ctrlKey || event.metaKey;
    if (event.key === ' ' && at.matches('button, summary, input, a')) return;
    if (isControl && event.key === 'c' && String(getSelection())) return;
    const pressed = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = (isControl ? CONTROL_KEYS : KEYS).find((one) => one.keys.split(' ').includes(pressed));
    if (!found) return;
    event.preventDefault();
    found.act(app, event);
  });
}

/** @param {import('./app.js').App} app @param {number} step */
function recorded(app, step) {
  const next = app.state.nextRecorded(step);
  if (next !== undefined) app.state.go(next);
}

/** @param {import('./app.js').App} app @param {number} step */
function keyframe(app, step) {
  const { state, labels } = app;
  if (!state.selected) return;
  const frames = labels.keyframes(state.selected).map((one) => state.frameAt(one.body.timestamp_ns)).filter((one) => one >= 0);
  const next = step > 0 ? frames.find((one) => one > state.frame) : frames.findLast((one) => one < state.frame);
  if (next !== undefined) state.go(next);
}

/** @param {import('./app.js').App} app @param {number} step */
function another(app, step) {
  const shown = app.space?.shown ?? [];
  if (!shown.length) return;
  const at = shown.findIndex((one) => one.id === app.state.selected);
  const { id } = shown[at < 0 ? 0 : (at + step + shown.length) % shown.length];
  app.state.select(id);
  app.space?.seek(id);
}

/** @param {import('./app.js').App} app */
function leave(app) {
  if (app.state.tool !== 'select') app.state.use('select');
  else app.state.select(null);
}

/** @param {import('./app.js').App} app @param {number} which */
function chooseFace(app, which) {
  face = which;
  app.say(`The ${FACES[face]} face: + pushes it out, − pulls it in.`);
}

/** @param {import('./app.js').App} app @param {number} by */
function push(app, by) {
  app.verbs.moveFace(Math.floor(face / 2), face % 2 ? -1 : 1, by);
}

/** @param {import('./app.js').App} app */
function nextVisibility(app) {
  const { state, labels, verbs } = app;
  const one = state.selected ? labels.keyframeAt(state.selected, state.stamp()) : undefined;
  const order = /** @type {const} */ (['visible', 'occluded', 'outside']);
  verbs.setVisibility(order[(order.indexOf(one?.body.visibility ?? 'outside') + 1) % 3]);
}

/** How many frames a track is carried over. */
function carried() {
  const field = document.getElementById('propagate-frames');
  return Math.max(1, Math.min(200, Math.round(Number(/** @type {HTMLInputElement|null} */ (field)?.value)) || 10));
}
