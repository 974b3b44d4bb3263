// @ts-check
/** The four views: perspective, and from the top, the side and the front of the selected cuboid, which the last three are locked to. */

import * as THREE from './vendor/three.module.js';
import { OrbitControls } from './vendor/OrbitControls.js';
import { SIDE_LAYER } from './boxes.js';
import { axesOf, dot, length, minus, plus, times, turnHandle } from './geometry.js';

/** @typedef {import('./state.js').Cuboid} Cuboid */

/** right, up and towards the eye, as (axis, sign) of the cuboid's own axes */
const SIDES = {
  top: { right: [1, -1], up: [0, 1], out: [2, 1] },
  side: { right: [0, 1], up: [2, 1], out: [1, -1] },
  front: { right: [1, 1], up: [2, 1], out: [0, 1] },
};
/** @typedef {'top'|'side'|'front'} Side */

const FLIGHT_MS = 300;
const RIGHT = Math.PI / 2;
const [LEAST_RISE, MOST_RISE, LEAST_TURN] = [Math.sin((5 / 18) * RIGHT), Math.sin((8 / 9) * RIGHT), (2 / 9) * RIGHT]; // 25, 80 and 20 degrees
const NEAREST_M = 6;
const SHARE = 0.45; // of the view that a cuboid fills

/** One of the three that are locked to the selected cuboid. */
export class SideView {
  /** @param {Side} name @param {HTMLElement} place */
  constructor(name, place) {
    this.name = name;
    this.place = place;
    this.camera = new THREE.OrthographicCamera(-1, 1, 1, -1, 0, 10);
    this.camera.layers.set(1);
    this.camera.layers.enable(SIDE_LAYER + Object.keys(SIDES).indexOf(name));
    this.zoom = 1;
    /** @type {Cuboid|null} */
    this.around = null;
    /** pixels in a metre */
    this.scale = 1;
  }

  get axes() {
    return SIDES[this.name];
  }

  /** Looks at a cuboid. @param {Cuboid|null} one @param {number[]} anchor */
  lookAt(one, anchor) {
    this.around = one;
    if (!one) return;
    const { clientWidth: width, clientHeight: height } = this.place;
    const { right, up, out } = this.axes;
    const own = axesOf(one.quat);
    const ahead = this.name === 'top' ? length(minus(turnHandle(one), one.center)) - one.size[0] / 2 + 0.3 : 0; // room for the handle that turns it
    const margin = Math.max(ahead, 0.8 + 0.15 * Math.max(one.size[right[0]], one.size[up[0]]));
    const wide = (one.size[right[0]] / 2 + margin) / this.zoom;
    const high = (one.size[up[0]] / 2 + margin) / this.zoom;
    this.scale = Math.min(width / (2 * wide), height / (2 * high));
    const [x, y] = [width / this.scale / 2, height / this.scale / 2];
    Object.assign(this.camera, { left: -x, right: x, top: y, bottom: -y });
    const depth = one.size[out[0]] / 2 + 0.6;
    this.camera.near = 0;
    this.camera.far = 2 * depth;
    const center = minus(one.center, anchor);
    const eye = plus(center, times(own[out[0]], out[1] * depth));
    this.camera.up.set(.../** @type {[number, number, number]} */ (times(own[up[0]], up[1])));
    this.camera.position.set(eye[0], eye[1], eye[2]);
    this.camera.lookAt(center[0], center[1], center[2]);
    this.camera.updateProjectionMatrix();
    this.camera.updateMatrixWorld();
  }

  /** Metres along the view's right and up from the middle of a pixel's cuboid. @param {number} u @param {number} v @returns {[number, number]} */
  metres(u, v) {
    return [(u - this.place.clientWidth / 2) / this.scale, (this.place.clientHeight / 2 - v) / this.scale];
  }
}

