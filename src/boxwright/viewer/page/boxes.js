// @ts-check
/** Cuboids as lines: edges, an arrow to where the front is, and a floor that can be seen; trails behind them, and a grid on the ground. */

import * as THREE from './vendor/three.module.js';
import { axesOf, corners, faceCenter, minus, plus, times, turnHandle } from './geometry.js';

/** @typedef {import('./state.js').Cuboid} Cuboid */
/** @typedef {{id: string, name: string, category: string, cuboid: Cuboid, color: number[], isKeyframe: boolean, visibility: string}} Shown */

const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];
const WHITE = [255, 255, 255];
/** Which handles the top, the side and the front view have: those of the faces that are seen edge on. */
const SIDES = [[0, 1, 2, 3, 6], [0, 1, 4, 5], [2, 3, 4, 5]];
export const SIDE_LAYER = 2;

/** Line segments that are made anew whenever what they show has changed. */
class Lines {
  /** @param {any} [material] */
  constructor(material = {}) {
    this.mesh = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ vertexColors: true, ...material }));
    this.mesh.frustumCulled = false;
  }

  /** @param {number[]} places @param {number[]} colors 0 to 255 */
  show(places, colors) {
    this.mesh.geometry.dispose();
    this.mesh.geometry = new THREE.BufferGeometry();
    this.mesh.geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(places), 3));
    this.mesh.geometry.setAttribute('color', new THREE.BufferAttribute(new Uint8Array(colors), 3, true));
  }
}

export class Boxes {
  constructor() {
    this.lines = new Lines();
    this.selectedLines = new Lines({ depthTest: false, transparent: true });
    this.selectedLines.mesh.renderOrder = 2;
    for (const one of [this.lines, this.selectedLines]) one.mesh.layers.enable(1);
    this.faces = new THREE.Mesh(
      new THREE.BufferGeometry(),
      new THREE.MeshBasicMaterial({ vertexColors: true, transparent: true, opacity: 0.16, depthWrite: false, side: THREE.DoubleSide }),
    );
    this.faces.frustumCulled = false;
    this.handles = new THREE.Points(
      new THREE.BufferGeometry(),
      new THREE.PointsMaterial({ size: 9, sizeAttenuation: false, vertexColors: true, depthTest: false, transparent: true }),
    );
    this.handles.frustumCulled = false;
    this.handles.renderOrder = 3;
    this.sideHandles = SIDES.map((_, k) => {
      const made = new THREE.Points(new THREE.BufferGeometry(), this.handles.material);
      made.frustumCulled = false;
      made.renderOrder = 3;
      made.layers.set(SIDE_LAYER + k);
      return made;
    });
    this.group = new THREE.Group();
    this.group.add(this.lines.mesh, this.selectedLines.mesh, this.faces, this.handles, ...this.sideHandles);
  }

  /** @param {Shown[]} shown @param {string|null} selected @param {number[]} anchor */
  show(shown, selected, anchor) {
    /** @type {number[]} */ const places = [];
    /** @type {number[]} */ const colors = [];
    /** @type {number[]} */ const strongPlaces = [];
    /** @type {number[]} */ const strongColors = [];
    /** @type {number[]} */ const floors = [];
    /** @type {number[]} */ const floorColors = [];
    for (const one of shown) {
      const isSelected = one.id === selected;
      const dim = one.visibility === 'occluded' && !isSelected ? 0.55 : 1;
      const color = (isSelected ? WHITE : one.color).map((value) => value * dim);
      const local = { ...one.cuboid, center: minus(one.cuboid.center, anchor) };
      const at = corners(local);
      const [to, paint] = isSelected ? [strongPlaces, strongColors] : [places, colors];
      for (const [a, b] of EDGES) {
        to.push(...at[a], ...at[b]);
        paint.push(...color, ...color);
      }
      for (const [a, b] of arrow(local)) {
        to.push(...a, ...b);
        paint.push(...(isSelected ? one.color : WHITE), ...(isSelected ? one.color : WHITE));
      }
      for (const k of [0, 1, 2, 0, 2, 3]) {
        floors.push(...at[k]);
        floorColors.push(...one.color);
      }
      if (isSelected) {
        for (const k of [4, 5, 1, 4, 1, 0]) {
          floors.push(...at[k]);
          floorColors.push(...one.color);
        }
      }
    }
    this.lines.show(places, colors);
    this.selectedLines.show(strongPlaces, strongColors);
    this.faces.geometry.dispose();
    this.faces.geometry = new THREE.BufferGeometry();
    this.faces.geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(floors), 3));
    this.faces.geometry.setAttribute('color', new THREE.BufferAttribute(new Uint8Array(floorColors), 3, true));
    const one = shown.find((each) => each.id === selected);
    this.#showHandles(one ? { ...one.cuboid, center: minus(one.cuboid.center, anchor) } : null);
  }

  /** @param {Cuboid|null} local */
  #showHandles(local) {
    const all = local ? handlesOf(local) : [];
    const dots = [this.handles, ...this.sideHandles];
    dots.forEach((one, k) => {
      const shown = k === 0 ? all : all.filter((_, n) => SIDES[k - 1].includes(n));
      one.geometry.dispose();
      one.geometry = new THREE.BufferGeometry();
      const colors = shown.flatMap(({ kind }) => (kind === 'turn' ? [255, 214, 64] : [120, 200, 255]));
      one.geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(shown.flatMap(({ at }) => at)), 3));
      one.geometry.setAttribute('color', new THREE.BufferAttribute(new Uint8Array(colors), 3, true));
    });
  }
}

