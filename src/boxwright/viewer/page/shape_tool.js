// @ts-check
/** Drawing and pulling shapes in pictures. What is done becomes a keyframe at the camera's exposure when the mouse is let go. */

import { css } from './dom.js';
import { cornersOfBox, drawShape, outlines } from './picture_draw.js';
import { handlesOf, inPicture, isInside, placeOf, pulled, rotatedOn, without } from './shape_math.js';

/** @typedef {import('./picture_tile.js').Tile} Tile */
/** @typedef {import('./picture_tile.js').PictureTool} PictureTool */
/** @typedef {import('./shape_math.js').Handle} Handle */
/** @typedef {'select'|'box'|'rotated_box'|'polygon'|'polyline'|'keypoints'|'lasso'} Mode  lasso: around points, and no shape */

const NEAR_PX = 8;
const LEAST_PX = 2;
const REACH_PX = 24;
/** How many places end a shape that is drawn click by click; of the others the user says so. @type {Record<string, number>} */
const LEAST = { polyline: 2, keypoints: 1 };
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
    /** @type {{tile: Tile, points: (number[]|null)[], hidden: boolean[]}|null} what is being drawn; null for a keypoint that is left out */
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
    if (!['select', 'lasso'].includes(this.mode)) this.app.state.change({ shapes: true }); // what is drawn is seen
    this.#told();
    this.app.pictures?.draw();
  }

  /** Another mode, or another number of places drawn. */
  #told() {
    for (const act of this.modes) act();
  }

  /** How many places have been drawn. */
  get nDrawn() {
    return this.drawing?.points.length ?? 0;
  }

  // ------------------------------------------------------------ the mouse

  /** @param {Tile} tile @param {number[]} uv @param {PointerEvent} event */
  down(tile, uv, event) {
    if (tile.frame !== this.app.state.frame) return false;
    const at = inPicture(uv, tile.view.width, tile.view.height);
    if (this.mode === 'box') {
      this.drawing = { tile, points: [at, at], hidden: [] };
      return true;
    }
    if (this.mode !== 'select') {
      this.#vertex(tile, at, event.shiftKey);
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
      const [[a, b], [c, d]] = /** @type {number[][]} */ (drawing.points);
      if (Math.abs(c - a) >= LEAST_PX && Math.abs(d - b) >= LEAST_PX && event.type === 'pointerup') {
        this.verbs.draw(tile.camera, 'box', { xyxy_px: [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)] });
        this.use('select');
      } else this.app.say('Drag from one corner of the box to the opposite one.');
      tile.draw();
    }
  }

  /** A polygon is closed by a click on its first vertex, a double click or Enter. @param {Tile} tile @param {number[]|null} at @param {boolean} isHidden */
  #vertex(tile, at, isHidden) {
    if (this.drawing?.tile !== tile) this.drawing = { tile, points: [], hidden: [] };
    const { points, hidden } = this.drawing;
    const isNear = (/** @type {number[]|null} */ one) => one && at && Math.hypot(one[0] - at[0], one[1] - at[1]) * tile.view.scale < NEAR_PX;
    if (points.length >= 3 && ['polygon', 'lasso'].includes(this.mode) && isNear(points[0])) this.#close();
    else if (!points.length || !isNear(points[points.length - 1])) {
      points.push(at);
      hidden.push(isHidden);
      if (points.length === this.#most(tile)) this.#close();
      this.#told();
    }
    tile.draw();
  }

  /** How many places a shape has at most. @param {Tile} tile */
  #most(tile) {
    if (this.mode === 'rotated_box') return 3;
    return this.mode === 'keypoints' ? this.verbs.pointsFor(tile.camera).most : Infinity;
  }

  /** What is being drawn, as a keyframe says it. @param {string} camera @returns {any} */
  #place(camera) {
    const { points, hidden } = /** @type {NonNullable<typeof this.drawing>} */ (this.drawing);
    const places = /** @type {number[][]} */ (points);
    if (this.mode === 'rotated_box') return rotatedOn(places[0], places[1], places[2]);
    if (this.mode === 'polygon') return { rings_px: [places] };
    if (this.mode === 'polyline') return { points_px: places };
    const { names, most } = this.verbs.pointsFor(camera);
    const n = Number.isFinite(most) ? most : (names.length || points.length);
    const all = Array.from({ length: n }, (_, k) => points[k] ?? null);
    return { points_px: all, point_visibility: all.map((one, k) => (!one ? 'outside' : hidden[k] ? 'occluded' : 'visible')) };
  }

  #close() {
    const { drawing, mode } = this;
    const least = LEAST[mode] ?? 3;
    if (!drawing || drawing.points.filter(Boolean).length < least) {
      this.app.say(mode === 'keypoints' ? 'Click at least one point.' : `A ${mode === 'lasso' ? 'way around points' : mode.replace('_', ' ')} has at least ${least} places.`);
      return;
    }
    const { camera } = drawing.tile;
    const place = mode === 'lasso' ? null : this.#place(camera);
    this.drawing = null;
    if (mode === 'lasso') this.onLasso(camera, /** @type {number[][]} */ (drawing.points));
    else if (mode === 'rotated_box' && Math.min(...place.size_px) < LEAST_PX) this.app.say('A box has two sides: click both ends of one, and then the side across.');
    else this.verbs.draw(camera, mode, place);
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
      this.#told();
      tile.draw();
      return true;
    }
    if (this.drawing && event.key === 'Enter') {
      this.#close();
      return true;
    }
    if (this.drawing && event.key === 'Backspace') {
      this.drawing.points.pop();
      this.drawing.hidden.pop();
      this.#told();
      tile.draw();
      return true;
    }
    if (this.mode === 'keypoints' && event.key === ' ') {
      this.#vertex(tile, null, false);
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
    else this.app.say('With less there would be no shape.');
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
    const found = handlesOf(one.row, one.kind, REACH_PX / tile.view.scale)
      .map((handle) => ({ handle, far: Math.hypot(handle.at[0] - uv[0], handle.at[1] - uv[1]) + (handle.kind === 'middle' || handle.kind === 'edge' ? near * 0.3 : 0) }))
      .filter(({ far }) => far <= near)
      .sort((a, b) => a.far - b.far)[0];
    if (found) return found.handle;
    return isInside(one.row, one.kind, uv) ? { kind: 'body', at: uv, index: 0 } : null;
  }

  /** @param {Tile} tile @param {number[]} uv */
  cursor(tile, uv) {
    if (this.mode !== 'select') return 'crosshair';
    const one = this.#selected(tile);
    const handle = one && this.#handle(tile, one, uv);
    if (!one || !handle) return '';
    if (handle.kind === 'body') return 'move';
    if (handle.kind === 'turn') return 'grab';
    if (one.kind === 'box') return (handle.kind === 'corner' ? CORNER_CURSORS : EDGE_CURSORS)[handle.index % 2];
    return handle.kind === 'middle' ? 'copy' : 'crosshair';
  }

  // ------------------------------------------------------------ drawing

  /** @param {Tile} tile @param {CanvasRenderingContext2D} to */
  draw(tile, to) {
    const one = this.#selected(tile);
    to.save();
    if (one) {
      for (const handle of handlesOf(one.row, one.kind, REACH_PX / tile.view.scale)) {
        const [x, y] = tile.view.toCanvas(handle.at[0], handle.at[1]);
        if (handle.kind === 'turn') {
          this.#turnHandle(tile, to, one.row, [x, y]);
          continue;
        }
        const size = handle.kind === 'middle' ? 3 : 4;
        to.globalAlpha = handle.kind === 'middle' ? 0.6 : 1;
        to.fillStyle = '#ffffff';
        to.strokeStyle = '#10131a';
        to.fillRect(x - size, y - size, 2 * size, 2 * size);
        to.strokeRect(x - size, y - size, 2 * size, 2 * size);
      }
    }
    if (one?.kind === 'keypoints' && this.mouse) this.#nameNear(tile, to, one);
    if (this.drawing?.tile === tile) this.#drawn(tile, to);
    to.restore();
  }

  /** A yellow dot ahead of the first side, as in the 3-D views. @param {Tile} tile @param {CanvasRenderingContext2D} to @param {any} row @param {number[]} at */
  #turnHandle(tile, to, row, [x, y]) {
    const [, right, low] = outlines(row, 'rotated_box')[0].points;
    const [u, v] = tile.view.toCanvas((right[0] + low[0]) / 2, (right[1] + low[1]) / 2);
    to.strokeStyle = to.fillStyle = '#ffd640';
    to.lineWidth = 1.5;
    to.beginPath();
    to.moveTo(u, v);
    to.lineTo(x, y);
    to.stroke();
    to.beginPath();
    to.arc(x, y, 5, 0, 2 * Math.PI);
    to.fill();
  }

  /** What the keypoint under the mouse is called. @param {Tile} tile @param {CanvasRenderingContext2D} to @param {{kind: string, row: any}} one */
  #nameNear(tile, to, one) {
    const handle = this.mouse && this.#handle(tile, one, this.mouse);
    if (handle?.kind !== 'vertex') return;
    const name = one.row.skeleton?.points[handle.index]?.replaceAll('_', ' ') ?? `point ${handle.index + 1}`;
    caption(to, tile.view.toCanvas(handle.at[0], handle.at[1]), name);
  }

  /** @param {Tile} tile @param {CanvasRenderingContext2D} to */
  #drawn(tile, to) {
    const { points } = /** @type {NonNullable<typeof this.drawing>} */ (this.drawing);
    if (this.mode === 'keypoints') {
      this.#drawnPoints(tile, to);
      return;
    }
    const all = /** @type {number[][]} */ (this.mouse ? [...points, this.mouse] : points);
    const [[a, b], [c, d]] = [points[0] ?? [0, 0], points[1] ?? points[0] ?? [0, 0]];
    const path = this.mode === 'box' ? cornersOfBox([a, b, c, d]) : this.mode === 'rotated_box' && all.length === 3 ? outlines(rotatedOn(all[0], all[1], all[2]), 'rotated_box')[0].points : all;
    to.globalAlpha = 1;
    to.strokeStyle = css(this.app.taxonomy.color(this.verbs.drawnCategory));
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
    for (const one of points) {
      const [x, y] = tile.view.toCanvas(/** @type {number[]} */ (one)[0], /** @type {number[]} */ (one)[1]);
      to.fillRect(x - 3, y - 3, 6, 6);
    }
  }

  /** Keypoints so far, and beside the mouse the name of the next. @param {Tile} tile @param {CanvasRenderingContext2D} to */
  #drawnPoints(tile, to) {
    const place = this.#place(tile.camera);
    const { names, skeleton } = this.verbs.pointsFor(tile.camera);
    drawShape(to, tile.view, place, 'keypoints', { colour: this.app.taxonomy.color(this.verbs.drawnCategory), isSelected: true, skeleton });
    const next = names[this.nDrawn];
    if (next && this.mouse) caption(to, tile.view.toCanvas(this.mouse[0], this.mouse[1]), next.replaceAll('_', ' '));
  }
}

/** A few words beside a place. @param {CanvasRenderingContext2D} to @param {number[]} at CSS pixels @param {string} text */
function caption(to, [x, y], text) {
  to.globalAlpha = 1;
  to.font = '12px system-ui, sans-serif';
  to.fillStyle = 'rgb(8 10 16 / 0.85)';
  to.fillRect(x + 9, y - 22, to.measureText(text).width + 10, 17);
  to.fillStyle = '#ffffff';
  to.fillText(text, x + 14, y - 9.5);
}