/** The large one, with a camera that goes around. */
export class BigView {
  /** @param {HTMLElement} place @param {() => void} changed */
  constructor(place, changed) {
    this.place = place;
    this.camera = new THREE.PerspectiveCamera(55, 1, 0.2, 1500);
    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, place);
    this.controls.enableDamping = false;
    this.controls.screenSpacePanning = false;
    this.controls.zoomToCursor = true;
    this.controls.maxPolarAngle = Math.PI * 0.499;
    this.controls.mouseButtons = { LEFT: THREE.MOUSE.ROTATE, MIDDLE: THREE.MOUSE.PAN, RIGHT: THREE.MOUSE.PAN };
    this.controls.addEventListener('change', changed);
    this.controls.addEventListener('start', () => (this.flight = null)); // whoever takes hold of the view has it
    /** @type {{began: number, from: THREE.Vector3[], to: THREE.Vector3[]}|null} on the way to another place */
    this.flight = null;
  }

  resize() {
    this.camera.aspect = this.place.clientWidth / Math.max(1, this.place.clientHeight);
    this.camera.updateProjectionMatrix();
  }

  /** From behind and above the vehicle. @param {number[][]|null} labelFrom of the vehicle @param {number[]} anchor */
  home(labelFrom, anchor) {
    const m = labelFrom ?? [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];
    const at = (/** @type {number[]} */ p) => [0, 1, 2].map((k) => m[k][0] * p[0] + m[k][1] * p[1] + m[k][2] * p[2] + m[k][3] - anchor[k]);
    this.flight = null;
    this.#look(at([-17, 0, 13]), at([9, 0, 0]));
  }

  /** Straight from above. @param {number[][]|null} labelFrom @param {number[]} anchor */
  above(labelFrom, anchor) {
    const m = labelFrom ?? [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];
    const at = (/** @type {number[]} */ p) => [0, 1, 2].map((k) => m[k][0] * p[0] + m[k][1] * p[1] + m[k][2] * p[2] + m[k][3] - anchor[k]);
    this.flight = null;
    this.#look(at([-0.5, 0, 60]), at([0, 0, 0]));
  }

  /** Comes near to a cuboid, from the side that it is looked at from already. @param {Cuboid} one @param {number[]} anchor */
  near(one, anchor) {
    const target = new THREE.Vector3(...minus(one.center, anchor));
    const back = sensible(this.camera.position.clone().sub(this.controls.target).normalize(), one);
    const half = Math.atan(Math.tan((this.camera.fov * Math.PI) / 360) * Math.min(1, this.camera.aspect || 1));
    const reach = Math.max(NEAREST_M, length(one.size) / 2 / Math.sin(SHARE * half));
    this.#fly(target.clone().addScaledVector(back, reach), target);
  }

  /** @param {THREE.Vector3} eye @param {THREE.Vector3} target */
  #fly(eye, target) {
    const { camera, controls } = this;
    if (document.hidden || window.matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.flight = null;
      this.#look(eye.toArray(), target.toArray());
      return;
    }
    const flight = { began: performance.now(), from: [camera.position.clone(), controls.target.clone()], to: [eye, target] };
    this.flight = flight;
    const step = () => {
      if (this.flight !== flight) return;
      const share = Math.min(1, (performance.now() - flight.began) / FLIGHT_MS);
      const [now, middle] = flight.from.map((one, k) => one.clone().lerp(flight.to[k], share * share * (3 - 2 * share)));
      if (share === 1) this.flight = null;
      else requestAnimationFrame(step);
      this.#look(now.toArray(), middle.toArray());
    };
    requestAnimationFrame(step);
  }

  /** The same picture, seen from a moved anchor or a moved vehicle. @param {import('./vendor/three.module.js').Matrix4} change */
  carry(change) {
    for (const one of [this.camera.position, this.controls.target, ...(this.flight?.from ?? []), ...(this.flight?.to ?? [])]) one.applyMatrix4(change);
    this.controls.update();
  }

  /** @param {number[]} eye @param {number[]} target */
  #look(eye, target) {
    this.camera.position.set(eye[0], eye[1], eye[2]);
    this.controls.target.set(target[0], target[1], target[2]);
    this.controls.update();
  }

  /** The ray of a pixel: where it comes from, from the anchor, and where it goes. @param {number} u @param {number} v @returns {[number[], number[]]} */
  ray(u, v) {
    this.camera.updateMatrixWorld();
    const at = new THREE.Vector3((u / this.place.clientWidth) * 2 - 1, 1 - (v / this.place.clientHeight) * 2, 0.5).unproject(this.camera);
    const from = this.camera.position;
    const along = at.sub(from).normalize();
    return [[from.x, from.y, from.z], [along.x, along.y, along.z]];
  }

  /** Where a place is drawn, in pixels, null behind the eye. @param {number[]} at from the anchor @returns {[number, number]|null} */
  pixel(at) {
    const seen = new THREE.Vector3(at[0], at[1], at[2]).applyMatrix4(this.camera.matrixWorldInverse);
    if (seen.z > -this.camera.near) return null;
    seen.applyMatrix4(this.camera.projectionMatrix);
    return [((seen.x + 1) / 2) * this.place.clientWidth, ((1 - seen.y) / 2) * this.place.clientHeight];
  }
}

/**
 * A direction to look at a cuboid from, near to another: from above, so that little stands before it, and over one of its edges, so that two sides are
 * seen; straight from above it stays.
 * @param {THREE.Vector3} back towards the eye @param {Cuboid} one
 */
function sensible(back, one) {
  const [ahead, aside] = axesOf(one.quat);
  if (back.z > MOST_RISE) return back;
  const angle = Math.atan2(dot(aside, back.toArray()), dot(ahead, back.toArray()));
  const off = angle - Math.round(angle / RIGHT) * RIGHT;
  if (Math.abs(off) < LEAST_TURN) back.applyAxisAngle(new THREE.Vector3(0, 0, 1), (off < 0 ? -LEAST_TURN : LEAST_TURN) - off);
  const rise = Math.max(LEAST_RISE, back.z);
  const flat = Math.sqrt(1 - rise ** 2) / (Math.hypot(back.x, back.y) || 1);
  return back.set(back.x * flat, back.y * flat, rise);
}
