// @ts-check
/** The points of a frame as one geometry, and their colours. */

import * as THREE from './vendor/three.module.js';

/** @typedef {import('./api.js').Points} Points */

/** Viridis, at eleven places (Smith and van der Walt, CC0): even to the eye, and the same to one that does not tell red from green. */
const RAMP = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140], [34, 168, 132], [68, 191, 112], [122, 209, 81],
  [189, 223, 38], [253, 231, 37],
];
const TABLE = new Uint8Array(256 * 3);
for (let k = 0; k < 256; k += 1) {
  const at = (k / 255) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(at));
  for (let c = 0; c < 3; c += 1) TABLE[3 * k + c] = Math.round(RAMP[low][c] + (at - low) * (RAMP[low + 1][c] - RAMP[low][c]));
}
const GREY = [150, 158, 170];

/** What colours there are, and what the legend says of them. */
export const COLOURS = {
  height: 'height',
  intensity: 'intensity',
  time: 'time',
  class: 'class',
  camera: 'cameras',
};

export class Cloud {
  constructor() {
    this.material = new THREE.PointsMaterial({ size: 2, sizeAttenuation: false, vertexColors: true });
    this.mesh = new THREE.Points(new THREE.BufferGeometry(), this.material);
    /** The same points thinned out, for while the view moves. */
    this.thin = new THREE.Points(new THREE.BufferGeometry(), this.material);
    for (const one of [this.mesh, this.thin]) {
      one.matrixAutoUpdate = false;
      one.frustumCulled = false;
    }
    this.thin.visible = false;
    /** Of how many points there is room in the buffers, which stay for frames that fit. */
    this.room = 0;
    this.near = new THREE.Points(new THREE.BufferGeometry(), new THREE.PointsMaterial({ size: 3, sizeAttenuation: false, vertexColors: true }));
    this.near.matrixAutoUpdate = false;
    this.near.frustumCulled = false;
    this.near.layers.set(1);
    /** @type {Points|null} */
    this.points = null;
    /** Rows of the matrix that brings points into the label frame, in float64. @type {number[][]|null} */
    this.labelFrom = null;
    this.mode = '';
    /** What the colours mean, from the lowest to the highest. @type {{low: string, high: string}|null} */
    this.legend = null;
  }

  /** @param {Points|null} points @param {number[][]|null} labelFrom */
  show(points, labelFrom) {
    if (points !== this.points) {
      this.points = points;
      this.mode = '';
      if (points) this.#fill(points.xyz);
      this.thinTo(Infinity);
    }
    this.labelFrom = labelFrom;
  }

  /** How many points there are. */
  get n() {
    return this.points ? this.points.xyz.length / 3 : 0;
  }

  /** Red, green and blue of every point, 0 to 255. */
  get colors() {
    return /** @type {Uint8Array} */ (this.mesh.geometry.getAttribute('color').array).subarray(0, 3 * this.n);
  }

