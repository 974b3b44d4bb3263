// @ts-check
/** One camera: its picture on a canvas, what is drawn over it, zooming, moving, and who gets the mouse. */

import { button, el, fill } from './dom.js';
import { boundsOf, drawCaptions, drawCuboid, drawPoints, drawShape, outlines } from './picture_draw.js';
import { isOnMask, stencilOf } from './masks.js';
import { PictureView } from './picture_view.js';
import { captionOf } from './taxonomy.js';

/**
 * Whoever edits in pictures. Each is asked before the tile moves or selects.
 * @typedef {object} PictureTool
 * @property {(tile: Tile, uv: number[], event: PointerEvent) => boolean} down whether it takes the mouse from here on
 * @property {(tile: Tile, uv: number[], event: PointerEvent) => void} move
 * @property {(tile: Tile, uv: number[], event: PointerEvent) => void} up
 * @property {(tile: Tile, uv: number[]) => string} cursor
 * @property {(tile: Tile, to: CanvasRenderingContext2D) => void} draw over everything else
 * @property {(tile: Tile, event: KeyboardEvent) => boolean} key whether it took the key
 * @property {(tile: Tile) => boolean} double whether a double click was its own
 */

const CLICK_PX = 4;
const NEAR_PX = 7;

export class Tile {
  /** @param {import('./pictures.js').Pictures} pictures @param {any} sensor body of the camera's entity */
  constructor(pictures, sensor) {
    this.pictures = pictures;
    this.app = pictures.app;
    /** @type {string} */
    this.camera = sensor.name;
    this.view = new PictureView(sensor.width_px ?? sensor.camera?.width_px ?? 640, sensor.height_px ?? sensor.camera?.height_px ?? 480);
    /** @type {{frame: number, bitmap: ImageBitmap|null}|null} */
    this.shown = null;
    /** @type {{frame: number, uv: Float32Array, classId: Uint16Array, classes: Map<number, string>}|null} */
    this.points = null;
    this.isLoading = false;
    this.canvas = el('canvas', { tabindex: 0, testid: `picture-${this.camera}`, role: 'img', 'aria-label': `Picture of ${this.camera}` });
    this.note = el('span', { class: 'picture-note', testid: `picture-note-${this.camera}` });
    this.large = button('⤢', `picture-large-${this.camera}`, () => pictures.enlarge(this), { title: 'Large, or small again (Enter)', 'aria-label': `Picture of ${this.camera} large` });
    const whole = button('whole', `picture-whole-${this.camera}`, () => this.whole(), { title: 'The whole picture (0)', 'aria-label': `whole picture of ${this.camera}` });
    const head = el('figcaption', {}, el('span', { class: 'picture-name' }, this.camera), this.note, whole, this.large);
    this.element = el('figure', { class: 'picture', 'data-camera': this.camera }, head, this.canvas);
    this.#listen();
  }

  get to() {
    return /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
  }

  whole() {
    this.view.reset();
    this.draw();
  }

  // ------------------------------------------------------------ the picture

  /** Fetches the picture of the frame that is shown; while one is on its way the next waits for it. */
  async load() {
    if (this.isLoading) return;
    this.isLoading = true;
    try {
      for (;;) {
        const { frame, scene } = this.app.state;
        const width = this.#wantedWidth();
        const bitmap = await this.pictures.data.picture(frame, this.camera, width).catch(() => null);
        if (scene !== this.app.state.scene) return;
        this.shown = { frame, bitmap };
        if (bitmap) this.#sizes(frame);
        await this.#loadPoints(frame);
        this.draw();
        this.pictures.meet();
        if (frame === this.app.state.frame && width === this.#wantedWidth()) return;
      }
    } finally {
      this.isLoading = false;
    }
  }

  /** @param {number} frame */
  async #loadPoints(frame) {
    const lidar = this.app.state.scene?.lidars[0]?.name;
    if (!this.pictures.withPoints || !lidar || !this.pictures.data.camera(frame, this.camera)?.is_calibrated) {
      this.points = null;
      return;
    }
    const found = await this.pictures.data.points(frame, this.camera, lidar).catch(() => null);
    this.points = found ? { frame, ...found } : null;
  }

