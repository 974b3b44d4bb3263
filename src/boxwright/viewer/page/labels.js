// @ts-check
/** Tracks, keyframes and tags of the scene: as the server has them, and over that what this page has queued and the server has not answered yet. */

import { compare, copy } from './exact.js';
import { isLive, stampOf } from './stored.js';

/** @typedef {import('./state.js').Entity} Entity */
/** @typedef {import('./state.js').Cuboid} Cuboid */

/** The keyframes of a track: by their times as texts, and, once somebody asks, in their order. @typedef {{byStamp: Map<string, Entity>, sorted: Entity[]|null}} Family */

const SAID = ['timestamp_ns', 'visibility', 'origin', 'attributes', 'source_attributes'];

export class Labels {
  /** @param {import('./state.js').State} state */
  constructor(state) {
    this.state = state;
    /** @type {Map<string, Entity>} as the server has them */
    this.saved = new Map();
    /** @type {Map<string, Entity>} over these, what is queued here */
    this.queued = new Map();
    this.seq = 0;
    /** @type {Map<number, Set<string>>} transaction -> the tracks it touched, of those seen since the page came */
    this.touched = new Map();
    /** @type {null|{tracks: Entity[], tags: Entity[], keyframes: Map<string, Family>, byTrackId: Map<string, Entity>}} */
    this.index = null;
  }

  /** Another scene, or the same anew. @param {{seq: number, entities: Entity[]}} told */
  reset(told) {
    this.saved = new Map(told.entities.map((one) => [one.id, one]));
    this.touched.clear();
    this.seq = told.seq;
    this.index = null;
  }

  /**
   * What a transaction left, from the feed or asked for; an older state never replaces a newer one.
   * @param {number} seq
   * @param {Entity[]} changes
   * @returns {boolean} whether anything of this scene is new
   */
  apply(seq, changes) {
    let isNew = false;
    const touched = this.touched.get(seq) ?? new Set();
    for (const one of changes) {
      if (one.scene_id !== this.state.scene?.id || !['track', 'keyframe', 'tag', 'relation'].includes(one.kind)) continue;
      if (one.kind === 'track') touched.add(one.id);
      if (one.kind === 'keyframe' && one.parent_id) touched.add(one.parent_id);
      const old = this.saved.get(one.id);
      if (old && old.rev >= one.rev) continue;
      if (old?.parent_id) touched.add(old.parent_id);
      this.saved.set(one.id, one);
      isNew = true;
    }
    if (touched.size) this.touched.set(seq, touched);
    this.seq = Math.max(this.seq, seq);
    if (isNew) this.index = null;
    return isNew;
  }

  /** What stands in the queue, laid over what is saved. @param {any[][]} waiting lists of edits */
  lay(waiting) {
    this.queued = new Map();
    for (const edits of waiting) for (const edit of edits) this.#lay(edit);
    this.index = null;
  }

  /** @param {string} id @returns {Entity|undefined} undefined where it is not there */
  get(id) {
    const found = this.queued.get(id) ?? this.saved.get(id);
    return found && isLive(found) ? found : undefined;
  }

  /** Whether nothing has been fetched yet. */
  get isEmpty() {
    return !this.saved.size && !this.queued.size;
  }

  get tracks() {
    return this.#indexed().tracks;
  }

  /** Tracks of cuboids, not of shapes in pictures. */
  get cuboidTracks() {
    return this.tracks.filter((one) => !('shape' in one.body));
  }