/** @typedef {{kind: 'face'|'turn', axis: number, sign: number, at: number[]}} Handle */

/** @param {Cuboid} one @returns {Handle[]} */
export function handlesOf(one) {
  /** @type {Handle[]} */
  const found = [];
  for (const axis of [0, 1, 2]) for (const sign of [1, -1]) found.push({ kind: 'face', axis, sign, at: faceCenter(one, axis, sign) });
  found.push({ kind: 'turn', axis: 0, sign: 1, at: turnHandle(one) });
  return found;
}

/** From the middle of the floor to ahead of the front. @param {Cuboid} one @returns {number[][][]} */
function arrow(one) {
  const [ahead, aside, up] = axesOf(one.quat);
  const floor = plus(one.center, times(up, -one.size[2] / 2));
  const reach = Math.min(1.2, 0.25 * one.size[0] + 0.2);
  const tip = plus(floor, times(ahead, one.size[0] / 2 + reach));
  const back = plus(tip, times(ahead, -0.5 * reach));
  const wing = times(aside, 0.35 * reach);
  return [[floor, tip], [tip, plus(back, wing)], [tip, minus(back, wing)]];
}

export class Trails {
  constructor() {
    this.lines = new Lines({ transparent: true, opacity: 0.75 });
    this.mesh = this.lines.mesh;
  }

  /** @param {{places_m: number[][], color: number[]}[]} trails @param {number[]} anchor */
  show(trails, anchor) {
    /** @type {number[]} */ const places = [];
    /** @type {number[]} */ const colors = [];
    for (const { places_m: at, color } of trails) {
      for (let k = 1; k < at.length; k += 1) {
        const fade = [(k - 1) / at.length, k / at.length].map((share) => 0.25 + 0.75 * share);
        places.push(...minus(at[k - 1], anchor), ...minus(at[k], anchor));
        colors.push(...color.map((value) => value * fade[0]), ...color.map((value) => value * fade[1]));
      }
    }
    this.lines.show(places, colors);
  }
}

/** A grid of ten metres with rings of fifty, flat at the vehicle's ground. */
export class Grid {
  constructor() {
    this.lines = new Lines({ transparent: true, opacity: 0.5 });
    this.mesh = this.lines.mesh;
    this.mesh.matrixAutoUpdate = false;
    const places = [];
    const colors = [];
    for (let k = -10; k <= 10; k += 1) {
      places.push(10 * k, -100, 0, 10 * k, 100, 0, -100, 10 * k, 0, 100, 10 * k, 0);
      const color = k === 0 ? [92, 104, 128] : [46, 53, 68];
      for (let c = 0; c < 4; c += 1) colors.push(...color);
    }
    for (const radius of [50, 100]) {
      for (let k = 0; k < 96; k += 1) {
        for (const angle of [k, k + 1]) {
          const turn = (angle / 96) * 2 * Math.PI;
          places.push(radius * Math.cos(turn), radius * Math.sin(turn), 0);
          colors.push(70, 88, 116);
        }
      }
    }
    this.lines.show(places, colors);
  }

  /** @param {number[][]|null} labelFrom of the vehicle @param {number[]} anchor @param {number} drop metres below its origin */
  place(labelFrom, anchor, drop) {
    const m = labelFrom ?? [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];
    const t = [0, 1, 2].map((k) => m[k][3] - anchor[k] - drop * m[k][2]);
    this.mesh.matrix.set(m[0][0], m[0][1], m[0][2], t[0], m[1][0], m[1][1], m[1][2], t[1], m[2][0], m[2][1], m[2][2], t[2], 0, 0, 0, 1);
    this.mesh.matrixWorldNeedsUpdate = true;
  }
}
