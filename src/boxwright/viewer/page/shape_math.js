// @ts-check
/** Shapes in pictures while they are edited: their handles, and what pulling one does. A shape is the part of a keyframe that says where it is. */

import { outlines } from './picture_draw.js';

/**
 * What can be pulled.
 * @typedef {object} Handle
 * @property {'corner'|'edge'|'vertex'|'middle'|'turn'|'body'} kind middle: of a line, which becomes a vertex when it is pulled
 * @property {number[]} at
 * @property {number} index
 * @property {number} [ring]
 */

/** The keys of a keyframe that say where a shape is. @type {Record<string, string[]>} */
export const PLACES = {
  box: ['xyxy_px'],
  rotated_box: ['center_px', 'size_px', 'rotation_rad'],
  polygon: ['rings_px'],
  polyline: ['points_px'],
  keypoints: ['points_px', 'point_visibility'],
  mask: ['rle'],
};

/** Where a shape is, of a keyframe or of what the server fills. @param {any} said @param {string} kind */
export function placeOf(said, kind) {
  return Object.fromEntries(PLACES[kind].filter((key) => said[key] !== undefined).map((key) => [key, structuredClone(said[key])]));
}

/** @param {any} shape @param {string} kind @param {number} reach how far the handle that turns is from its side, pixels @returns {Handle[]} */
export function handlesOf(shape, kind, reach) {
  if (kind === 'box' || kind === 'rotated_box') {
    const corners = outlines(shape, kind)[0].points;
    const edges = corners.map((a, k) => ({ kind: /** @type {const} */ ('edge'), at: middle(a, corners[(k + 1) % 4]), index: k }));
    const all = [...corners.map((at, index) => ({ kind: /** @type {const} */ ('corner'), at, index })), ...edges];
    return kind === 'box' ? all : [...all, { kind: 'turn', at: along(shape, shape.size_px[0] / 2 + reach), index: 0 }];
  }
  if (kind === 'keypoints') return shape.points_px.flatMap((/** @type {any} */ at, /** @type {number} */ index) => (at && isMarked(shape, index) ? [{ kind: 'vertex', at, index }] : []));
  if (kind !== 'polygon' && kind !== 'polyline') return [];
  return outlines(shape, kind).flatMap(({ points, isClosed }, ring) => [
    ...points.map((at, index) => ({ kind: /** @type {const} */ ('vertex'), at, index, ring })),
    ...points.flatMap((a, index) => (isClosed || index + 1 < points.length ? [{ kind: /** @type {const} */ ('middle'), at: middle(a, points[(index + 1) % points.length]), index, ring }] : [])),
  ]);
}

/** A place on the first own axis of a rotated box. @param {any} shape @param {number} far pixels from its centre */
function along({ center_px: [u, v], rotation_rad: angle }, far) {
  return [u + far * Math.cos(angle), v + far * Math.sin(angle)];
}

/** Whether a keypoint is there: visible, or hidden behind something. @param {any} shape @param {number} index */
export function isMarked(shape, index) {
  return shape.point_visibility?.[index] !== 'outside';
}

/** A rotated box on a side from a to b, as high as a third place is from that side. @param {number[]} a @param {number[]} b @param {number[]} c */
export function rotatedOn(a, b, c) {
  const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
  const [nu, nv] = [-Math.sin(angle), Math.cos(angle)];
  const high = (c[0] - a[0]) * nu + (c[1] - a[1]) * nv;
  const [u, v] = middle(a, b);
  return { center_px: [u + (nu * high) / 2, v + (nv * high) / 2], size_px: [Math.hypot(b[0] - a[0], b[1] - a[1]), Math.abs(high)], rotation_rad: angle };
}

