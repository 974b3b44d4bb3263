// @ts-check
/**
 * Where unsent edits wait in the browser: each tab has a place of its own, so that none writes over another's, and takes up what a tab that is closed
 * has left. A lock of the browser tells which tabs are open.
 */

import { newId } from './api.js';
import { parse, print } from './exact.js';

const TAB = 'boxwright-tab';

export class Keeping {
  /** @param {string} prefix of the project and the account */
  constructor(prefix) {
    this.prefix = prefix;
    this.tab = '';
  }

  get #place() {
    return `${this.prefix}-${this.tab}`;
  }

  /** What this tab kept before a reload, and what closed ones left. @returns {Promise<{queue: any[], refused: any[]}>} */
  async open() {
    this.tab = sessionStorage.getItem(TAB) ?? newId();
    for (let k = 0; !(await this.#hold(this.tab)); k += 1) {
      if (k < 5) await new Promise((resolve) => setTimeout(resolve, 50)); // the page before this one is on its way out
      else this.tab = newId(); // a tab that was copied from one that is open
    }
    sessionStorage.setItem(TAB, this.tab);
    const found = read(this.#place);
    const open = new Set(((await navigator.locks?.query())?.held ?? []).map((one) => one.name));
    for (const place of Object.keys(localStorage)) {
      if (!place.startsWith(`${this.prefix}-`) || place === this.#place || open.has(lockOf(place.slice(this.prefix.length + 1)))) continue;
      const left = read(place);
      found.queue.push(...left.queue);
      found.refused.push(...left.refused);
      localStorage.removeItem(place);
    }
    return found;
  }

  /** @param {any[]} queue @param {any[]} refused @returns {boolean} whether the browser keeps it */
  keep(queue, refused) {
    try {
      if (!queue.length && !refused.length) localStorage.removeItem(this.#place);
      else localStorage.setItem(this.#place, print({ queue, refused }));
      return true;
    } catch {
      return false;
    }
  }

  /** Until the tab is closed. @param {string} tab @returns {Promise<boolean>} false where another tab has it */
  #hold(tab) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((told) => {
      void navigator.locks.request(lockOf(tab), { ifAvailable: true }, (lock) => {
        told(Boolean(lock));
        return lock ? new Promise(() => {}) : undefined;
      });
    });
  }
}

/** @param {string} tab */
function lockOf(tab) {
  return `${TAB}-${tab}`;
}

/** @param {string} place @returns {{queue: any[], refused: any[]}} */
function read(place) {
  try {
    const { queue, refused } = parse(localStorage.getItem(place) ?? '{}');
    return { queue: Array.isArray(queue) ? queue : [], refused: Array.isArray(refused) ? refused : [] };
  } catch {
    return { queue: [], refused: [] };
  }
}
