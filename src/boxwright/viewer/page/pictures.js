// @ts-check
/** Camera pictures: one tile each, with the cuboids and shapes of the frame. What is selected here is selected everywhere. */

import { button, el, fill, put } from './dom.js';
import { PictureData } from './picture_data.js';
import { boundsOf } from './picture_draw.js';
import { Tile } from './picture_tile.js';

/** @typedef {import('./picture_draw.js').Drawn} Drawn */
/** @typedef {import('./picture_draw.js').Look} Look */
/** @typedef {import('./picture_tile.js').PictureTool} PictureTool */

const KEPT = 'boxwright-pictures';

export class Pictures {
  /** @param {import('./app.js').App} app @param {HTMLElement} place */
  constructor(app, place) {
    this.app = app;
    this.place = place;
    this.data = new PictureData(app);
    /** @type {Tile[]} */
    this.tiles = [];
    /** @type {Tile|null} the one that is shown large */
    this.large = null;
    /** @type {PictureTool|null} who edits in pictures */
    this.tool = null;
    this.withPoints = false;
    this.isSought = false;
    /** @type {Map<string, (camera: string) => [Drawn, Look][]>} what else is drawn over pictures, by who asked for it */
    this.overlays = new Map();
    this.isDrawing = false;
    this.grid = el('div', { class: 'picture-grid', testid: 'picture-grid' });
    this.bar = el('div', { class: 'picture-bar' });
    put(place, this.bar, this.grid);
    new ResizeObserver(() => this.draw()).observe(this.grid);
  }

  /** Another scene: its cameras. */
  restart() {
    const cameras = this.app.state.scene?.cameras ?? [];
    this.place.hidden = !cameras.length;
    this.data.reset();
    this.large = null;
    this.tiles = cameras.map((sensor) => new Tile(this, sensor));
    fill(this.grid, this.tiles.map((one) => one.element));
    const only = cameras.length > 0 && !this.app.state.scene?.lidars.length;
    document.body.dataset.only = only ? 'pictures' : '';
    if (only) this.app.state.tell('tab', 'shapes');
    this.#showBar();
    this.#layOut();
  }

