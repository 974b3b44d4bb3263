// @ts-check
/** Drawing and pulling shapes in pictures. What is done becomes a keyframe at the camera's exposure when the mouse is let go. */

import { css } from './dom.js';
import { cornersOfBox } from './picture_draw.js';
import { handlesOf, inPicture, isInside, placeOf, pulled, without } from './shape_math.js';

/** @typedef {import('./picture_tile.js').Tile} Tile */
/** @typedef {import('./picture_tile.js').PictureTool} PictureTool */
/** @typedef {import('./shape_math.js').Handle} Handle */
/** @typedef {'select'|'box'|'polygon'|'polyline'|'lasso'} Mode  lasso: around points, and no shape */

const NEAR_PX = 8;
const LEAST_PX = 2;
const EDGE_CURSORS = ['ns-resize', 'ew-resize'];
const CORNER_CURSORS = ['nwse-resize', 'nesw-resize'];

/** @implements {PictureTool} */
export class ShapeTool {
  /** @param {import('./shape_verbs.js').ShapeVerbs} verbs */
  constructor(verbs) {
    this.verbs = verbs;
    this.app = verbs.app;
    /** @type {Mode} */
    this.mode = 'select';
    /** @type {{tile: Tile, points: number[][]}|null} what is being drawn */
    this.drawing = null;
    /** @type {{tile: Tile, id: string, kind: string, handle: Handle, from: number[], start: any, now: any}|null} */
    this.pull = null;
    /** @type {number[]|null} where the mouse is */
    this.mouse = null;
    /** Called when another mode is chosen. @type {(() => void)[]} */
    this.modes = [];
    /** Called with what was drawn around points. @type {(camera: string, ring: number[][]) => void} */
    this.onLasso = () => {};
  }

  /** @param {Mode} mode */
  use(mode) {
    this.mode = this.mode === mode ? 'select' : mode;
    this.drawing = null;
    for (const act of this.modes) act();
    this.app.pictures?.draw();
  }

  // ------------------------------------------------------------ the mouse

  /** @param {Tile} tile @param {number[]} uv @param {PointerEvent} event */
  down(tile, uv, event) {
    if (tile.frame !== this.app.state.frame) return false;
    const at = inPicture(uv, tile.view.width, tile.view.height);
    if (this.mode === 'box') {
      this.drawing = { tile, points: [at, at] };
      return true;
    }
    if (this.mode !== 'select') {
      this.#vertex(tile, at);
      return true;
    }
    const one = this.#selected(tile);
    const handle = one && this.#handle(tile, one, uv);
    if (!one || !handle) return false;
    if (event.altKey && handle.kind === 'vertex') {
      this.#remove(one, handle);
      return true;
    }
    const start = placeOf(one.row, one.kind);
    this.pull = { tile, id: one.id, kind: one.kind, handle, from: uv, start, now: start };
    if (this.app.pictures) this.app.pictures.dragged = (id) => (id === this.pull?.id ? this.pull.now : null);
    return true;
  }

  /** @param {Tile} tile @param {number[]} uv */
  move(tile, uv) {
    this.mouse = inPicture(uv, tile.view.width, tile.view.height);
    if (this.pull) {
      const { start, kind, handle, from } = this.pull;
      const to = handle.kind === 'body' ? uv : this.mouse;
      this.pull.now = pulled(start, kind, handle, handle.kind === 'body' ? from : handle.at, to);
      tile.draw();
    } else if (this.drawing?.tile === tile) {
      if (this.mode === 'box') this.drawing.points[1] = this.mouse;
      tile.draw();
    }
  }

