// @ts-check
/** Sentences for the user, and conflicts that wait for a decision. */

import { UNREACHABLE } from './api.js';
import { fieldsOf, valuesOf } from './conflicts.js';
import { button, el, fill, put } from './dom.js';

const STAYS_MS = 6000;
const MOST_VALUES = 7; // of a conflict

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startNotices(app, place) {
  const { state, edits } = app;
  const passing = el('div', { class: 'passing' });
  const conflicts = el('div', { class: 'conflicts' });
  put(place, el('div', { class: 'sayings' }, conflicts, passing));

  state.on('notice', ({ text, kind }) => {
    for (const old of passing.children) if (old.firstChild?.textContent === text) old.remove();
    const one = el('div', { class: `notice is-${kind}`, testid: 'notice' }, el('span', {}, text));
    one.append(button('×', 'notice-close', () => one.remove(), { 'aria-label': 'Close', class: 'close' }));
    passing.append(one);
    while (passing.children.length > 4) passing.firstElementChild?.remove();
    if (kind !== 'error') setTimeout(() => one.remove(), STAYS_MS);
  });

  state.on('answers', () => {
    for (const one of [...passing.children]) if (one.firstChild?.textContent?.includes(UNREACHABLE)) one.remove();
  });

  const show = () => {
    fill(
      conflicts,
      edits.refused.map((one) => {
        const first = one.conflicts[0];
        const isConflict = one.error.status === 412 || one.conflicts.length > 0;
        const isGone = one.conflicts.some((/** @type {any} */ other) => other.body === null);
        const what = isGone ? `deleted the ${first.kind}` : `changed ${fieldsOf(first?.changed ?? []).join(', ') || `the ${first?.kind}`}`;
        const who = first?.account ? `${first.account} ${what}.` : one.error.message;
        const title = isConflict ? `Somebody else was first: “${one.entry.what}” is not saved.` : `“${one.entry.what}” was refused and is not saved.`;
        const values = one.conflicts.flatMap((/** @type {any} */ other) => valuesOf(one.entry.edits, other));
        const rest = values.length - MOST_VALUES;
        return el(
          'div',
          { class: 'conflict', role: 'alert', testid: 'conflict' },
          el('strong', {}, title),
          el('p', { testid: 'conflict-who' }, who),
          values.length > 0 && el('ul', { testid: 'conflict-values' }, [...values.slice(0, MOST_VALUES), ...(rest > 0 ? [`and ${rest} more`] : [])].map((value) => el('li', {}, value))),
          one.error.hint && !isConflict ? el('p', {}, one.error.hint) : null,
          el(
            'div',
            { class: 'row' },
            isConflict ? button('Keep theirs', 'conflict-theirs', () => edits.drop(one)) : button('Discard', 'conflict-discard', () => edits.drop(one)),
            isConflict && one.entry.undo === null && !isGone && button('Put mine on top', 'conflict-mine', () => edits.retry(one)),
          ),
        );
      }),
    );
  };
  state.on('edits', show);
}
