// @ts-check
/** Masks of recordings as pixels: COCO's compressed runs, column by column, first outside, then inside, in turn. */

/**
 * A mask made ready to be drawn: the pixels within its bounds.
 * @typedef {object} Stencil
 * @property {number} left first column @property {number} top first row @property {number} width pixels @property {number} height
 * @property {Uint8Array} inside row by row, 1 inside
 * @property {Map<string, HTMLCanvasElement>} tinted by colour
 */

const KEPT = 40;
/** @type {Map<string, Stencil|null>} the text of its runs and its height -> it; null where no pixel is inside */
const stencils = new Map();

/** Lengths of runs from their text: five bits to a letter, the lowest first, and a sixth where the number goes on; from the third on relative to the one before the last. @param {string} text */
export function runsOfText(text) {
  /** @type {number[]} */
  const counts = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let scale = 1;
    let bits = 0;
    do {
      bits = text.charCodeAt(at) - 48;
      at += 1;
      value += (bits & 31) * scale;
      scale *= 32;
    } while (bits & 32 && at < text.length);
    if (bits & 16) value -= scale;
    counts.push(value + (counts.length > 2 ? counts[counts.length - 2] : 0));
  }
  return counts;
}

/** The pixels of a keyframe's mask. @param {{rle: string, size_px: number[]}} shape @returns {Stencil|null} */
export function stencilOf({ rle, size_px: size }) {
  const key = `${size[1]} ${rle}`;
  let found = stencils.get(key);
  if (found === undefined) {
    found = decoded(runsOfText(rle), size[1]);
    stencils.set(key, found);
    while (stencils.size > KEPT) stencils.delete(/** @type {string} */ (stencils.keys().next().value));
  }
  return found;
}

/** @param {number[]} counts @param {number} height @returns {Stencil|null} */
function decoded(counts, height) {
  /** @type {[number, number, number][]} column, first row, row after the last */
  const strips = [];
  let at = 0;
  counts.forEach((count, k) => {
    const end = at + count;
    while (k % 2 && at < end) {
      const column = Math.floor(at / height);
      const next = Math.min(end, (column + 1) * height);
      strips.push([column, at - column * height, next - column * height]);
      at = next;
    }
    at = end;
  });
  if (!strips.length) return null;
  const left = strips[0][0];
  const width = strips[strips.length - 1][0] + 1 - left;
  const top = strips.reduce((least, one) => Math.min(least, one[1]), Infinity);
  const bottom = strips.reduce((most, one) => Math.max(most, one[2]), 0);
  const inside = new Uint8Array(width * (bottom - top));
  for (const [column, first, end] of strips) for (let row = first; row < end; row += 1) inside[(row - top) * width + column - left] = 1;
  return { left, top, width, height: bottom - top, inside, tinted: new Map() };
}

/** Whether a place of the picture is on a mask. @param {Stencil|null} stencil @param {number[]} uv */
export function isOnMask(stencil, [u, v]) {
  if (!stencil) return false;
  const [column, row] = [Math.round(u) - stencil.left, Math.round(v) - stencil.top];
  return column >= 0 && row >= 0 && column < stencil.width && row < stencil.height && stencil.inside[row * stencil.width + column] === 1;
}

/**
 * A mask in a colour: its pixels as a veil, those at its border whole.
 * @param {CanvasRenderingContext2D} to @param {import('./picture_view.js').PictureView} view @param {Stencil|null} stencil
 * @param {number[]} colour @param {{isSelected?: boolean, isOccluded?: boolean}} look
 */
export function drawMask(to, view, stencil, colour, look) {
  if (!stencil) return;
  const [left, top] = view.toCanvas(stencil.left - 0.5, stencil.top - 0.5);
  to.save();
  to.imageSmoothingEnabled = view.scale < 1;
  to.globalAlpha = look.isOccluded ? 0.6 : 1;
  to.drawImage(tinted(stencil, colour, Boolean(look.isSelected)), left, top, stencil.width * view.scale, stencil.height * view.scale);
  to.restore();
}

/** @param {Stencil} stencil @param {number[]} colour @param {boolean} isSelected */
function tinted(stencil, colour, isSelected) {
  const key = `${colour} ${isSelected}`;
  const found = stencil.tinted.get(key);
  if (found) return found;
  const { inside, width, height } = stencil;
  const made = document.createElement('canvas');
  [made.width, made.height] = [width, height];
  const to = /** @type {CanvasRenderingContext2D} */ (made.getContext('2d'));
  const image = to.createImageData(width, height);
  const border = isSelected ? [255, 255, 255] : colour;
  for (let k = 0; k < inside.length; k += 1) {
    if (!inside[k]) continue;
    const column = k % width;
    const isBorder = column === 0 || column === width - 1 || k < width || k >= inside.length - width || !(inside[k - 1] && inside[k + 1] && inside[k - width] && inside[k + width]);
    image.data.set([...(isBorder ? border : colour), isBorder ? 255 : isSelected ? 130 : 95], 4 * k);
  }
  to.putImageData(image, 0, 0);
  stencil.tinted.set(key, made);
  return made;
}
