// @ts-check
/** What a user does to labels: each verb queues one transaction, or asks the server for a proposal and queues that. */

import { ApiError, newId } from './api.js';
import { compare, copy, same } from './exact.js';
import { axesOf, faceMoved, holds, moved, movedAlong, turned } from './geometry.js';
import { cuboidOf, shapeOf } from './labels.js';

const BESIDE_M = 0.1; // that a click on an object may be off the cuboid it has

/** What a fit says of itself. @type {Record<string, string>} */
const DOUBTS = {
  length_from_prior: 'its length is that of its class',
  width_from_prior: 'its width is that of its class',
  height_from_prior: 'its height is that of its class',
  heading_unknown_180: 'front and rear may be each other (B turns it about)',
  yaw_ambiguous_90: 'it may be turned by a quarter',
  yaw_from_motion: 'points of this class do not tell its heading',
  too_few_points: 'they are few',
};

/** @typedef {import('./state.js').Entity} Entity */
/** @typedef {import('./state.js').Cuboid} Cuboid */

export class Verbs {
  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.app = app;
    /** @type {{cuboid: Cuboid, category: string}|null} */
    this.clipboard = null;
    this.isBusy = false;
  }

  /** @returns {Entity|undefined} the selected track of cuboids */
  get track() {
    const { state, labels } = this.app;
    const found = state.selected ? labels.get(state.selected) : undefined;
    return found && !('shape' in found.body) ? found : undefined;
  }

  /** The selected track's cuboid in the frame that is shown, interpolated ones too. @returns {Cuboid|null} */
  get cuboid() {
    const { track } = this;
    const { draft } = this.app.state;
    if (track && draft?.trackId === track.id) return draft.cuboid;
    return track ? (this.app.space?.cuboidOf(track.id) ?? null) : null;
  }

  /** Whether labels may be changed here; says so where not. */
  get isAllowed() {
    if (this.app.state.may('edit')) return true;
    this.app.say('This account may look, and not edit.', 'warning');
    return false;
  }

  /** Whether the frame has a sweep for a cuboid to be fitted to; says so where not. */
  get canFit() {
    if (this.app.state.hasSweep) return true;
    this.app.say(`Frame ${this.app.state.frame} has no sweep: there is nothing to fit a cuboid to. Go to a frame with points.`, 'warning');
    return false;
  }

  // ------------------------------------------------------------ cuboids of a frame

  /**
   * The cuboid of a track in the frame that is shown: its keyframe there changes, or is made.
   * @param {string} trackId id of the entity @param {Cuboid} cuboid @param {string} what @param {string} [origin]
   */
  setCuboid(trackId, cuboid, what, origin = 'given') {
    if (!this.isAllowed) return;
    const { labels, state, edits } = this.app;
    const stamp = state.stamp();
    const old = labels.keyframeAt(trackId, stamp);
    if (old) edits.add(what, [{ verb: 'move_keyframe', id: old.id, rev: old.rev, shape: shapeOf(cuboid), origin }]);
    else edits.add(what, [{ verb: 'add_keyframe', track: trackId, id: newId(), keyframe: this.#keyframe(cuboid, stamp, origin) }]);
  }

  /** @param {Cuboid} cuboid @param {number|bigint} stamp @param {string} origin */
  #keyframe(cuboid, stamp, origin) {
    return { timestamp_ns: stamp, ...shapeOf(cuboid), visibility: 'visible', origin };
  }

  /** A new track with a cuboid in the frame that is shown; it is selected. @param {Cuboid} cuboid @param {string} category @param {string} [origin] */
  addTrack(cuboid, category, origin = 'given') {
    if (!this.isAllowed) return;
    const { labels, state, edits } = this.app;
    const id = newId();
    const keyframe = this.#keyframe(cuboid, state.stamp(), origin);
    const head = { track_id: labels.freshName(category), category, method: 'makima', attributes: {}, source_attributes: {} };
    edits.add(`new ${category}`, [{ verb: 'add_track', scene: state.scene?.id, id, track: { ...head, keyframes: [keyframe] }, keyframe_ids: [newId()] }]);
    state.select(id);
  }

  /** Changes the selected cuboid. @param {(one: Cuboid) => Cuboid} change @param {string} what */
  change(change, what) {
    const { track, cuboid } = this;
    if (!track) this.app.say('Select a cuboid first.');
    else if (!cuboid) this.app.say('The track has no cuboid in this frame: K makes a keyframe here.');
    else this.setCuboid(track.id, change(cuboid), what);
  }

  /** @param {number[]} by metres along its own axes */
  nudge(by) {
    this.change((one) => movedAlong(one, by), 'move');
  }

  /** @param {number[]} by metres in the label frame */
  shift(by) {
    this.change((one) => moved(one, by), 'move');
  }

  /** @param {number} angle */
  turn(angle) {
    this.change((one) => turned(one, angle), 'turn');
  }

  /** @param {number} axis @param {number} sign @param {number} by */
  moveFace(axis, sign, by) {
    this.change((one) => faceMoved(one, axis, sign, by), 'resize');
  }

  /** A keyframe where the track is interpolated now, or where it was last. */
  makeKeyframe() {
    const { track } = this;
    const { labels, state } = this.app;
    if (!track) return this.app.say('Select a cuboid first.');
    if (labels.keyframeAt(track.id, state.stamp())) return this.app.say('There is a keyframe already.');
    const nearest = [...labels.keyframes(track.id)].sort((a, b) => compare(distance(a, state.stamp()), distance(b, state.stamp())))[0];
    return this.setCuboid(track.id, this.cuboid ?? cuboidOf(nearest.body), 'keyframe');
  }

  copy() {
    const { track, cuboid } = this;
    if (!track || !cuboid) return this.app.say('Select a cuboid first.');
    this.clipboard = { cuboid: copy(cuboid), category: track.body.category };
    return this.app.say('Copied: Ctrl+V puts it into this track, Ctrl+Shift+V makes a new one.');
  }

  /** @param {boolean} asNew */
  paste(asNew) {
    if (!this.clipboard) return this.app.say('Nothing is copied.');
    const { cuboid, category } = this.clipboard;
    const { track } = this;
    if (track && !asNew) return this.setCuboid(track.id, cuboid, 'paste');
    const aside = axesOf(cuboid.quat)[1].map((value) => value * (cuboid.size[1] + 0.5));
    return this.addTrack(moved(cuboid, aside), category);
  }

  // ------------------------------------------------------------ proposals of the server

  /**
   * A click becomes a cuboid of the class that is chosen. Where there is one already, that is selected instead.
   * @param {number[]} pointM in the label frame @param {'unless-there'|'into-selected'|'new'} [how]
   */
  async fitAt(pointM, how = 'unless-there') {
    const { state, api } = this.app;
    const track = how === 'into-selected' ? this.track : undefined;
    const isCareful = !track && how !== 'new';
    if (isCareful && this.#isThere((one) => holds(one, pointM, BESIDE_M))) return;
    const category = track ? track.body.category : state.category;
    const scene = state.scene;
    const frame = state.frame;
    const known = this.app.taxonomy.find(category)?.size_prior ? category : 'car';
    const body = { click_m: pointM, frame: scene?.labelFrame, category: known };
    const fit = await this.#asked(() => api.post(`/scenes/${scene?.id}/frames/${frame}/fit`, body));
    if (!fit || state.scene !== scene || state.frame !== frame) return;
    const made = cuboidOf(fit.label);
    if (isCareful && this.#isThere((one) => holds(one, made.center) && holds(made, one.center))) return;
    if (track) this.setCuboid(track.id, made, 'fit', 'fit');
    else this.addTrack(made, category, 'fit');
    const doubts = fit.flags.map((/** @type {string} */ one) => DOUBTS[one] ?? one.replaceAll('_', ' '));
    if (doubts.length) this.app.say(`Fitted to ${fit.n_points} points: ${doubts.join('; ')}.`);
  }

  /** Selects the cuboid of the frame that is already where one was asked for, and says so. @param {(one: Cuboid) => boolean} isSame */
  #isThere(isSame) {
    const found = this.app.space?.shown.find((one) => isSame(one.cuboid));
    if (!found) return false;
    this.app.state.select(found.id);
    this.app.say(`${found.name} is here already. R refits it to its points; Alt and a click make another one nevertheless.`);
    return true;
  }

  /** The selected cuboid snapped to its points. */
  async refit() {
    const { track, cuboid } = this;
    const { state, api } = this.app;
    if (!track || !cuboid) return this.app.say('Select a cuboid first.');
    if (!this.canFit) return undefined;
    const { scene, frame } = state;
    const known = this.app.taxonomy.find(track.body.category)?.size_prior ? { category: track.body.category } : {};
    const body = { center_m: cuboid.center, size_m: cuboid.size, quat_wxyz: cuboid.quat, ...known };
    const fit = await this.#asked(() => api.post(`/scenes/${scene?.id}/frames/${frame}/refit`, body));
    if (fit && state.scene === scene && state.frame === frame) this.setCuboid(track.id, cuboidOf(fit.label), 'refit', 'fit');
    return undefined;
  }

  /** The selected track carried on by its points. @param {number} frames that many, backwards where negative */
  async propagate(frames) {
    const { track } = this;
    const { state, api, labels, edits } = this.app;
    if (!track) return this.app.say('Select a cuboid first.');
    if (!this.isAllowed || !this.canFit) return undefined;
    const from = state.frame;
    const to = Math.max(0, Math.min(state.nFrames - 1, from + frames));
    if (to === from) return this.app.say('There is no frame to carry it to.');
    if (!labels.keyframeAt(track.id, state.stamp())) {
      if (!this.cuboid) return this.app.say('The track has no cuboid in this frame: K makes a keyframe here.');
      this.makeKeyframe(); // it begins at one
    }
    if (labels.isQueued(track.id)) await this.#saved();
    const scene = state.scene;
    const found = await this.#asked(() => api.post(`/scenes/${scene?.id}/propagate`, { track_id: track.body.track_id, from_frame: from, to_frame: to }));
    if (!found || state.scene !== scene) return undefined;
    const list = [];
    for (const row of found.track.keyframes) {
      if (same(row.timestamp_ns, state.stamp(from)) || labels.keyframeAt(track.id, row.timestamp_ns)) continue;
      list.push({ verb: 'add_keyframe', track: track.id, id: newId(), keyframe: row });
    }
    const refused = found.proposals.length - list.length;
    if (list.length) edits.add(`propagate over ${list.length} frames`, list);
    this.app.say(`Carried on over ${list.length} of ${found.proposals.length} frames${refused ? '; the others are not sure enough, or have keyframes' : ''}.`);
    return undefined;
  }

  /** @template T @param {() => Promise<T>} ask @returns {Promise<T|null>} null where the server refused, and the user was told */
  async #asked(ask) {
    this.isBusy = true;
    this.app.state.tell('edits');
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.app.say(`${error.message}${error.hint ? `: ${error.hint}` : ''}`, 'warning');
      return null;
    } finally {
      this.isBusy = false;
      this.app.state.tell('edits');
    }
  }

  /** Waits until nothing is queued, for verbs that the server does on what it has. */
  async #saved() {
    for (let k = 0; k < 100 && this.app.edits.queue.length; k += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  // ------------------------------------------------------------ tracks

  deleteKeyframe() {
    const { track } = this;
    const { labels, state, edits } = this.app;
    const one = track ? labels.keyframeAt(track.id, state.stamp()) : undefined;
    if (!track || !one) this.app.say('There is no keyframe of the selected track in this frame.');
    else if (labels.keyframes(track.id).length === 1) this.deleteTrack();
    else if (this.isAllowed) edits.add('delete keyframe', [{ verb: 'delete_keyframe', id: one.id, rev: one.rev }]);
  }

  deleteTrack() {
    const { track } = this;
    const { labels, state, edits } = this.app;
    if (!track) return this.app.say('Select a cuboid first.');
    if (!this.isAllowed) return undefined;
    edits.add(`delete ${track.body.track_id}`, [{ verb: 'delete_track', id: track.id, rev: track.rev, seen: labels.seq }]);
    return state.select(null);
  }

  /** The keyframes from this frame on become a track of their own. */
  split() {
    const { track } = this;
    const { labels, state, edits } = this.app;
    if (!track) return this.app.say('Select a cuboid first.');
    const later = labels.keyframes(track.id).filter((one) => compare(one.body.timestamp_ns, state.stamp()) >= 0);
    if (!later.length || later.length === labels.keyframes(track.id).length) return this.app.say('A track is split between two of its keyframes.');
    if (!this.isAllowed) return undefined;
    const said = { timestamp_ns: state.stamp(), new_id: newId(), track_id: labels.freshName(track.body.category) };
    edits.add(`split ${track.body.track_id}`, [{ verb: 'split', id: track.id, rev: track.rev, seen: labels.seq, ...said }]);
    return this.app.say(`From this frame on it is ${said.track_id}.`);
  }

  /** The selected track becomes part of another one. @param {Entity} into */
  merge(into) {
    const { track } = this;
    const { labels, state, edits } = this.app;
    if (!track || track.id === into.id || !this.isAllowed) return;
    const said = { id: track.id, rev: track.rev, into: into.id, into_rev: into.rev, seen: labels.seq, prefer: 'into' };
    edits.add(`merge ${track.body.track_id} into ${into.body.track_id}`, [{ verb: 'merge', ...said }]);
    state.select(into.id);
  }

  /** @param {Record<string, any>} set category, track_id */
  setTrack(set) {
    const { track } = this;
    if (!track || !this.isAllowed) return;
    const what = set.category ? `class ${set.category}` : `rename to ${set.track_id}`;
    this.app.edits.add(what, [{ verb: 'set_track', id: track.id, rev: track.rev, set }]);
  }

  /** @param {string} name @param {any} value undefined removes it @param {boolean} onKeyframe */
  setAttribute(name, value, onKeyframe) {
    const { track } = this;
    const { labels, state, edits } = this.app;
    if (!track || !this.isAllowed) return;
    const one = onKeyframe ? labels.keyframeAt(track.id, state.stamp()) : track;
    if (!one) {
      this.app.say(`${name} may change from frame to frame: K makes a keyframe here that says so.`);
      return;
    }
    const change = value === undefined ? { remove: [name] } : { set: { [name]: value } };
    edits.add(`${name}: ${value === undefined ? 'none' : value}`, [{ verb: 'set_attributes', id: one.id, kind: one.kind, rev: one.rev, ...change }]);
  }

  /** @param {'visible'|'occluded'|'outside'} visibility */
  setVisibility(visibility) {
    const { track } = this;
    const { labels, state, edits } = this.app;
    const one = track ? labels.keyframeAt(track.id, state.stamp()) : undefined;
    if (!one) this.app.say('K makes a keyframe here that says so.');
    else if (this.isAllowed) edits.add(visibility, [{ verb: 'set_keyframe', id: one.id, rev: one.rev, set: { visibility } }]);
  }

  /** The size of the selected cuboid at all keyframes of its track; centres stay. */
  sameSize() {
    const { track, cuboid } = this;
    const { labels, edits } = this.app;
    if (!track || !cuboid) return this.app.say('Select a cuboid first.');
    if (!this.isAllowed) return undefined;
    const list = labels.keyframes(track.id).map((one) => ({
      verb: 'move_keyframe', id: one.id, rev: one.rev, shape: shapeOf({ ...cuboidOf(one.body), size: [...cuboid.size] }), origin: one.body.origin ?? 'given',
    }));
    edits.add('one size for the track', list);
    return this.app.say(`${list.length} keyframes have this size now.`);
  }
}

/** @param {Entity} one @param {number|bigint} stamp */
function distance(one, stamp) {
  const d = BigInt(one.body.timestamp_ns) - BigInt(stamp);
  return d < 0n ? -d : d;
}
