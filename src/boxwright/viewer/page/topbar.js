// @ts-check
/** The bar at the top: which scene and frame, what is saved, undo and redo. */

import { button, el, fill, put } from './dom.js';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTopbar(app, place) {
  const { state, edits } = app;
  const scenes = el('select', { testid: 'scene', 'aria-label': 'Scene', on: { change: () => void app.openScene(scenes.value) } });
  const saved = el('span', { class: 'saved', testid: 'saved', role: 'status' }, 'connecting');
  const undo = button('↶ Undo', 'undo', () => edits.undo(), { title: 'Undo (Ctrl+Z)' });
  const redo = button('↷ Redo', 'redo', () => edits.redo(), { title: 'Redo (Ctrl+Shift+Z)' });
  const who = el('span', { class: 'who', testid: 'who' });
  put(
    place,
    el('h1', { class: 'brand' }, 'boxwright'),
    scenes,
    el('span', { class: 'grow' }),
    saved,
    undo,
    redo,
    who,
    button('New tab', 'new-tab', () => window.open(location.href, '_blank'), { title: 'This scene and frame in another tab, which has a token too' }),
    button('Keys ?', 'help-open', () => state.tell('help'), { title: 'All keys (?)' }),
  );

  state.on('scenes', () => {
    fill(scenes, state.scenes.map((one) => el('option', { value: one.scene_id }, one.name)));
    who.textContent = state.me.account;
  });
  state.on('scene', () => {
    scenes.value = state.scene?.id ?? '';
  });
  const show = () => {
    const waiting = edits.queue.length;
    let [text, kind] = [edits.savedSeq === null ? 'nothing changed' : `saved at revision ${edits.savedSeq}`, 'is-good'];
    if (waiting) [text, kind] = [edits.isOffline ? `${waiting} unsent: the server does not answer` : `saving ${waiting}`, edits.isOffline ? 'is-bad' : 'is-busy'];
    else if (edits.refused.length) [text, kind] = [`${edits.refused.length} not saved`, 'is-bad'];
    else if (app.verbs.isBusy) [text, kind] = [state.isCompiling ? 'asking the server; first use: being compiled' : 'asking the server', 'is-busy'];
    else if (!state.isLive) [text, kind] = ['the server does not answer', 'is-bad'];
    saved.textContent = text;
    saved.className = `saved ${kind}`;
    undo.disabled = !edits.undoable.length;
    redo.disabled = !edits.redoable.length;
    undo.title = edits.undoable.length ? `Undo ${edits.undoable.at(-1)?.what} (Ctrl+Z)` : 'Nothing to undo';
    redo.title = edits.redoable.length ? `Redo ${edits.redoable.at(-1)?.what} (Ctrl+Shift+Z)` : 'Nothing to redo';
  };
  for (const name of ['edits', 'compiling']) state.on(name, show);
}
