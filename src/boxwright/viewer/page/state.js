// @ts-check
/**
 * What is shown: the scene, its frame, the selection, the colours. Whoever changes it tells everybody.
 *
 *   scenes     the list of scenes is there, or new
 *   scene      another scene; `state.scene` is whole
 *   frame      another frame
 *   selection  another track, or none
 *   labels     tracks, keyframes or tags are others: of this page, of the server, of somebody else
 *   cuboids    the cuboids of the frame are others
 *   draft      what is being dragged has moved
 *   framed     the points and cuboids of the frame are drawn; shown: its cuboids, whenever they are others
 *   show       another colour, tool or layer
 *   ringed     something was drawn around points in a view
 *   edits      something was queued, sent, saved or refused
 *   compiling  the server has begun to compile what its first answers need, or is done
 *   finding    a key asks for the next finding, the one before, accept, waive or check
 *   draw       a key asks for the next tool of pictures; recolour: for the next colour of points; merge: for the list of tracks
 *   answers    the server does again
 *   seek       {trackId?, frame?}: somebody asks for a frame and a track
 */

/**
 * @typedef {object} Entity
 * @property {string} id
 * @property {string} kind
 * @property {string} scene_id
 * @property {string|null} parent_id
 * @property {number} place
 * @property {number} rev
 * @property {number} seq
 * @property {any} body null where it is deleted
 */

/**
 * @typedef {object} SceneHead
 * @property {string} id
 * @property {string} name
 * @property {string} labelFrame the frame of reference that cuboids are kept in
 * @property {boolean} hasTime
 * @property {{frame_id: string, timestamp_ns: number|bigint}[]} frames
 * @property {any[]} lidars bodies of sensors
 * @property {any[]} cameras bodies of sensors
 * @property {Map<string, number>} frameByStamp
 * @property {Record<string, Record<string, number[][]>>} data sweeps, images and videos -> sensor -> runs of frames, first and last, that have them
 */

/**
 * A cuboid in the scene's label frame: metres, and how its own axes are turned.
 * @typedef {{center: number[], size: number[], quat: number[]}} Cuboid
 */

/** @typedef {'select'|'fit'|'lasso'} Tool  lasso: around points */

const KEPT = 'boxwright-show';
const SHOWN = { colour: 'height', pointSize: 2, labels: true, trails: true, grid: true, shapes: true, projected: true, sweeps: 1, follow: true };

export class State extends EventTarget {
  constructor() {
    super();
    /** @type {{scene_id: string, name: string, n_tracks: number, n_keyframes: number}[]} */
    this.scenes = [];
    /** @type {SceneHead|null} */
    this.scene = null;
    this.frame = 0;
    /** @type {string|null} id of a track's entity */
    this.selected = null;
    /** @type {Tool} */
    this.tool = 'select';
    this.category = 'car';
    this.isPlaying = false;
    /** Whether the server is heard. */
    this.isLive = true;
    /** Whether the server still compiles what its first answers need. */
    this.isCompiling = false;
    /** @type {{trackId: string, cuboid: Cuboid}|null} what is being dragged, by the id of its track's entity */
    this.draft = null;
    /** @type {{account: string, roles: string[], may: string[]}} */
    this.me = { account: '', roles: [], may: [] };
    this.show = { ...SHOWN, ...kept() };
  }

  /** @param {string} name @param {(detail: any) => void} act */
  on(name, act) {
    this.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
  }

  /** @param {string} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  get nFrames() {
    return this.scene?.frames.length ?? 0;
  }

  /** The stamp of a frame. @param {number} [frame] @returns {number|bigint} */
  stamp(frame = this.frame) {
    return this.scene?.frames[frame]?.timestamp_ns ?? 0;
  }

  /** The frame with a stamp, or -1. @param {number|bigint} stamp */
  frameAt(stamp) {
    return this.scene ? (this.scene.frameByStamp.get(String(stamp)) ?? -1) : -1;
  }

  /** Whether a sensor has something at a frame. @param {'sweeps'|'images'} what @param {string} sensor @param {number} frame */
  has(what, sensor, frame) {
    const { data } = this.scene ?? {};
    const runs = [...(data?.[what][sensor] ?? []), ...(what === 'images' ? (data?.videos[sensor] ?? []) : [])];
    return runs.some(([first, last]) => first <= frame && frame <= last);
  }

  /** Whether the frame that is shown has points of its own, which a fit needs. */
  get hasSweep() {
    return this.scene?.lidars.some((one) => this.has('sweeps', one.name, this.frame)) ?? false;
  }

  /** The frames that have sweeps, or pictures where there is no sweep at all, as runs in order: first and last. @returns {number[][]} */
  get recorded() {
    const { data } = this.scene ?? {};
    const runs = (/** @type {Record<string, number[][]>|undefined} */ of) => Object.values(of ?? {}).flat();
    const found = runs(data?.sweeps);
    return (found.length ? found : [...runs(data?.images), ...runs(data?.videos)]).sort(([a], [b]) => a - b);
  }

  /** The nearest frame with a recording, after the one that is shown or before it, or undefined. @param {number} step 1 or -1 */
  nextRecorded(step) {
    const from = this.frame + step;
    const found = this.recorded
      .filter(([first, last]) => (step > 0 ? last >= from : first <= from))
      .map(([first, last]) => (step > 0 ? Math.max(first, from) : Math.min(last, from)));
    return found.length ? (step > 0 ? Math.min(...found) : Math.max(...found)) : undefined;
  }

  /** Shows a frame. @param {number} frame */
  go(frame) {
    const wanted = Math.max(0, Math.min(this.nFrames - 1, Math.round(frame)));
    if (!Number.isFinite(wanted) || wanted === this.frame) return;
    this.frame = wanted;
    this.draft = null;
    this.tell('frame');
  }

  /** Selects a track by the id of its entity. @param {string|null} id */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.draft = null;
    this.tell('selection');
  }

  /** Changes what is shown. @param {Partial<typeof SHOWN>} changes */
  change(changes) {
    Object.assign(this.show, changes);
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.show));
    } catch {
      // a browser that keeps nothing shows it all the same
    }
    this.tell('show');
  }

  /** @param {Tool} tool */
  use(tool) {
    this.tool = this.tool === tool ? 'select' : tool;
    this.tell('show');
  }

  /** Whether the account may do something. @param {string} action */
  may(action) {
    return this.me.may.includes(action);
  }
}

/** What was shown the last time, as far as it still makes sense. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
    return Object.fromEntries(Object.entries(SHOWN).filter(([key, value]) => typeof found[key] === typeof value).map(([key]) => [key, found[key]]));
  } catch {
    return {};
  }
}

/**
 * A scene from what the server tells of it.
 * @param {any} told
 * @returns {SceneHead}
 */
export function sceneHead(told) {
  const frames = told.frames[0]?.body.frames ?? [];
  const sensors = told.sensor.map((/** @type {Entity} */ one) => one.body);
  return {
    id: told.scene.id,
    name: told.scene.body.name,
    labelFrame: told.scene.body.label_frame,
    hasTime: told.scene.body.has_time,
    frames,
    frameByStamp: new Map(frames.map((/** @type {any} */ one, /** @type {number} */ i) => [String(one.timestamp_ns), i])),
    lidars: sensors.filter((/** @type {any} */ one) => one.is === 'lidar'),
    cameras: sensors.filter((/** @type {any} */ one) => one.is === 'camera'),
    data: told.data,
  };
}