  #showBar() {
    const height = el('input', { type: 'range', min: 0, max: 3, step: 1, value: String(heightKept()), testid: 'picture-height', id: 'picture-height', on: { input: () => this.#resize(height.valueAsNumber) } });
    const points = el('input', { type: 'checkbox', testid: 'picture-points', id: 'picture-points', on: { change: () => this.#showPoints(points.checked) } });
    points.checked = this.withPoints;
    fill(
      this.bar,
      el('label', { for: 'picture-height' }, 'Pictures'), height,
      this.app.state.scene?.lidars.length ? el('span', { class: 'check' }, points, el('label', { for: 'picture-points' }, 'points by class')) : null,
      el('span', { class: 'grow' }),
      button('All', 'pictures-all', () => this.large && this.enlarge(this.large), { hidden: !this.large, title: 'All pictures again (Enter)' }),
    );
    this.#resize(height.valueAsNumber);
  }

  /** @param {number} level 0: none, 3: most of the page */
  #resize(level) {
    this.place.dataset.height = String(document.body.dataset.only === 'pictures' ? 3 : level);
    try {
      localStorage.setItem(KEPT, String(level));
    } catch {
      // a browser that keeps nothing
    }
    this.grid.hidden = level === 0 && document.body.dataset.only !== 'pictures';
    this.#layOut();
    if (!this.grid.hidden) this.load();
  }

  /** @param {boolean} isOn */
  #showPoints(isOn) {
    this.withPoints = isOn;
    for (const tile of this.tiles) void tile.load();
  }

  /** One picture large, or all of them again. @param {Tile} tile */
  enlarge(tile) {
    this.large = this.large === tile ? null : tile;
    this.#showBar();
    this.#layOut();
    void tile.load();
    tile.canvas.focus({ preventScroll: true });
  }

  #layOut() {
    for (const tile of this.tiles) {
      tile.element.hidden = this.large !== null && tile !== this.large;
      tile.element.classList.toggle('is-large', tile === this.large);
      tile.large.setAttribute('aria-pressed', String(tile === this.large));
    }
    this.grid.dataset.large = this.large ? 'yes' : '';
    this.grid.dataset.tiles = String(this.tiles.length);
    this.draw();
  }

  // ------------------------------------------------------------ what is shown

  load() {
    const { frame, scene } = this.app.state;
    if (!scene?.cameras.length || this.grid.hidden) return;
    void this.data.load(frame, () => {
      this.meet();
      this.draw();
    });
    for (const tile of this.tiles) if (!tile.element.hidden) void tile.load();
  }

  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      for (const tile of this.tiles) if (!tile.element.hidden && !this.grid.hidden) tile.draw();
    });
  }

  /** @param {string|undefined} trackId as the label names it */
  isSelected(trackId) {
    const { selected } = this.app.state;
    return Boolean(selected) && trackId !== undefined && this.app.labels.named(trackId)?.id === selected;
  }

  /** @param {string|null} trackId */
  select(trackId) {
    const found = trackId === null ? null : this.app.labels.named(trackId);
    this.app.state.select(found?.id ?? null);
    if (found && 'shape' in found.body) this.app.state.tell('tab', 'shapes');
  }

  /** The exposure of a camera at the frame that is shown. @param {string} camera @returns {number|bigint|null} */
  exposure(camera) {
    return this.data.camera(this.app.state.frame, camera)?.exposure_ns ?? null;
  }

  /**
   * Shapes in a picture: keyframes as this page has them, the others as the server filled them; one that is dragged as it is now.
   * @param {string} camera @param {number} frame
   * @returns {import('./picture_data.js').ShapeRow[]}
   */
  shapesOf(camera, frame) {
    const { labels } = this.app;
    const exposure = this.data.camera(frame, camera)?.exposure_ns;
    const filled = new Map(this.data.shapes(frame).filter((row) => row.camera === camera).map((row) => [row.track_id, row]));
    if (labels.isEmpty || exposure === undefined) return [...filled.values()];
    const rows = [];
    for (const track of labels.tracks) {
      const { body } = track;
      if (!('shape' in body) || body.camera !== camera) continue;
      const keyframe = labels.keyframeAt(track.id, exposure);
      const row = filled.get(body.track_id);
      if (keyframe ? keyframe.body.visibility === 'outside' : !row) continue;
      const said = { track_id: body.track_id, category: body.category, camera, shape: body.shape, skeleton: body.skeleton, ...(body.shape === 'mask' ? { size_px: body.size_px } : {}) };
      const now = keyframe ? { ...keyframe.body, state: 'keyframe' } : row;
      const dragged = this.dragged?.(track.id);
      rows.push(/** @type {any} */ ({ ...now, ...said, ...(dragged ?? {}) }));
    }
    return rows;
  }

  /** What is being dragged of a shape's track, set by who drags. @type {null|((id: string) => any)} */
  dragged = null;

  /** @param {string} camera @returns {[Drawn, Look][]} */
  overlay(camera) {
    return [...this.overlays.values()].flatMap((one) => one(camera));
  }

  /** Brings what is selected into the middle of the picture that is large, as soon as what the picture shows is there. */
  lookAtSelected() {
    this.isSought = true;
    this.meet();
  }

  /** Asked whenever something has come that it may wait for. */
  meet() {
    const { frame, selected } = this.app.state;
    const tile = this.large;
    if (!this.isSought || (tile && (tile.frame !== frame || !this.data.projections.has(frame)))) return;
    this.isSought = false;
    if (!tile || !selected) return;
    const row = [...tile.cuboids, ...tile.shapes].find((one) => this.isSelected(one.track_id));
    const box = row && ('shape' in row ? boundsOf(row, row.shape) : row.xyxy);
    if (!box) return;
    tile.view.show(box);
    tile.draw();
    void tile.load(); // nearer, it may want more pixels
  }
}

function heightKept() {
  const found = Number(localStorage.getItem(KEPT) ?? '1');
  return [0, 1, 2, 3].includes(found) ? found : 1;
}

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startPictures(app, place) {
  const pictures = new Pictures(app, place);
  const { state } = app;
  state.on('scene', () => {
    pictures.restart();
    pictures.load();
  });
  state.on('frame', () => {
    pictures.data.draft = null;
    pictures.load();
  });
  state.on('cuboids', () => {
    pictures.load();
    pictures.draw();
  });
  for (const name of ['saved', 'heard']) state.on(name, () => pictures.data.stale());
  for (const name of ['selection', 'labels', 'taxonomy', 'show', 'compiling']) state.on(name, () => pictures.draw());
  state.on('draft', () => void pictures.data.follow(state.draft?.cuboid ?? null, () => pictures.draw()));
  pictures.restart();
  return pictures;
}