/** @param {number[]} a @param {number[]} b */
function middle(a, b) {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

/**
 * A shape whose handle was pulled from one place to another.
 * @param {any} shape @param {string} kind @param {Handle} handle @param {number[]} from @param {number[]} to
 */
export function pulled(shape, kind, handle, from, to) {
  const by = [to[0] - from[0], to[1] - from[1]];
  if (handle.kind === 'body') return movedBy(shape, kind, by);
  if (kind === 'box') return { xyxy_px: boxPulled(shape.xyxy_px, handle, by) };
  if (kind === 'rotated_box') return rotatedPulled(shape, handle, to);
  if (kind === 'keypoints') return { ...shape, points_px: shape.points_px.map((/** @type {any} */ one, /** @type {number} */ k) => (k === handle.index ? to : one)) };
  const rings = ringsOf(shape, kind);
  const ring = [...rings[handle.ring ?? 0]];
  if (handle.kind === 'middle') ring.splice(handle.index + 1, 0, to);
  else ring[handle.index] = to;
  return withRings(kind, rings.map((one, k) => (k === (handle.ring ?? 0) ? ring : one)));
}

/** @param {number[]} box @param {Handle} handle @param {number[]} by */
function boxPulled(box, handle, by) {
  const next = [...box];
  const sides = handle.kind === 'corner' ? [[0, 1], [2, 1], [2, 3], [0, 3]][handle.index] : [[1], [2], [3], [0]][handle.index];
  for (const side of sides) next[side] += by[side % 2];
  return [Math.min(next[0], next[2]), Math.min(next[1], next[3]), Math.max(next[0], next[2]), Math.max(next[1], next[3])];
}

/** The corner or side goes there, the opposite one stays; or it turns about its centre. @param {any} shape @param {Handle} handle @param {number[]} to */
function rotatedPulled(shape, handle, to) {
  const corners = outlines(shape, 'rotated_box')[0].points;
  if (handle.kind === 'turn') return { ...shape, rotation_rad: Math.atan2(to[1] - shape.center_px[1], to[0] - shape.center_px[0]) };
  const fixed = corners[(handle.index + 2) % 4];
  if (handle.kind === 'edge') return edgePulled(shape, handle.index, fixed, to);
  const [c, s] = [Math.cos(shape.rotation_rad), Math.sin(shape.rotation_rad)];
  const [du, dv] = [to[0] - fixed[0], to[1] - fixed[1]];
  const size = [Math.max(1, Math.abs(du * c + dv * s)), Math.max(1, Math.abs(-du * s + dv * c))];
  return { ...shape, center_px: middle(to, fixed), size_px: size };
}

/** @param {any} shape @param {number} index @param {number[]} fixed a place of the opposite side @param {number[]} to */
function edgePulled(shape, index, fixed, to) {
  const [c, s] = [Math.cos(shape.rotation_rad), Math.sin(shape.rotation_rad)];
  const axis = index % 2 ? [c, s] : [-s, c];
  const sign = index === 0 || index === 3 ? -1 : 1;
  const long = Math.max(1, sign * ((to[0] - fixed[0]) * axis[0] + (to[1] - fixed[1]) * axis[1]));
  const which = index % 2 ? 0 : 1;
  const by = (sign * (long - shape.size_px[which])) / 2;
  const size = [...shape.size_px];
  size[which] = long;
  return { ...shape, center_px: [shape.center_px[0] + by * axis[0], shape.center_px[1] + by * axis[1]], size_px: size };
}

/** Keypoints of which one is seen otherwise; one that has no place gets one amid the others. @param {any} shape @param {number} index @param {string} word visible, occluded, outside */
export function pointSeen(shape, index, word) {
  const words = shape.points_px.map((/** @type {any} */ _, /** @type {number} */ k) => (k === index ? word : (shape.point_visibility?.[k] ?? 'visible')));
  const there = shape.points_px.filter(Boolean);
  const amid = [0, 1].map((k) => there.reduce((/** @type {number} */ sum, /** @type {number[]} */ one) => sum + one[k], 0) / there.length);
  return { points_px: shape.points_px.map((/** @type {any} */ one, /** @type {number} */ k) => (k === index && word !== 'outside' ? (one ?? amid) : one)), point_visibility: words };
}

/** @param {any} shape @param {string} kind @param {number[]} by */
export function movedBy(shape, kind, by) {
  const shift = (/** @type {any} */ one) => one && [one[0] + by[0], one[1] + by[1]];
  if (kind === 'box') return { xyxy_px: shape.xyxy_px.map((/** @type {number} */ one, /** @type {number} */ k) => one + by[k % 2]) };
  if (kind === 'rotated_box') return { ...shape, center_px: shift(shape.center_px) };
  if (kind === 'polygon') return { rings_px: shape.rings_px.map((/** @type {number[][]} */ ring) => ring.map(shift)) };
  if (kind === 'polyline' || kind === 'keypoints') return { ...shape, points_px: shape.points_px.map(shift) };
  return shape;
}

/** A shape without one of its vertices, or of its keypoints; null where it would be none. @param {any} shape @param {string} kind @param {Handle} handle */
export function without(shape, kind, handle) {
  if (kind === 'keypoints') {
    const left = pointSeen(shape, handle.index, 'outside');
    return left.point_visibility.some((/** @type {string} */ one) => one !== 'outside') ? left : null;
  }
  if (kind !== 'polygon' && kind !== 'polyline') return null;
  const rings = ringsOf(shape, kind);
  const ring = rings[handle.ring ?? 0].filter((_, k) => k !== handle.index);
  if (ring.length >= (kind === 'polygon' ? 3 : 2)) return withRings(kind, rings.map((one, k) => (k === (handle.ring ?? 0) ? ring : one)));
  return rings.length > 1 ? withRings(kind, rings.filter((_, k) => k !== handle.ring)) : null;
}

/** @param {any} shape @param {string} kind @returns {number[][][]} */
const ringsOf = (shape, kind) => (kind === 'polygon' ? shape.rings_px : [shape.points_px]);
/** @param {string} kind @param {number[][][]} rings */
const withRings = (kind, rings) => (kind === 'polygon' ? { rings_px: rings } : { points_px: rings[0] });

/** Whether a place is inside of a shape. @param {any} shape @param {string} kind @param {number[]} uv */
export function isInside(shape, kind, uv) {
  let inside = false;
  for (const { points, isClosed } of outlines(shape, kind)) {
    if (!isClosed) continue;
    points.forEach((a, k) => {
      const b = points[(k + 1) % points.length];
      if (a[1] > uv[1] !== b[1] > uv[1] && uv[0] < a[0] + ((uv[1] - a[1]) / (b[1] - a[1])) * (b[0] - a[0])) inside = !inside;
    });
  }
  return inside;
}

/** Into the picture: its border is half a pixel beyond the first and the last centre. @param {number[]} uv @param {number} width @param {number} height */
export function inPicture(uv, width, height) {
  return [Math.max(-0.5, Math.min(width - 0.5, uv[0])), Math.max(-0.5, Math.min(height - 0.5, uv[1]))];
}
