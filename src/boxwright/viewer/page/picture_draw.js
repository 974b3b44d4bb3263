// @ts-check
/** What is drawn over a picture: cuboids as the server projects them, shapes, captions. Nothing here knows a lens. */

import { css } from './dom.js';
import { drawMask, stencilOf } from './masks.js';

/** @typedef {import('./picture_view.js').PictureView} View */

/**
 * A cuboid in a picture; curves in tenths of a pixel, u, v, u, v, ...
 * @typedef {object} Drawn
 * @property {string} [track_id]
 * @property {string} [category]
 * @property {string} [state]
 * @property {string} [visibility]
 * @property {number[]} xyxy
 * @property {number[][]} visible
 * @property {number[][]} front
 * @property {number[][]} hidden
 * @property {number} distance_m
 */

/** @typedef {{colour: number[], isSelected?: boolean, isOccluded?: boolean, dash?: number[], width?: number}} Look */

/** @param {CanvasRenderingContext2D} to @param {View} view @param {number[][]} curves tenths of a pixel */
function traceTenths(to, view, curves) {
  to.beginPath();
  for (const curve of curves) {
    for (let k = 0; k + 1 < curve.length; k += 2) {
      const [x, y] = view.toCanvas(curve[k] / 10, curve[k + 1] / 10);
      if (k === 0) to.moveTo(x, y);
      else to.lineTo(x, y);
    }
  }
}

/**
 * A cuboid's edges: those behind itself thin and faint, the front face strong; one that is occluded is dashed and dim.
 * @param {CanvasRenderingContext2D} to @param {View} view @param {Drawn} one @param {Look} look
 */
export function drawCuboid(to, view, one, look) {
  const base = look.width ?? (look.isSelected ? 2.5 : 1.5);
  const dim = look.isOccluded ? 0.55 : 1;
  to.save();
  to.strokeStyle = look.isSelected ? '#ffffff' : css(look.colour);
  to.lineJoin = 'round';
  to.setLineDash(look.dash ?? (look.isOccluded ? [5, 4] : []));
  /** @type {[number[][], number, number][]} */
  const parts = [[one.hidden, 0.3, base * 0.6], [one.visible, 0.95, base], [one.front, 1, base * 1.5]];
  for (const [curves, alpha, width] of parts) {
    if (!curves.length) continue;
    to.globalAlpha = alpha * dim;
    to.lineWidth = width;
    traceTenths(to, view, curves);
    to.stroke();
  }
  if (look.isSelected) {
    to.globalAlpha = 1;
    to.strokeStyle = css(look.colour);
    to.lineWidth = base * 0.6;
    traceTenths(to, view, [...one.visible, ...one.front]);
    to.stroke();
  }
  to.restore();
}

/**
 * Captions, the nearest first, none over another.
 * @param {CanvasRenderingContext2D} to @param {View} view
 * @param {{text: string, box: number[], colour: number[], isSelected: boolean}[]} captions in the order of their rank
 */
export function drawCaptions(to, view, captions) {
  to.save();
  to.font = '11px system-ui, sans-serif';
  to.textBaseline = 'middle';
  /** @type {number[][]} */
  const taken = [];
  for (const { text, box, colour, isSelected } of captions) {
    const [left, top] = view.toCanvas(box[0], box[1]);
    const width = to.measureText(text).width + 8;
    const x = Math.max(0, Math.min(view.canvasWidth - width, left));
    const y = Math.max(0, top - 17);
    const plate = [x, y, x + width, y + 15];
    if (!isSelected && taken.some((one) => plate[0] < one[2] && one[0] < plate[2] && plate[1] < one[3] && one[1] < plate[3])) continue;
    if (plate[0] > view.canvasWidth || plate[1] > view.canvasHeight || left < -width || top < -20) continue;
    taken.push(plate);
    to.fillStyle = isSelected ? 'rgb(255 255 255 / 0.95)' : 'rgb(8 10 16 / 0.78)';
    to.fillRect(x, y, width, 15);
    to.fillStyle = isSelected ? '#10131a' : css(colour);
    to.fillText(text, x + 4, y + 8);
  }
  to.restore();
}

/**
 * Points over a picture, in colours of their own.
 * @param {CanvasRenderingContext2D} to @param {View} view @param {Float32Array} uv @param {(k: number) => string|null} colourOf @param {number} size
 */