  /** The size of the picture as the server tells it. @param {number} frame */
  #sizes(frame) {
    const told = this.pictures.data.camera(frame, this.camera);
    if (told && (told.width_px !== this.view.width || told.height_px !== this.view.height)) {
      const view = new PictureView(told.width_px, told.height_px);
      view.resize(this.view.canvasWidth, this.view.canvasHeight);
      this.view = view;
    }
  }

  #wantedWidth() {
    const needed = this.view.width * this.view.scale * devicePixelRatio;
    for (const width of [480, 960, 1600]) if (needed <= width * 1.2 && width < this.view.width) return width;
    return 0;
  }

  // ------------------------------------------------------------ drawing

  /** What is drawn now: the frame whose picture is there, or the one that is asked for where a camera has none. */
  get frame() {
    return this.shown?.bitmap ? this.shown.frame : this.app.state.frame;
  }

  /** @returns {import('./picture_draw.js').Drawn[]} */
  get cuboids() {
    if (!this.app.state.show.projected) return [];
    return this.pictures.data.projections.get(this.frame)?.[this.camera]?.cuboids ?? [];
  }

  /** Shapes of the frame: as the server fills them, and over those the keyframes of this page. */
  get shapes() {
    return this.app.state.show.shapes ? this.pictures.shapesOf(this.camera, this.frame) : [];
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    this.view.resize(clientWidth, clientHeight);
  }

  draw() {
    this.resize();
    const { to, view } = this;
    const ratio = devicePixelRatio || 1;
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.fillStyle = '#0d0f14';
    to.fillRect(0, 0, view.canvasWidth, view.canvasHeight);
    this.#picture();
    if (this.points && this.points.frame === this.frame) this.#points();
    this.#cuboids();
    for (const row of this.shapes) {
      const isSelected = this.pictures.isSelected(row.track_id);
      const look = { colour: this.app.taxonomy.color(row.category), isSelected, isOccluded: row.visibility === 'occluded', skeleton: row.skeleton };
      drawShape(to, view, row, row.shape, { ...look, dash: row.state === 'between' && !isSelected ? [8, 3] : undefined });
    }
    this.pictures.tool?.draw(this, to);
    this.#captions();
    this.#say();
  }

  #picture() {
    const bitmap = this.shown?.bitmap;
    if (!bitmap) return;
    const { to, view } = this;
    const [left, top] = view.toCanvas(-0.5, -0.5);
    to.imageSmoothingEnabled = view.scale < 3;
    to.drawImage(bitmap, left, top, view.width * view.scale, view.height * view.scale);
  }

  #points() {
    const { classId, classes, uv } = /** @type {NonNullable<typeof this.points>} */ (this.points);
    /** @type {Map<number, string|null>} */
    const colours = new Map();
    for (const [id, name] of classes) colours.set(id, id ? `rgb(${this.app.taxonomy.color(name).map(Math.round).join(' ')})` : 'rgb(150 160 175 / 0.55)');
    drawPoints(this.to, this.view, uv, (k) => colours.get(classId[k]) ?? null, Math.max(1.5, this.view.scale * 2));
  }

  #cuboids() {
    const { to, view, app } = this;
    const dragged = app.state.draft ? app.labels.get(app.state.draft.trackId)?.body.track_id : null;
    const draft = this.pictures.data.draft?.[this.camera]?.cuboids[0];
    const ordered = [...this.cuboids].sort((a, b) => Number(this.pictures.isSelected(a.track_id)) - Number(this.pictures.isSelected(b.track_id)));
    for (const one of ordered) {
      const isSelected = this.pictures.isSelected(one.track_id);
      if (dragged && one.track_id === dragged && draft) continue;
      drawCuboid(to, view, one, { colour: app.taxonomy.color(one.category ?? ''), isSelected, isOccluded: one.visibility === 'occluded' });
    }
    if (dragged && draft) drawCuboid(to, view, draft, { colour: app.taxonomy.color(app.labels.named(dragged)?.body.category ?? ''), isSelected: true });
    for (const [one, look] of this.pictures.overlay(this.camera)) drawCuboid(to, view, one, look);
  }

  #captions() {
    if (!this.app.state.show.labels) return;
    const captions = [];
    for (const row of this.shapes) {
      const box = boundsOf(row, row.shape);
      if (box) captions.push(this.#caption(row, box));
    }
    for (const one of [...this.cuboids].reverse()) captions.push(this.#caption(/** @type {any} */ (one), one.xyxy));
    captions.sort((a, b) => Number(b.isSelected) - Number(a.isSelected));
    const small = this.view.canvasWidth < 260;
    drawCaptions(this.to, this.view, small ? captions.filter((one) => one.isSelected) : captions);
  }

  /** @param {{track_id: string, category: string}} row @param {number[]} box */
  #caption(row, box) {
    const { track_id: id, category } = row;
    return { text: captionOf(id, category), box, colour: this.app.taxonomy.color(category), isSelected: this.pictures.isSelected(id) };
  }

  #say() {
    const told = this.pictures.data.camera(this.app.state.frame, this.camera);
    const late = this.shown?.bitmap && this.shown.frame !== this.app.state.frame ? `frame ${this.shown.frame}` : '';
    const none = this.shown && !this.shown.bitmap && !this.isLoading ? 'no picture' : '';
    const isAwaited = this.app.state.isCompiling && !this.pictures.data.projections.has(this.frame) ? 'cuboids: first use, being compiled' : '';
    fill(this.note, late || none || isAwaited || (told && !told.is_calibrated ? 'not calibrated' : ''));
    const n = this.cuboids.length;
    this.canvas.setAttribute('aria-label', `Picture of ${this.camera}: ${n} ${n === 1 ? 'cuboid' : 'cuboids'}, ${this.shapes.length} shapes`);
    this.element.dataset.frame = String(this.frame);
    this.element.dataset.cuboids = String(n);
    this.element.dataset.shapes = String(this.shapes.length);
    this.element.dataset.picture = this.shown?.bitmap ? 'yes' : 'no';
  }

  // ------------------------------------------------------------ the mouse and keys

  /** What is at a place of the picture: a shape by its line, a cuboid by its box. @param {number[]} uv @returns {string|null} track_id */
  at(uv) {
    const near = NEAR_PX / this.view.scale;
    for (const row of [...this.shapes].reverse()) if (isOn(row, row.shape, uv, near)) return row.track_id;
    const inside = this.cuboids.filter(({ xyxy: [l, t, r, b] }) => uv[0] >= l - near && uv[0] <= r + near && uv[1] >= t - near && uv[1] <= b + near);
    inside.sort((a, b) => area(a.xyxy) - area(b.xyxy));
    return inside[0]?.track_id ?? null;
  }

  /** @param {MouseEvent} event @returns {[number, number]} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.view.toPicture(event.clientX - box.left, event.clientY - box.top);
  }

  #listen() {
    const { canvas } = this;
    /** @type {{x: number, y: number, moved: number, taken: boolean}|null} */
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button > 1) return;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      const taken = event.button === 0 && Boolean(this.pictures.tool?.down(this, this.place(event), event));
      drag = { x: event.clientX, y: event.clientY, moved: 0, taken };
    });
    canvas.addEventListener('pointermove', (event) => {
      const uv = this.place(event);
      if (!drag) {
        canvas.style.cursor = this.pictures.tool?.cursor(this, uv) || (this.at(uv) ? 'pointer' : 'grab');
        if (this.pictures.tool) this.pictures.tool.move(this, uv, event);
        return;
      }
      if (drag.taken) {
        this.pictures.tool?.move(this, uv, event);
        return;
      }
      drag.moved += Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y);
      if (drag.moved > CLICK_PX) {
        this.view.moveBy(event.clientX - drag.x, event.clientY - drag.y);
        this.draw();
      }
      [drag.x, drag.y] = [event.clientX, event.clientY];
    });
    const end = (/** @type {PointerEvent} */ event) => {
      const was = drag;
      drag = null;
      if (!was) return;
      if (was.taken) this.pictures.tool?.up(this, this.place(event), event);
      else if (was.moved <= CLICK_PX && event.type === 'pointerup') this.pictures.select(this.at(this.place(event)));
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('dblclick', () => {
      if (!this.pictures.tool?.double(this)) this.pictures.enlarge(this);
    });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const box = canvas.getBoundingClientRect();
        this.view.zoomBy(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
        this.draw();
        void this.load();
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.pictures.tool?.key(this, event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const act = { '+': () => this.view.zoomBy(1.25), '=': () => this.view.zoomBy(1.25), '-': () => this.view.zoomBy(0.8), 0: () => this.view.reset(), Enter: () => this.pictures.enlarge(this) }[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
    this.draw();
    void this.load();
  }
}

/** @param {number[]} box */
function area([left, top, right, bottom]) {
  return (right - left) * (bottom - top);
}

/** Whether a place lies on a shape's lines, on one of its points, or on a mask. @param {any} shape @param {string} kind @param {number[]} uv @param {number} near pixels */
export function isOn(shape, kind, uv, near) {
  if (kind === 'mask') return isOnMask(stencilOf(shape), uv);
  if (kind === 'keypoints') return shape.points_px.some((/** @type {any} */ one) => one && Math.hypot(one[0] - uv[0], one[1] - uv[1]) <= near);
  return outlines(shape, kind).some(({ points, isClosed }) =>
    points.some((a, k) => (k + 1 < points.length || isClosed ? toSegment(uv, a, points[(k + 1) % points.length]) <= near : false)),
  );
}

/** How far a place is from a line between two others. @param {number[]} p @param {number[]} a @param {number[]} b */
export function toSegment(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const t = Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}
