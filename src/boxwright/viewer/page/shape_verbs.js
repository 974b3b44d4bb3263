// @ts-check
/** What a user does to shapes in pictures: each verb queues one transaction. */

import { ApiError, newId } from './api.js';
import { same } from './exact.js';
import { placeOf } from './shape_math.js';

/** @typedef {import('./state.js').Entity} Entity */

export class ShapeVerbs {
  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.app = app;
    this.isBusy = false;
  }

  /** @returns {Entity|undefined} the selected track, where it is one in pictures */
  get track() {
    const { state, labels } = this.app;
    const found = state.selected ? labels.get(state.selected) : undefined;
    return found && 'shape' in found.body ? found : undefined;
  }

  /** When its camera exposed the frame that is shown. @param {Entity|undefined} [track] */
  stamp(track = this.track) {
    return track ? (this.app.pictures?.exposure(track.body.camera) ?? null) : null;
  }

  /** The keyframe of the selected track in this frame. */
  get keyframe() {
    const { track } = this;
    const stamp = this.stamp();
    return track && stamp !== null ? this.app.labels.keyframeAt(track.id, stamp) : undefined;
  }

  /** The selected shape in this frame, between keyframes too. */
  get row() {
    const { track } = this;
    return track && this.app.pictures?.shapesOf(track.body.camera, this.app.state.frame).find((one) => one.track_id === track.body.track_id);
  }

  /** The frame nearest to an exposure of a camera. @param {string} camera @param {number|bigint} stamp */
  frameOf(camera, stamp) {
    const { scene } = this.app.state;
    const sensor = scene?.cameras.find((one) => one.name === camera);
    const times = sensor?.timestamp_ns ?? scene?.frames.map((one) => one.timestamp_ns) ?? [];
    let best = 0;
    const far = (/** @type {number} */ k) => Math.abs(Number(BigInt(times[k]) - BigInt(stamp)));
    for (let k = 1; k < times.length; k += 1) if (far(k) < far(best)) best = k;
    return best;
  }

  // ------------------------------------------------------------ shapes

  /** The selected track, where what is drawn goes into it: of this kind, and not in the frame yet. @param {string} camera @param {string} kind */
  #into(camera, kind) {
    const { track } = this;
    return track && track.body.camera === camera && track.body.shape === kind && !this.row ? track : undefined;
  }

  /** What the class of what is drawn next is. */
  get drawnCategory() {
    const { track } = this;
    return track && !this.row ? track.body.category : this.app.state.category;
  }

  /**
   * The points of keypoints that are drawn: those of the track they go into, or of the class; of others as many as are clicked.
   * @param {string} camera @returns {{names: string[], most: number, skeleton: import('./taxonomy.js').Skeleton|null}}
   */
  pointsFor(camera) {
    const into = this.#into(camera, 'keypoints');
    const skeleton = (into ? into.body.skeleton : this.app.taxonomy.find(this.app.state.category)?.skeleton) ?? null;
    const most = into ? this.app.labels.keyframes(into.id)[0].body.points_px.length : (skeleton?.points.length ?? Infinity);
    return { names: skeleton?.points ?? [], most, skeleton };
  }

  /**
   * A shape that was drawn: a new track, or a keyframe of the selected one where that is of the same kind and not there yet in this frame.
   * @param {string} camera @param {string} kind @param {any} place
   */
  draw(camera, kind, place) {
    const { labels, state, edits, verbs, pictures } = this.app;
    if (!verbs.isAllowed) return;
    const stamp = pictures?.exposure(camera) ?? null;
    if (stamp === null) {
      this.app.say('The frame is still on its way.');
      return;
    }
    const into = this.#into(camera, kind);
    if (into) {
      this.set(into.id, place, 'draw it again');
      return;
    }
    const id = newId();
    const { category } = state;
    const head = { track_id: labels.freshName(category), category, camera, object_id: null, shape: kind, method: 'linear', attributes: {}, source_attributes: {} };
    const { skeleton } = kind === 'keypoints' ? this.pointsFor(camera) : { skeleton: null };
    const keyframe = { timestamp_ns: stamp, ...place, visibility: 'visible', origin: 'given' };
    edits.add(`new ${kind.replace('_', ' ')} of a ${category}`, [{ verb: 'add_track', scene: state.scene?.id, id, track: { ...head, ...(skeleton ? { skeleton } : {}), keyframes: [keyframe] }, keyframe_ids: [newId()] }]);
    state.select(id);
    state.tell('tab', 'shapes');
  }

  /** The shape of a track in this frame: its keyframe changes, or is made. @param {string} id @param {any} place @param {string} what */
  set(id, place, what) {
    const { labels, edits, verbs } = this.app;
    const track = labels.get(id);
    const stamp = this.stamp(track);
    if (!track || stamp === null || !verbs.isAllowed) return;
    const old = labels.keyframeAt(id, stamp);
    if (old && old.body.visibility === 'outside') {
      const again = { timestamp_ns: stamp, ...place, visibility: 'visible', origin: 'given' };
      edits.add(what, [{ verb: 'delete_keyframe', id: old.id, rev: old.rev }, { verb: 'add_keyframe', track: id, id: newId(), keyframe: again }]);
    } else if (old) edits.add(what, [{ verb: 'move_keyframe', id: old.id, rev: old.rev, shape: place, origin: 'given' }]);
    else edits.add(what, [{ verb: 'add_keyframe', track: id, id: newId(), keyframe: { timestamp_ns: stamp, ...place, visibility: 'visible', origin: 'given' } }]);
  }

  /** The shape as it is interpolated becomes a keyframe. @param {string} [visibility] */
  makeKeyframe(visibility = 'visible') {
    const { track, keyframe } = this;
    const { edits, verbs } = this.app;
    const stamp = this.stamp();
    const place = this.#placeHere();
    if (!track || stamp === null || !verbs.isAllowed) return;
    if (keyframe) this.app.say('There is a keyframe already.');
    else if (!place) this.app.say('The track is not in this frame: draw it here.');
    else edits.add('keyframe', [{ verb: 'add_keyframe', track: track.id, id: newId(), keyframe: { timestamp_ns: stamp, ...place, visibility, origin: 'given' } }]);
  }

  /** Where the shape is here, or was last. */
  #placeHere() {
    const { track, row } = this;
    if (!track) return null;
    if (row) return placeOf(row, track.body.shape);
    const stamp = this.stamp();
    const before = this.app.labels.keyframes(track.id).filter((one) => stamp !== null && one.body.timestamp_ns <= stamp);
    return before.length ? placeOf(before[before.length - 1].body, track.body.shape) : null;
  }

  /** @param {string} visibility visible, occluded, outside */
  setVisibility(visibility) {
    const { keyframe } = this;
    const { edits, verbs } = this.app;
    if (!keyframe) this.makeKeyframe(visibility);
    else if (verbs.isAllowed) edits.add(visibility, [{ verb: 'set_keyframe', id: keyframe.id, rev: keyframe.rev, set: { visibility } }]);
  }

  // ------------------------------------------------------------ tracks

  /** @param {Record<string, any>} set */
  setTrack(set) {
    const { track } = this;
    const { edits, verbs } = this.app;
    if (track && verbs.isAllowed) edits.add(`class ${set.category ?? ''}`.trim(), [{ verb: 'set_track', id: track.id, rev: track.rev, set }]);
  }

  /** @param {string} name @param {any} value undefined takes it away @param {boolean} onKeyframe */
  setAttribute(name, value, onKeyframe) {
    const { track, keyframe } = this;
    const { edits, verbs } = this.app;
    const one = onKeyframe ? keyframe : track;
    if (!one) this.app.say(`${name} may change from frame to frame: a keyframe here says so.`);
    else if (verbs.isAllowed) {
      const change = value === undefined ? { remove: [name] } : { set: { [name]: value } };
      edits.add(`${name}: ${value === undefined ? 'none' : value}`, [{ verb: 'set_attributes', id: one.id, kind: one.kind, rev: one.rev, ...change }]);
    }
  }

  deleteKeyframe() {
    const { track, keyframe } = this;
    const { edits, labels, verbs } = this.app;
    if (!track || !keyframe) this.app.say('There is no keyframe of the selected shape in this frame.');
    else if (labels.keyframes(track.id).length === 1) this.deleteTrack();
    else if (verbs.isAllowed) edits.add('delete keyframe', [{ verb: 'delete_keyframe', id: keyframe.id, rev: keyframe.rev }]);
  }

  deleteTrack() {
    const { track } = this;
    const { edits, labels, state, verbs } = this.app;
    if (!track || !verbs.isAllowed) return;
    edits.add(`delete ${track.body.track_id}`, [{ verb: 'delete_track', id: track.id, rev: track.rev, seen: labels.seq }]);
    state.select(null);
  }

  /** The selected shape carried on by the pictures. @param {number} frames that many, backwards where negative */
  async propagate(frames) {
    const { track, keyframe } = this;
    const { api, edits, labels, state, verbs } = this.app;
    if (!track || !verbs.isAllowed) return;
    if (!keyframe) {
      this.app.say('Carrying on begins at a keyframe.');
      return;
    }
    const from = state.frame;
    const to = Math.max(0, Math.min(state.nFrames - 1, from + frames));
    const { scene } = state;
    try {
      this.isBusy = true;
      for (let k = 0; k < 100 && edits.queue.length; k += 1) await new Promise((resolve) => setTimeout(resolve, 50));
      const found = await api.post(`/scenes/${scene?.id}/propagate`, { track_id: track.body.track_id, from_frame: from, to_frame: to });
      if (scene !== state.scene) return;
      const rows = found.track.keyframes.filter((/** @type {any} */ row) => !labels.keyframes(track.id).some((one) => same(one.body.timestamp_ns, row.timestamp_ns)));
      const list = rows.map((/** @type {any} */ row) => ({ verb: 'add_keyframe', track: track.id, id: newId(), keyframe: row }));
      if (list.length) edits.add(`propagate over ${list.length} frames`, list);
      this.app.say(`Carried on over ${list.length} of ${found.proposals.length} frames.`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.app.say(`${error.message}${error.hint ? `: ${error.hint}` : ''}`, 'warning');
    } finally {
      this.isBusy = false;
    }
  }
}
