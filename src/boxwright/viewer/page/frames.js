// @ts-check
/**
 * What a frame holds, fetched when it is asked for: points, cuboids, trails. Loads are numbered, so that an answer of an earlier frame is never shown;
 * what nobody waits for any more is aborted, and the frames beside are fetched before somebody goes there.
 */

import { ApiError } from './api.js';

/**
 * A cuboid as the server tells of a frame.
 * @typedef {{track_id: string, category: string, state: string, visibility: string, center_m: number[], size_m: number[], quat_wxyz: number[]}} Row
 */
/** @typedef {{track_id: string, first_frame: number, places_m: number[][]}} Trail */
/** @typedef {{ego: number[][]|null, lidar: number[][]|null}} Place  rows of matrices into the label frame; null where they are not known */
/** @typedef {{found: Promise<any>, frame: number, isDone: boolean, abort: AbortController}} Kept */

const KEPT = 40;
const AHEAD = [1, -1, 2];
/** What colours are made of besides places; nothing else of a point is fetched. @type {Record<string, string>} */
const COLUMNS = { class: 'class_id', camera: 'rgba', intensity: 'intensity', time: 'time_offset_ns' };

export class Frames {
  /** @param {import('./api.js').Api} api @param {import('./state.js').State} state */
  constructor(api, state) {
    this.api = api;
    this.state = state;
    /** @type {import('./api.js').Points|null} */
    this.points = null;
    this.pointsFrame = -1;
    /** @type {any} all that the server tells of the frame `rowsFrame`: shapes, tags, cameras too */
    this.told = null;
    this.rowsFrame = -1;
    /** @type {Trail[]} */
    this.trails = [];
    this.trailsFrame = -1;
    this.number = 0;
    this.version = 0;
    /** @type {Map<string, Kept>} */
    this.kept = new Map();
  }

  /** @returns {Row[]} */
  get rows() {
    return this.told?.cuboids ?? [];
  }

  /** @returns {Place|null} */
  get place() {
    const name = this.state.scene?.lidars[0]?.name;
    return this.told && { ego: this.told.ego.label_from, lidar: this.told.lidars[name]?.label_from ?? null };
  }

  /** What a point's class is called; an empty text for points of none. @param {number} id */
  className(id) {
    const name = id === 0 ? '' : (this.points?.classes.get(id) ?? '');
    return /^(unlabell?ed|background|none)$/i.test(name) ? '' : name;
  }

  /** Another scene: nothing of the last one is any good. */
  reset() {
    for (const one of this.kept.values()) one.abort.abort();
    this.kept.clear();
    this.number += 1;
    this.points = this.told = null;
    this.trails = [];
    this.pointsFrame = this.rowsFrame = this.trailsFrame = -1;
  }

  /** Labels have changed: what was fetched of them may be of before. */
  stale() {
    this.version += 1;
    for (const key of [...this.kept.keys()]) if (!key.startsWith('points')) this.kept.delete(key);
  }

