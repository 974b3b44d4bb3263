// @ts-check
/** What is drawn around points in the four views with the mouse held down, while the tool `lasso` is in hand. */

import * as THREE from './vendor/three.module.js';
import { el } from './dom.js';
import { isInside } from './shape_math.js';

const STEP_PX = 3;
const LEAST = 3; // places
const [LINE, FILL] = ['#ffd640', 'rgb(255 214 64 / 12%)'];

/** @typedef {{camera: THREE.Camera, width: number, height: number, ring: number[][]}} Drawn  pixels of a view, and the camera that it is drawn with */

/** @param {import('./app.js').App} app @param {import('./space.js').Space} space */
export function startLasso(app, space) {
  const { state } = app;

  /** @param {{place: HTMLElement, camera: THREE.Camera}} view @param {() => boolean} isEmpty */
  const listen = ({ place, camera }, isEmpty) => {
    const layer = el('canvas', { class: 'lasso', 'aria-hidden': 'true', hidden: true });
    place.append(layer);
    /** @type {number[][]|null} */
    let ring = null;

    const at = (/** @type {PointerEvent} */ event) => {
      const box = place.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const show = () => {
      layer.hidden = !ring;
      if (!ring) return;
      const ratio = window.devicePixelRatio || 1;
      [layer.width, layer.height] = [place.clientWidth * ratio, place.clientHeight * ratio]; // which empties it too
      const to = /** @type {CanvasRenderingContext2D} */ (layer.getContext('2d'));
      to.scale(ratio, ratio);
      Object.assign(to, { strokeStyle: LINE, fillStyle: FILL, lineWidth: 1.5 });
      to.beginPath();
      for (const [u, v] of ring) to.lineTo(u, v);
      to.closePath();
      to.fill();
      to.stroke();
    };
    const end = () => {
      ring = null;
      show();
      document.removeEventListener('keydown', leave, true);
    };
    const leave = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      end();
    };

    place.addEventListener(
      'pointerdown',
      (event) => {
        if (state.tool !== 'lasso' || event.button !== 0 || isEmpty()) return;
        event.stopImmediatePropagation();
        place.setPointerCapture(event.pointerId);
        place.focus({ preventScroll: true });
        ring = [at(event)];
        document.addEventListener('keydown', leave, true);
      },
      { capture: true },
    );
    place.addEventListener('pointermove', (event) => {
      if (!ring) return;
      const next = at(event);
      const last = ring[ring.length - 1];
      if (Math.hypot(next[0] - last[0], next[1] - last[1]) < STEP_PX) return;
      ring.push(next);
      show();
    });
    for (const name of /** @type {const} */ (['pointerup', 'pointercancel'])) {
      place.addEventListener(name, () => {
        if (!ring) return;
        const drawn = { camera, width: place.clientWidth, height: place.clientHeight, ring };
        end();
        if (name === 'pointercancel') return;
        if (drawn.ring.length < LEAST) app.say('Hold the mouse down and draw around the points.');
        else state.tell('ringed', drawn);
      });
    }
    place.addEventListener('click', (event) => state.tool === 'lasso' && event.stopImmediatePropagation(), { capture: true });
  };
  listen(space.big, () => false);
  for (const view of space.sides) listen(view, () => !view.around);
}

/**
 * Which points of a sweep a ring holds, as the view shows them: those behind others too.
 * @param {Drawn} drawn
 * @param {import('./api.js').Points} points
 * @param {THREE.Matrix4} anchorFrom of the points
 * @returns {number[]} rows
 */
export function heldBy({ camera, width, height, ring }, points, anchorFrom) {
  camera.updateMatrixWorld();
  const m = new THREE.Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse).multiply(anchorFrom).elements;
  const low = [0, 1].map((axis) => Math.min(...ring.map((one) => one[axis])));
  const high = [0, 1].map((axis) => Math.max(...ring.map((one) => one[axis])));
  const { xyz } = points;
  const found = [];
  for (let i = 0; i < xyz.length; i += 3) {
    const [x, y, z] = [xyz[i], xyz[i + 1], xyz[i + 2]];
    const w = m[3] * x + m[7] * y + m[11] * z + m[15];
    const depth = m[2] * x + m[6] * y + m[10] * z + m[14];
    if (!(w > 0) || depth < -w || depth > w) continue;
    const u = (((m[0] * x + m[4] * y + m[8] * z + m[12]) / w + 1) / 2) * width;
    const v = ((1 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) / 2) * height;
    if (u < low[0] || u > high[0] || v < low[1] || v > high[1]) continue;
    if (isInside({ rings_px: [ring] }, 'polygon', [u, v])) found.push(i / 3);
  }
  return found;
}

/**
 * The eye of the perspective as the server takes it; null for the side views, whose rays are parallel.
 * @param {Drawn} drawn
 * @param {number[]} anchor of the view, in the label frame
 */
export function eyeOf({ camera, width, height }, anchor) {
  if (!(camera instanceof THREE.PerspectiveCamera)) return null;
  camera.updateMatrixWorld();
  const e = camera.matrixWorldInverse.elements;
  const rows = [1, -1, -1].map((sign, k) => [e[k], e[4 + k], e[8 + k], e[12 + k]].map((value) => sign * value)); // y down, z ahead
  const moved = rows.map(([x, y, z, t]) => [x, y, z, t - x * anchor[0] - y * anchor[1] - z * anchor[2]]);
  const focal = height / 2 / Math.tan((camera.fov * Math.PI) / 360);
  return { width_px: width, height_px: height, focal_px: focal, cam_from_label: [...moved, [0, 0, 0, 1]] };
}