export function drawPoints(to, view, uv, colourOf, size) {
  to.save();
  to.globalAlpha = 0.85;
  for (let k = 0; 2 * k + 1 < uv.length; k += 1) {
    if (Number.isNaN(uv[2 * k])) continue;
    const colour = colourOf(k);
    if (!colour) continue;
    const [x, y] = view.toCanvas(uv[2 * k], uv[2 * k + 1]);
    if (x < -size || y < -size || x > view.canvasWidth + size || y > view.canvasHeight + size) continue;
    to.fillStyle = colour;
    to.fillRect(x - size / 2, y - size / 2, size, size);
  }
  to.restore();
}

/**
 * A shape: box, rotated box, polygon, polyline, keypoints, mask.
 * @param {CanvasRenderingContext2D} to @param {View} view @param {any} shape as a keyframe has it @param {string} kind
 * @param {Look & {skeleton?: any}} look
 */
export function drawShape(to, view, shape, kind, look) {
  if (kind === 'mask') {
    drawMask(to, view, stencilOf(shape), look.colour, look);
    return;
  }
  const parts = outlines(shape, kind);
  to.save();
  to.strokeStyle = css(look.colour);
  to.fillStyle = css(look.colour);
  to.lineJoin = 'round';
  to.setLineDash(look.dash ?? (look.isOccluded ? [5, 4] : []));
  to.beginPath();
  for (const part of parts) {
    part.points.forEach(([u, v], k) => {
      const [x, y] = view.toCanvas(u, v);
      if (k) to.lineTo(x, y);
      else to.moveTo(x, y);
    });
    if (part.isClosed) to.closePath();
  }
  if (parts.some((one) => one.isClosed)) {
    to.globalAlpha = look.isSelected ? 0.2 : 0.1;
    to.fill('evenodd');
  }
  to.globalAlpha = look.isOccluded ? 0.6 : 1;
  if (look.isSelected) {
    to.save();
    to.strokeStyle = '#ffffff';
    to.lineWidth = 4;
    to.stroke();
    to.restore();
  }
  to.lineWidth = look.width ?? 2;
  to.stroke();
  if (kind === 'keypoints') keypoints(to, view, shape, look);
  to.restore();
}

/** @param {CanvasRenderingContext2D} to @param {View} view @param {any} shape @param {Look & {skeleton?: any}} look */
function keypoints(to, view, shape, look) {
  const places = shape.points_px.map((/** @type {any} */ one) => (one ? view.toCanvas(one[0], one[1]) : null));
  to.setLineDash([]);
  to.beginPath();
  for (const [a, b] of look.skeleton?.edges ?? []) {
    if (!places[a] || !places[b]) continue;
    to.moveTo(places[a][0], places[a][1]);
    to.lineTo(places[b][0], places[b][1]);
  }
  to.stroke();
  places.forEach((/** @type {any} */ place, /** @type {number} */ k) => {
    if (!place || shape.point_visibility?.[k] === 'outside') return;
    to.beginPath();
    to.arc(place[0], place[1], 3.5, 0, 2 * Math.PI);
    if (shape.point_visibility?.[k] === 'occluded') to.stroke();
    else to.fill();
  });
}

/**
 * A shape as lines.
 * @param {any} shape @param {string} kind
 * @returns {{points: number[][], isClosed: boolean}[]}
 */
export function outlines(shape, kind) {
  if (kind === 'box') return [{ points: cornersOfBox(shape.xyxy_px), isClosed: true }];
  if (kind === 'rotated_box') {
    const [[u, v], [w, h], angle] = [shape.center_px, shape.size_px, shape.rotation_rad];
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const points = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [u + (a * w * c - b * h * s) / 2, v + (a * w * s + b * h * c) / 2]);
    return [{ points, isClosed: true }];
  }
  if (kind === 'polygon') return shape.rings_px.map((/** @type {number[][]} */ points) => ({ points, isClosed: true }));
  if (kind === 'polyline') return [{ points: shape.points_px, isClosed: false }];
  return [];
}

/** @param {number[]} box */
export function cornersOfBox([left, top, right, bottom]) {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** Left, top, right and bottom of a shape, null of one without a place. @param {any} shape @param {string} kind @returns {number[]|null} */
export function boundsOf(shape, kind) {
  if (kind === 'mask') {
    const found = stencilOf(shape);
    return found && [found.left - 0.5, found.top - 0.5, found.left + found.width - 0.5, found.top + found.height - 0.5];
  }
  const points = kind === 'keypoints' ? shape.points_px.filter(Boolean) : outlines(shape, kind).flatMap((one) => one.points);
  if (!points.length) return null;
  const [us, vs] = [points.map((/** @type {number[]} */ one) => one[0]), points.map((/** @type {number[]} */ one) => one[1])];
  return [Math.min(...us), Math.min(...vs), Math.max(...us), Math.max(...vs)];
}