  /** Fetches the frame that is shown. Tells `points` and `cuboids` as they come. */
  async load() {
    const { scene, frame } = this.state;
    if (!scene) return;
    this.number += 1;
    const number = this.number;
    for (const [key, one] of [...this.kept]) {
      if (one.isDone || one.frame === frame) continue;
      one.abort.abort();
      this.kept.delete(key);
    }
    const isCurrent = () => number === this.number;
    const points = this.#points(frame).then((found) => {
      if (!isCurrent()) return;
      this.points = found;
      this.pointsFrame = frame;
      this.state.tell('points');
    });
    try {
      await Promise.all([this.#show(frame, isCurrent), points]);
      if (isCurrent()) this.#fetchAhead();
    } catch (error) {
      if (isCurrent() && error instanceof ApiError) this.state.tell('notice', { text: `Frame ${frame}: ${error.message}`, kind: 'error' });
    }
  }

  /** The labels of the frame that is shown, anew. */
  async reload() {
    const { scene, frame } = this.state;
    const { version } = this;
    if (!scene) return;
    try {
      await this.#show(frame, () => version === this.version && frame === this.state.frame && scene === this.state.scene);
    } catch (error) {
      if (error instanceof ApiError) this.state.tell('notice', { text: error.message, kind: 'error' });
    }
  }

  /** @param {number} frame @param {() => boolean} isCurrent */
  async #show(frame, isCurrent) {
    // trails come with the cuboids, so that a frame is drawn once
    const [told, found] = await Promise.all([this.#told(frame), this.state.show.trails ? this.#trails(frame).catch(() => null) : null]);
    if (!isCurrent()) return;
    this.told = told;
    this.rowsFrame = frame;
    this.trails = found?.trails ?? [];
    this.trailsFrame = found ? frame : -1;
    this.state.tell('cuboids');
  }

  // ------------------------------------------------------------ requests

  get #base() {
    return `/scenes/${this.state.scene?.id}`;
  }

  /** @param {number} frame @returns {Promise<any>} */
  #told(frame) {
    return this.#keeping('cuboids', frame, (signal) => this.api.get(`${this.#base}/frames/${frame}`, {}, signal));
  }

  /** @param {number} frame @returns {Promise<{trails: Trail[]}>} */
  #trails(frame) {
    return this.#keeping('trails', frame, (signal) => this.api.get(`${this.#base}/frames/${frame}/trails`, { before: 30, after: 30 }, signal));
  }

  /** @param {number} frame @returns {Promise<import('./api.js').Points|null>} null where there is no sweep */
  #points(frame) {
    const { scene, show, nFrames } = this.state;
    const sensor = scene?.lidars[0]?.name;
    const firstSweep = Math.max(0, frame - show.sweeps + 1);
    const isThere = (/** @type {number} */ k) => this.state.has('sweeps', sensor, firstSweep + k);
    if (!sensor || !Array.from({ length: frame - firstSweep + 1 }, (_, k) => k).some(isThere)) return Promise.resolve(null);
    const base = this.#base;
    const noSweep = (/** @type {any} */ error) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    };
    const more = COLUMNS[show.colour];
    if (show.sweeps > 1) {
      const field = ['class_id', 'time_offset_ns'].includes(more) ? [more] : [];
      const query = { first: firstSweep, last: Math.min(nFrames - 1, frame), at_frame: frame, frame: sensor, most: 1_000_000, field };
      const key = `${field[0] === 'class_id' ? 'classes of points' : `points ${field}`} of ${show.sweeps} sweeps`;
      return this.#keeping(key, frame, (signal) => this.api.points(`${base}/aggregate`, query, signal).catch(noSweep));
    }
    const field = more ? [more] : [];
    const key = more && show.colour === 'class' ? `${more} of points` : `points ${more ?? ''}`; // classes come of labels, which change
    return this.#keeping(key, frame, async (signal) => {
      const [found, names] = await Promise.all([
        this.api.points(`${base}/frames/${frame}/points`, { sensor, field }, signal).catch(noSweep),
        more === 'class_id' ? this.api.get(`${base}/frames/${frame}/point-labels`, { sensor }, signal).catch(noSweep) : null,
      ]);
      for (const one of names?.classes ?? []) found?.classes.set(one.class_id, one.category ?? '');
      return found;
    });
  }

  /**
   * @template T
   * @param {string} what
   * @param {number} frame
   * @param {(signal: AbortSignal) => Promise<T>} ask
   * @returns {Promise<T>}
   */
  #keeping(what, frame, ask) {
    const key = `${what} ${frame}`;
    let one = this.kept.get(key);
    if (!one) {
      const abort = new AbortController();
      /** @type {Kept} */
      const made = { found: ask(abort.signal), frame, isDone: false, abort };
      made.found.then(
        () => (made.isDone = true),
        () => this.kept.get(key) === made && this.kept.delete(key),
      );
      one = made;
    }
    this.kept.delete(key); // to the end: what was not asked for the longest goes first
    this.kept.set(key, one);
    while (this.kept.size > KEPT) this.kept.delete(/** @type {string} */ (this.kept.keys().next().value));
    return one.found;
  }

  #fetchAhead() {
    const { frame, nFrames } = this.state;
    for (const next of AHEAD.map((step) => frame + step)) {
      if (next < 0 || next >= nFrames) continue;
      this.#told(next).catch(() => {});
      this.#points(next).catch(() => {});
      if (this.state.show.trails) this.#trails(next).catch(() => {});
    }
  }
}
