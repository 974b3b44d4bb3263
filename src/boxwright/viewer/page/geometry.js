// @ts-check
/** Turns, faces and rays of cuboids, in float64: [x, y, z] and quaternions [w, x, y, z]. */

/** @typedef {import('./state.js').Cuboid} Cuboid */
/** @typedef {number[]} Vector */

export const LEAST_M = 0.05;

/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const plus = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/** @param {Vector} a @param {number} s @returns {Vector} */
export const times = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
/** @param {Vector} a @param {Vector} b */
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
/** @param {Vector} a */
export const length = (a) => Math.hypot(a[0], a[1], a[2]);
/** @param {Vector} a @returns {Vector} */
export const unit = (a) => times(a, 1 / (length(a) || 1));

/** First q, then p. @param {number[]} p @param {number[]} q @returns {number[]} */
export function multiplied(p, q) {
  const [a, b, c, d] = p;
  const [e, f, g, h] = q;
  return [a * e - b * f - c * g - d * h, a * f + b * e + c * h - d * g, a * g - b * h + c * e + d * f, a * h + b * g - c * f + d * e];
}

/** @param {number[]} q @returns {number[]} */
export function normalized(q) {
  const n = Math.hypot(...q) || 1;
  return q.map((value) => value / n);
}

/** @param {number} yaw @returns {number[]} */
export const quatOfYaw = (yaw) => [Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)];

/** The angle about z that the x axis is turned by, seen from above. @param {number[]} q */
export function yawOf([w, x, y, z]) {
  return Math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z));
}

/** The cuboid's own x, y and z in the label frame. @param {number[]} q @returns {[Vector, Vector, Vector]} */
export function axesOf([w, x, y, z]) {
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
    [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
    [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
  ];
}

/** A rotation matrix (rows) as a quaternion. @param {number[][]} m @returns {number[]} */
export function quatOfMatrix(m) {
  const trace = m[0][0] + m[1][1] + m[2][2];
  if (trace > 0) {
    const s = 2 * Math.sqrt(1 + trace);
    return [s / 4, (m[2][1] - m[1][2]) / s, (m[0][2] - m[2][0]) / s, (m[1][0] - m[0][1]) / s];
  }
  const i = m[0][0] >= m[1][1] && m[0][0] >= m[2][2] ? 0 : m[1][1] >= m[2][2] ? 1 : 2;
  const [j, k] = [(i + 1) % 3, (i + 2) % 3];
  const s = 2 * Math.sqrt(Math.max(1e-12, 1 + m[i][i] - m[j][j] - m[k][k]));
  const q = [(m[k][j] - m[j][k]) / s, 0, 0, 0];
  q[1 + i] = s / 4;
  q[1 + j] = (m[j][i] + m[i][j]) / s;
  q[1 + k] = (m[k][i] + m[i][k]) / s;
  return q;
}

/** @param {Cuboid} one @param {Vector} by @returns {Cuboid} */
export function moved(one, by) {
  return { ...one, center: plus(one.center, by) };
}

/** Along the cuboid's own axes. @param {Cuboid} one @param {Vector} by @returns {Cuboid} */
export function movedAlong(one, by) {
  const axes = axesOf(one.quat);
  return moved(one, plus(plus(times(axes[0], by[0]), times(axes[1], by[1])), times(axes[2], by[2])));
}

/** Turned about its own upright axis; it stays as tilted as it is. @param {Cuboid} one @param {number} angle @returns {Cuboid} */
export function turned(one, angle) {
  return { ...one, quat: normalized(multiplied(one.quat, quatOfYaw(angle))) };
}

/**
 * One face moved outwards; the opposite one stays where it is.
 * @param {Cuboid} one @param {number} axis 0, 1, 2 @param {number} sign 1 or -1 @param {number} by metres @returns {Cuboid}
 */
export function faceMoved(one, axis, sign, by) {
  const size = [...one.size];
  const real = Math.max(by, LEAST_M - size[axis]);
  size[axis] += real;
  return { ...one, size, center: plus(one.center, times(axesOf(one.quat)[axis], (sign * real) / 2)) };
}

/** Whether a place lies in a cuboid, or not further than `slack` metres beside each face. @param {Cuboid} one @param {Vector} point @param {number} [slack] */
export function holds(one, point, slack = 0) {
  const rel = minus(point, one.center);
  return axesOf(one.quat).every((axis, k) => Math.abs(dot(rel, axis)) <= one.size[k] / 2 + slack);
}

/** The middle of a face. @param {Cuboid} one @param {number} axis @param {number} sign @returns {Vector} */
export function faceCenter(one, axis, sign) {
  return plus(one.center, times(axesOf(one.quat)[axis], (sign * one.size[axis]) / 2));
}

/** Where the handle that turns the cuboid is: ahead of its front. @param {Cuboid} one @returns {Vector} */
export function turnHandle(one) {
  return plus(one.center, times(axesOf(one.quat)[0], one.size[0] / 2 + Math.max(0.5, one.size[0] * 0.2)));
}

/** The eight corners, bottom first. @param {Cuboid} one @returns {Vector[]} */
export function corners(one) {
  const axes = axesOf(one.quat);
  const half = one.size.map((value) => value / 2);
  const found = [];
  for (const z of [-1, 1]) {
    for (const [x, y] of [[1, 1], [1, -1], [-1, -1], [-1, 1]]) {
      found.push(plus(plus(plus(one.center, times(axes[0], x * half[0])), times(axes[1], y * half[1])), times(axes[2], z * half[2])));
    }
  }
  return found;
}

/** How far along a ray it meets a cuboid, null where it does not. @param {Vector} from @param {Vector} along @param {Cuboid} one */
export function rayMeets(from, along, one) {
  const axes = axesOf(one.quat);
  const rel = minus(from, one.center);
  let near = -Infinity;
  let far = Infinity;
  for (let k = 0; k < 3; k += 1) {
    const o = dot(rel, axes[k]);
    const d = dot(along, axes[k]);
    const half = one.size[k] / 2;
    if (Math.abs(d) < 1e-12) {
      if (Math.abs(o) > half) return null;
    } else {
      const [a, b] = [(-half - o) / d, (half - o) / d];
      near = Math.max(near, Math.min(a, b));
      far = Math.min(far, Math.max(a, b));
    }
  }
  if (near > far || far < 0) return null;
  return near < 0 ? far : near;
}

/** Where a ray meets a plane, null where it runs along it or away. @param {Vector} from @param {Vector} along @param {Vector} point @param {Vector} normal @returns {Vector|null} */
export function rayOnPlane(from, along, point, normal) {
  const d = dot(along, normal);
  if (Math.abs(d) < 1e-9) return null;
  const t = dot(minus(point, from), normal) / d;
  return t > 0 ? plus(from, times(along, t)) : null;
}

/** How far along a line its place nearest to a ray is, null where they run side by side. @param {Vector} from @param {Vector} along @param {Vector} point @param {Vector} axis unit */
export function alongLine(from, along, point, axis) {
  const b = dot(along, axis);
  const n = 1 - b * b;
  if (n < 1e-6) return null;
  const rel = minus(from, point);
  return (dot(rel, axis) - b * dot(rel, along)) / n;
}
