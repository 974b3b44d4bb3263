// @ts-check
/**
 * What pictures of a frame show: the cuboids as the server projects them, and the pictures themselves. Each is asked for when a frame is shown and kept
 * for a while; answers that come too late are dropped.
 */

import { ApiError } from './api.js';

/** @typedef {import('./picture_draw.js').Drawn} Drawn */
/** @typedef {{has_image: boolean, exposure_ns: number|bigint, width_px: number, height_px: number, is_calibrated: boolean}} CameraFrame */
/** @typedef {{track_id: string, category: string, camera: string, shape: string, state: string, visibility: string, [key: string]: any}} ShapeRow */

const KEPT = 6;

export class PictureData {
  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<string, Promise<any>>} `what frame` -> answer */
    this.kept = new Map();
    /** @type {Map<number, Record<string, {cuboids: Drawn[]}>>} frame -> camera -> what is in its picture */
    this.projections = new Map();
    /** @type {Record<string, {cuboids: Drawn[]}>|null} of what is dragged */
    this.draft = null;
    this.version = 0;
    this.isDrafting = false;
    /** @type {any} what the draft should be asked for next */
    this.nextDraft = null;
  }

  get path() {
    return `/scenes/${this.app.state.scene?.id}/frames`;
  }

  reset() {
    this.kept.clear();
    this.projections.clear();
    this.draft = null;
    this.version += 1;
  }

  /** Labels are others: what was projected is of before. The old is shown until the new is there. */
  stale() {
    this.version += 1;
    for (const key of [...this.kept.keys()]) if (!key.startsWith('picture')) this.kept.delete(key);
    const { frame } = this.app.state;
    for (const key of [...this.projections.keys()]) if (key !== frame) this.projections.delete(key);
  }

  /** What the server tells of a camera at a frame, where that is the one that is shown. @param {number} frame @param {string} camera @returns {CameraFrame|undefined} */
  camera(frame, camera) {
    const { told } = this.app.frames;
    return told?.frame_index === frame ? told.cameras[camera] : undefined;
  }

  /** Shapes in the pictures of a frame, as the server fills them. @param {number} frame @returns {ShapeRow[]} */
  shapes(frame) {
    const { told } = this.app.frames;
    return told?.frame_index === frame ? told.shapes : [];
  }

  /** Asks for the cuboids in a frame's pictures; `done` is called when they are there. @param {number} frame @param {() => void} done */
  async load(frame, done) {
    const { version } = this;
    const isCurrent = () => version === this.version;
    try {
      const found = await this.#keeping(`projections ${frame}`, () => this.app.api.get(`${this.path}/${frame}/projections`));
      if (!isCurrent()) return;
      put(this.projections, frame, found.cameras);
      if (frame === this.app.state.frame && !this.app.state.draft) this.draft = null;
      done();
    } catch (error) {
      if (isCurrent() && error instanceof ApiError && !error.isPassing) this.app.say(`Pictures of frame ${frame}: ${error.message}`, 'error');
      else if (!(error instanceof ApiError)) throw error;
    }
  }

  /** A picture, decoded; null where there is none. @param {number} frame @param {string} camera @param {number} width at most so wide, 0 for all of it */
  picture(frame, camera, width) {
    const { api, state } = this.app;
    if (!state.has('images', camera, frame)) return Promise.resolve(null);
    const path = `${this.path}/${frame}/image`;
    return this.#keeping(`picture ${frame} ${camera} ${width}`, async () => {
      try {
        const answer = await api.send('GET', path, { query: { camera, width: width || undefined } });
        return await createImageBitmap(await answer.blob());
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    });
  }

  /** Points in the picture of a camera, with their classes. @param {number} frame @param {string} camera @param {string} sensor */
  points(frame, camera, sensor) {
    const query = { sensor, camera, field: ['uv', 'class_id'], most: 40000 };
    return this.#keeping(`points ${frame} ${camera}`, async () => {
      const [found, names] = await Promise.all([
        this.app.api.points(`${this.path}/${frame}/points`, query),
        this.#keeping(`names ${frame}`, () => this.app.api.get(`${this.path}/${frame}/point-labels`, { sensor })),
      ]);
      const classes = new Map(names.classes.map((/** @type {any} */ one) => [one.class_id, one.category]));
      return { uv: found.fields.uv, classId: found.fields.class_id, classes };
    });
  }

  /** The picture of what is dragged follows it, one request at a time. @param {import('./state.js').Cuboid|null} cuboid @param {() => void} done */
  async follow(cuboid, done) {
    if (!cuboid) {
      this.nextDraft = null;
      return;
    }
    this.nextDraft = cuboid;
    if (this.isDrafting) return;
    this.isDrafting = true;
    try {
      while (this.nextDraft) {
        const { center, size, quat } = /** @type {import('./state.js').Cuboid} */ (this.nextDraft);
        this.nextDraft = null;
        const { frame, scene } = this.app.state;
        const body = { cuboids: [{ center_m: center, size_m: size, quat_wxyz: quat }], frame: scene?.labelFrame };
        const found = await this.app.api.post(`${this.path}/${frame}/projections`, body);
        if (frame !== this.app.state.frame || scene !== this.app.state.scene) return;
        this.draft = found.cameras;
        done();
        await new Promise((resolve) => setTimeout(resolve, 50)); // within the rate of writes
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the next movement asks again
    } finally {
      this.isDrafting = false;
    }
  }

  /** @param {string} key @param {() => Promise<any>} ask @returns {Promise<any>} */
  #keeping(key, ask) {
    const found = this.kept.get(key);
    if (found) return found;
    const made = ask();
    made.catch(() => this.kept.get(key) === made && this.kept.delete(key));
    this.kept.set(key, made);
    const most = KEPT * (4 + 2 * (this.app.state.scene?.cameras.length ?? 1));
    while (this.kept.size > most) this.kept.delete(/** @type {string} */ (this.kept.keys().next().value));
    return made;
  }
}

/** @template T @param {Map<number, T>} kept @param {number} frame @param {T} value */
function put(kept, frame, value) {
  kept.delete(frame);
  kept.set(frame, value);
  while (kept.size > KEPT) kept.delete(/** @type {number} */ (kept.keys().next().value));
}