  /** @param {Float32Array} xyz */
  #fill(xyz) {
    const { n } = this;
    if (n > this.room || n < this.room / 4) {
      this.room = Math.ceil(1.1 * n);
      const position = new THREE.BufferAttribute(new Float32Array(3 * this.room), 3).setUsage(THREE.DynamicDrawUsage);
      const color = new THREE.BufferAttribute(new Uint8Array(3 * this.room), 3, true).setUsage(THREE.DynamicDrawUsage);
      for (const one of [this.mesh, this.thin]) {
        one.geometry.dispose();
        one.geometry = new THREE.BufferGeometry();
        one.geometry.setAttribute('position', position);
        one.geometry.setAttribute('color', color);
      }
    }
    const position = this.mesh.geometry.getAttribute('position');
    position.array.set(xyz);
    changed(position, 3 * n);
    this.mesh.geometry.setDrawRange(0, n);
    this.thin.geometry.setIndex(null);
  }

  /** Shows at most so many points, spread evenly over the sweep. @param {number} most */
  thinTo(most) {
    const { n } = this;
    const isWhole = most >= 0.8 * n;
    this.mesh.visible = n > 0 && isWhole;
    this.thin.visible = n > 0 && !isWhole;
    const m = Math.round(most);
    if (isWhole || this.thin.geometry.index?.count === m) return;
    const index = new Uint32Array(m);
    for (let k = 0; k < m; k += 1) index[k] = Math.min(n - 1, Math.floor(((k + ((k * 0.618034) % 1)) * n) / m)); // no stripes where points come in rows
    this.thin.geometry.setIndex(new THREE.BufferAttribute(index, 1));
  }

  /** Where the points are, from an anchor in the label frame. @param {number[]} anchor */
  place(anchor) {
    if (!this.points) return;
    this.mesh.matrix.copy(anchorFrom(this.points, this.labelFrom, anchor));
    for (const one of [this.thin, this.near]) one.matrix.copy(this.mesh.matrix);
    for (const one of [this.mesh, this.thin, this.near]) one.matrixWorldNeedsUpdate = true;
  }

  /**
   * @param {string} mode one of COLOURS
   * @param {(classId: number) => number[]} [classColor]
   */
  paint(mode, classColor) {
    const attribute = /** @type {any} */ (this.mesh.geometry.getAttribute('color'));
    if (!this.points || !attribute) return;
    const out = this.colors;
    const { fields, xyz } = this.points;
    this.legend = null;
    if (mode === 'class' && fields.class_id && classColor) paintClasses(out, fields.class_id, classColor);
    else if (mode === 'camera' && fields.rgba) paintPictures(out, fields.rgba);
    else if (mode === 'intensity' && fields.intensity) this.legend = paintRamp(out, xyz.length / 3, (i) => Number(fields.intensity[i]), 0.02, 0.98, '');
    else if (mode === 'time' && fields.time_offset_ns) {
      this.legend = paintRamp(out, xyz.length / 3, (i) => Number(fields.time_offset_ns[i]) / 1e6, 0, 1, ' ms');
    } else this.legend = paintRamp(out, xyz.length / 3, (i) => xyz[3 * i + 2], 0.02, 0.98, ' m');
    changed(attribute, 3 * this.n);
    this.mode = mode;
  }

  /** The points around a place, for the side views. @param {number[]} center in the label frame, or none @param {number} radius */
  showNear(center, radius) {
    this.near.geometry.dispose();
    this.near.geometry = new THREE.BufferGeometry();
    if (!center.length || !this.points) return;
    const at = new THREE.Vector3(...center).applyMatrix4(this.mesh.matrix.clone().invert());
    const { xyz } = this.points;
    const { colors } = this;
    const found = [];
    const r2 = radius * radius;
    for (let i = 0; i < xyz.length; i += 3) {
      const dx = xyz[i] - at.x;
      const dy = xyz[i + 1] - at.y;
      const dz = xyz[i + 2] - at.z;
      if (dx * dx + dy * dy + dz * dz <= r2) found.push(i);
    }
    const places = new Float32Array(3 * found.length);
    const paint = new Uint8Array(3 * found.length);
    found.forEach((i, k) => {
      for (let c = 0; c < 3; c += 1) {
        places[3 * k + c] = xyz[i + c];
        paint[3 * k + c] = colors[i + c];
      }
    });
    this.near.geometry.setAttribute('position', new THREE.BufferAttribute(places, 3));
    this.near.geometry.setAttribute('color', new THREE.BufferAttribute(paint, 3, true));
  }

  /**
   * The point nearest to a place of a view: of those within a few pixels the one that is closest to the eye.
   * @param {THREE.Camera} camera @param {number} u pixels @param {number} v pixels @param {number} width @param {number} height
   * @returns {number[]|null} from the anchor
   */
  pick(camera, u, v, width, height) {
    if (!this.points) return null;
    camera.updateMatrixWorld();
    const m = new THREE.Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse).multiply(this.mesh.matrix).elements;
    const { xyz } = this.points;
    let best = -1;
    let bestCost = Infinity;
    for (let i = 0; i < xyz.length; i += 3) {
      const x = xyz[i];
      const y = xyz[i + 1];
      const z = xyz[i + 2];
      const w = m[3] * x + m[7] * y + m[11] * z + m[15];
      if (!(w > 0)) continue;
      const du = (((m[0] * x + m[4] * y + m[8] * z + m[12]) / w + 1) / 2) * width - u;
      const dv = ((1 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) / 2) * height - v;
      const d2 = du * du + dv * dv;
      if (d2 > 64) continue;
      const cost = w * (1 + d2 / 16);
      if (cost < bestCost) [best, bestCost] = [i, cost];
    }
    if (best < 0) return null;
    const found = new THREE.Vector3(xyz[best], xyz[best + 1], xyz[best + 2]).applyMatrix4(this.mesh.matrix);
    return [found.x, found.y, found.z];
  }
}

