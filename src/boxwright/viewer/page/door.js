// @ts-check
/** What is seen instead of the editor by whoever has no token. */

import { el, fill } from './dom.js';

/** How one gets in. */
export const FRESH = 'Press Enter in the terminal where boxwright view or boxwright serve runs: it prints a fresh address, good once and for a minute. In a tab that is open, New tab opens another.';

/** A page of its own, with one message. @param {string} why */
export function showDoor(why) {
  document.body.className = 'plain';
  fill(
    document.body,
    el('h1', {}, 'This tab is not let in'),
    el('p', { testid: 'door', role: 'alert' }, `${why[0].toUpperCase()}${why.slice(1)}.`),
    el('p', {}, FRESH),
  );
}