  /** @param {Tile} tile @param {number[]} uv @param {PointerEvent} event */
  up(tile, uv, event) {
    const { pull, drawing } = this;
    if (pull) {
      this.pull = null;
      if (this.app.pictures) this.app.pictures.dragged = null;
      const isOther = JSON.stringify(pull.now) !== JSON.stringify(pull.start);
      if (event.type === 'pointerup' && isOther) this.verbs.set(pull.id, pull.now, pull.handle.kind === 'body' ? 'move the shape' : 'change the shape');
      else if (event.type === 'pointerup') this.app.pictures?.select(tile.at(uv) ?? this.verbs.track?.body.track_id ?? null);
      tile.draw();
    } else if (drawing && this.mode === 'box') {
      this.drawing = null;
      const [[a, b], [c, d]] = drawing.points;
      if (Math.abs(c - a) >= LEAST_PX && Math.abs(d - b) >= LEAST_PX && event.type === 'pointerup') {
        this.verbs.draw(tile.camera, 'box', { xyxy_px: [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)] });
        this.use('select');
      } else this.app.say('Drag from one corner of the box to the opposite one.');
      tile.draw();
    }
  }

  /** A polygon is closed by a click on its first vertex, a double click or Enter. @param {Tile} tile @param {number[]} at */
  #vertex(tile, at) {
    if (this.drawing?.tile !== tile) this.drawing = { tile, points: [] };
    const { points } = this.drawing;
    const isNear = (/** @type {number[]} */ one) => Math.hypot(one[0] - at[0], one[1] - at[1]) * tile.view.scale < NEAR_PX;
    if (points.length >= 3 && this.mode !== 'polyline' && isNear(points[0])) this.#close();
    else if (!points.length || !isNear(points[points.length - 1])) points.push(at);
    tile.draw();
  }

  #close() {
    const { drawing, mode } = this;
    const least = mode === 'polyline' ? 2 : 3;
    if (!drawing || drawing.points.length < least) {
      this.app.say(`A ${mode === 'lasso' ? 'way around points' : mode} has at least ${least} vertices.`);
      return;
    }
    this.drawing = null;
    if (mode === 'lasso') this.onLasso(drawing.tile.camera, drawing.points);
    else this.verbs.draw(drawing.tile.camera, mode, mode === 'polygon' ? { rings_px: [drawing.points] } : { points_px: drawing.points });
    this.use('select');
  }

  /** @param {Tile} tile */
  double(tile) {
    if (this.drawing?.tile === tile && this.mode !== 'box') {
      this.#close();
      return true;
    }
    return this.mode !== 'select';
  }

  /** @param {Tile} tile @param {KeyboardEvent} event */
  key(tile, event) {
    if (event.key === 'Escape' && (this.drawing || this.mode !== 'select')) {
      if (this.drawing) this.drawing = null;
      else this.use('select');
      tile.draw();
      return true;
    }
    if (this.drawing && event.key === 'Enter') {
      this.#close();
      return true;
    }
    if (this.drawing && event.key === 'Backspace') {
      this.drawing.points.pop();
      tile.draw();
      return true;
    }
    if (event.key !== 'Delete' && event.key !== 'Backspace') return false;
    const one = this.#selected(tile);
    if (!one) return false;
    const handle = this.mouse && this.#handle(tile, one, this.mouse);
    if (handle?.kind === 'vertex') this.#remove(one, handle);
    else if (event.shiftKey) this.verbs.deleteTrack();
    else this.verbs.deleteKeyframe();
    return true;
  }

  /** @param {{id: string, kind: string, row: any}} one @param {Handle} handle */
  #remove(one, handle) {
    const next = without(placeOf(one.row, one.kind), one.kind, handle);
    if (next) this.verbs.set(one.id, next, 'remove a vertex');
    else this.app.say('Fewer vertices make no shape.');
  }

  // ------------------------------------------------------------ what is under the mouse

  /** The selected shape, where it is in this picture. @param {Tile} tile @returns {{id: string, kind: string, row: any}|null} */
  #selected(tile) {
    const { track } = this.verbs;
    if (!track || track.body.camera !== tile.camera) return null;
    const row = tile.shapes.find((one) => one.track_id === track.body.track_id);
    return row ? { id: track.id, kind: track.body.shape, row } : null;
  }

  /** @param {Tile} tile @param {{kind: string, row: any}} one @param {number[]} uv @returns {Handle|null} */
  #handle(tile, one, uv) {
    const near = NEAR_PX / tile.view.scale;
    const found = handlesOf(one.row, one.kind)
      .map((handle) => ({ handle, far: Math.hypot(handle.at[0] - uv[0], handle.at[1] - uv[1]) + (handle.kind === 'middle' || handle.kind === 'edge' ? near * 0.3 : 0) }))
      .filter(({ far }) => far <= near)
      .sort((a, b) => a.far - b.far)[0];
    if (found) return found.handle;
    return one.kind !== 'mask' && isInside(one.row, one.kind, uv) ? { kind: 'body', at: uv, index: 0 } : null;
  }

  /** @param {Tile} tile @param {number[]} uv */
  cursor(tile, uv) {
    if (this.mode !== 'select') return 'crosshair';
    const one = this.#selected(tile);
    const handle = one && this.#handle(tile, one, uv);
    if (!one || !handle) return '';
    if (handle.kind === 'body') return 'move';
    if (one.kind === 'box') return (handle.kind === 'corner' ? CORNER_CURSORS : EDGE_CURSORS)[handle.index % 2];
    return handle.kind === 'middle' ? 'copy' : 'crosshair';
  }

  // ------------------------------------------------------------ drawing

  /** @param {Tile} tile @param {CanvasRenderingContext2D} to */
  draw(tile, to) {
    const one = this.#selected(tile);
    to.save();
    if (one) {
      for (const handle of handlesOf(one.row, one.kind)) {
        const [x, y] = tile.view.toCanvas(handle.at[0], handle.at[1]);
        const size = handle.kind === 'middle' ? 3 : 4;
        to.globalAlpha = handle.kind === 'middle' ? 0.6 : 1;
        to.fillStyle = '#ffffff';
        to.strokeStyle = '#10131a';
        to.fillRect(x - size, y - size, 2 * size, 2 * size);
        to.strokeRect(x - size, y - size, 2 * size, 2 * size);
      }
    }
    if (this.drawing?.tile === tile) this.#drawn(tile, to);
    to.restore();
  }

  /** @param {Tile} tile @param {CanvasRenderingContext2D} to */
  #drawn(tile, to) {
    const { points } = /** @type {NonNullable<typeof this.drawing>} */ (this.drawing);
    const [[a, b], [c, d]] = [points[0] ?? [0, 0], points[1] ?? points[0] ?? [0, 0]];
    const path = this.mode === 'box' ? cornersOfBox([a, b, c, d]) : this.mouse ? [...points, this.mouse] : points;
    to.globalAlpha = 1;
    to.strokeStyle = css(this.app.taxonomy.color(this.app.state.category));
    to.lineWidth = 2;
    to.beginPath();
    path.forEach(([u, v], k) => {
      const [x, y] = tile.view.toCanvas(u, v);
      if (k) to.lineTo(x, y);
      else to.moveTo(x, y);
    });
    if (this.mode !== 'polyline') to.closePath();
    to.stroke();
    to.fillStyle = '#ffffff';
    if (this.mode === 'box') return;
    for (const [u, v] of points) {
      const [x, y] = tile.view.toCanvas(u, v);
      to.fillRect(x - 3, y - 3, 6, 6);
    }
  }
}