/** What brings points to where they are drawn. @param {Points} points @param {number[][]|null} labelFrom @param {number[]} anchor in the label frame */
export function anchorFrom(points, labelFrom, anchor) {
  const m = labelFrom ?? [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];
  const o = points.originM;
  const shift = [0, 1, 2].map((k) => m[k][0] * o[0] + m[k][1] * o[1] + m[k][2] * o[2] + m[k][3] - anchor[k]);
  return new THREE.Matrix4().set(m[0][0], m[0][1], m[0][2], shift[0], m[1][0], m[1][1], m[1][2], shift[1], m[2][0], m[2][1], m[2][2], shift[2], 0, 0, 0, 1);
}

/** The first numbers of a buffer are others, and are sent again. @param {any} attribute @param {number} count */
function changed(attribute, count) {
  attribute.clearUpdateRanges();
  attribute.addUpdateRange(0, count);
  attribute.needsUpdate = true;
}

/**
 * Values as colours of the ramp, between two quantiles.
 * @param {Uint8Array} out @param {number} n @param {(i: number) => number} value @param {number} lowShare @param {number} highShare @param {string} unit
 */
function paintRamp(out, n, value, lowShare, highShare, unit) {
  const step = Math.max(1, Math.floor(n / 4096));
  const some = [];
  for (let i = 0; i < n; i += step) {
    const one = value(i);
    if (Number.isFinite(one)) some.push(one);
  }
  some.sort((a, b) => a - b);
  const low = some[Math.floor(lowShare * (some.length - 1))] ?? 0;
  const high = some[Math.ceil(highShare * (some.length - 1))] ?? 1;
  const scale = 255 / Math.max(1e-9, high - low);
  for (let i = 0; i < n; i += 1) {
    const at = 3 * Math.max(0, Math.min(255, Math.round((value(i) - low) * scale) || 0));
    out[3 * i] = TABLE[at];
    out[3 * i + 1] = TABLE[at + 1];
    out[3 * i + 2] = TABLE[at + 2];
  }
  return { low: `${low.toFixed(1)}${unit}`, high: `${high.toFixed(1)}${unit}` };
}

/** @param {Uint8Array} out @param {ArrayLike<number>} ids @param {(classId: number) => number[]} color */
function paintClasses(out, ids, color) {
  /** @type {Map<number, number[]>} */
  const known = new Map();
  for (let i = 0; i < ids.length; i += 1) {
    let rgb = known.get(ids[i]);
    if (!rgb) known.set(ids[i], (rgb = color(ids[i])));
    out[3 * i] = rgb[0];
    out[3 * i + 1] = rgb[1];
    out[3 * i + 2] = rgb[2];
  }
}

/** Points that no camera sees are grey. @param {Uint8Array} out @param {Uint8Array} rgba */
function paintPictures(out, rgba) {
  for (let i = 0; 4 * i < rgba.length; i += 1) {
    const isSeen = rgba[4 * i + 3] > 0;
    for (let c = 0; c < 3; c += 1) out[3 * i + c] = isSeen ? rgba[4 * i + c] : GREY[c] / 2;
  }
}