  /** Classes of tracks, those that most have first. */
  get classes() {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { body } of this.tracks) counts.set(body.category, (counts.get(body.category) ?? 0) + 1);
    return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name]) => name);
  }

  get tags() {
    return this.#indexed().tags;
  }

  /** The track of a name. @param {string} trackId */
  named(trackId) {
    return this.#indexed().byTrackId.get(trackId);
  }

  /** The keyframes of a track, by time. @param {string} id of the track's entity */
  keyframes(id) {
    const family = this.#indexed().keyframes.get(id);
    if (!family) return [];
    family.sorted ??= [...family.byStamp.values()].sort((a, b) => compare(BigInt(stampOf(a)), BigInt(stampOf(b))));
    return family.sorted;
  }

  /** The keyframe of a track at a stamp. @param {string} id @param {number|bigint} stamp */
  keyframeAt(id, stamp) {
    return this.#indexed().keyframes.get(id)?.byStamp.get(String(stamp));
  }

  /** Whether a track or one of its keyframes is queued. @param {string} id */
  isQueued(id) {
    for (const one of this.queued.values()) if (one.id === id || one.parent_id === id) return true;
    return false;
  }

  /** A name for a new track that no other has. @param {string} category */
  freshName(category) {
    const word = category.replace(/\s+/g, '-');
    for (let n = this.tracks.length + 1; ; n += 1) if (!this.named(`${word}-${n}`)) return `${word}-${n}`;
  }

  #indexed() {
    if (this.index) return this.index;
    /** @type {Map<string, Family>} */
    const keyframes = new Map();
    const tracks = [];
    const tags = [];
    const all = [...this.saved.values()].filter((one) => !this.queued.has(one.id)).concat([...this.queued.values()]);
    for (const one of all) {
      if (!isLive(one)) continue;
      if (one.kind === 'track') tracks.push(one);
      else if (one.kind === 'tag') tags.push(one);
      else if (one.kind === 'keyframe' && one.parent_id) {
        let family = keyframes.get(one.parent_id);
        if (!family) keyframes.set(one.parent_id, (family = { byStamp: new Map(), sorted: null }));
        family.byStamp.set(stampOf(one), one);
      }
    }
    tracks.sort((a, b) => a.place - b.place || compare(/** @type {any} */ (a.id), /** @type {any} */ (b.id)));
    tags.sort((a, b) => a.place - b.place);
    this.index = { tracks, tags, keyframes, byTrackId: new Map(tracks.map((one) => [one.body.track_id, one])) };
    return this.index;
  }

  /** @param {string} id @param {any} body @param {Partial<Entity>} [more] */
  #set(id, body, more = {}) {
    const old = this.queued.get(id) ?? this.saved.get(id);
    const base = old ?? { id, kind: '', scene_id: this.state.scene?.id ?? '', parent_id: null, place: 1e9, rev: 0, seq: 0 };
    this.queued.set(id, { ...base, ...more, body });
  }

  /** One edit, as far as its outcome can be told here; the server alone splits and merges. @param {any} edit */
  #lay(edit) {
    const body = copy((this.queued.get(edit.id) ?? this.saved.get(edit.id))?.body ?? null);
    switch (edit.verb) {
      case 'add_track': {
        const { keyframes, ...track } = edit.track;
        this.#set(edit.id, track, { kind: 'track' });
        keyframes.forEach((/** @type {any} */ one, /** @type {number} */ k) => this.#set(edit.keyframe_ids[k], one, { kind: 'keyframe', parent_id: edit.id }));
        break;
      }
      case 'add_keyframe':
        this.#set(edit.id, edit.keyframe, { kind: 'keyframe', parent_id: edit.track });
        break;
      case 'set_track':
      case 'set_keyframe':
        if (body) this.#set(edit.id, { ...body, ...edit.set });
        break;
      case 'set_attributes':
        if (body) {
          const attributes = { ...(body.attributes ?? {}), ...(edit.set ?? {}) };
          for (const name of edit.remove ?? []) delete attributes[name];
          this.#set(edit.id, { ...body, attributes });
        }
        break;
      case 'move_keyframe':
        if (body) {
          const said = Object.fromEntries(SAID.filter((key) => key in body).map((key) => [key, body[key]]));
          this.#set(edit.id, { ...edit.shape, ...said, origin: edit.origin ?? 'given' });
        }
        break;
      case 'delete_track':
        for (const one of this.saved.values()) if (one.parent_id === edit.id) this.#set(one.id, null);
        this.#set(edit.id, null);
        break;
      case 'delete_keyframe':
      case 'delete_tag':
        this.#set(edit.id, null);
        break;
      case 'add_tag':
        this.#set(edit.id, edit.tag, { kind: 'tag' });
        break;
      case 'change_tag':
        this.#set(edit.id, edit.tag);
        break;
      default:
    }
  }
}

/** The cuboid a keyframe says. @param {any} body @returns {Cuboid} */
export function cuboidOf(body) {
  const yaw = body.yaw_rad ?? 0;
  return { center: [...body.center_m], size: [...body.size_m], quat: body.quat_wxyz ? [...body.quat_wxyz] : [Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)] };
}

/** What a keyframe says of a cuboid: upright ones by their yaw. @param {Cuboid} cuboid */
export function shapeOf(cuboid) {
  const [w, x, y, z] = cuboid.quat;
  const shape = { center_m: cuboid.center, size_m: cuboid.size };
  return Math.hypot(x, y) < 1e-9 ? { ...shape, yaw_rad: wrapped(2 * Math.atan2(z, w)) } : { ...shape, quat_wxyz: cuboid.quat };
}

/** Into (-pi, pi]. @param {number} angle */
export function wrapped(angle) {
  const turns = angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
  return turns <= -Math.PI ? turns + 2 * Math.PI : turns;
}
