// @ts-check
/** Where a picture lies on its canvas: fitted into it, and from there zoomed and moved. Pixels of the picture have their centres at whole numbers. */

const MOST_ZOOM = 40;

export class PictureView {
  /** @param {number} width of the picture, pixels @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** CSS pixels of the canvas */
    this.canvasWidth = 1;
    this.canvasHeight = 1;
    this.zoom = 1;
    /** The picture's place in the middle of the canvas. */
    this.middle = [width / 2 - 0.5, height / 2 - 0.5];
  }

  /** @param {number} width @param {number} height CSS pixels */
  resize(width, height) {
    this.canvasWidth = Math.max(1, width);
    this.canvasHeight = Math.max(1, height);
    this.#keepInside();
  }

  /** CSS pixels a pixel of the picture takes. */
  get scale() {
    return Math.min(this.canvasWidth / this.width, this.canvasHeight / this.height) * this.zoom;
  }

  /** @param {number} u @param {number} v @returns {[number, number]} where a place of the picture is on the canvas */
  toCanvas(u, v) {
    const { scale } = this;
    return [(u - this.middle[0]) * scale + this.canvasWidth / 2, (v - this.middle[1]) * scale + this.canvasHeight / 2];
  }

  /** @param {number} x @param {number} y @returns {[number, number]} which place of the picture is there */
  toPicture(x, y) {
    const { scale } = this;
    return [(x - this.canvasWidth / 2) / scale + this.middle[0], (y - this.canvasHeight / 2) / scale + this.middle[1]];
  }

  /** Nearer or farther; what is at (x, y) stays there. @param {number} factor @param {number} [x] @param {number} [y] */
  zoomBy(factor, x = this.canvasWidth / 2, y = this.canvasHeight / 2) {
    const [u, v] = this.toPicture(x, y);
    this.zoom = Math.max(1, Math.min(MOST_ZOOM, this.zoom * factor));
    const { scale } = this;
    this.middle = [u - (x - this.canvasWidth / 2) / scale, v - (y - this.canvasHeight / 2) / scale];
    this.#keepInside();
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  moveBy(dx, dy) {
    this.middle = [this.middle[0] - dx / this.scale, this.middle[1] - dy / this.scale];
    this.#keepInside();
  }

  reset() {
    this.zoom = 1;
    this.#keepInside();
  }

  /** Shows a box in the middle, with room around it. @param {number[]} box left, top, right, bottom */
  show([left, top, right, bottom]) {
    this.middle = [(left + right) / 2, (top + bottom) / 2];
    const fitted = Math.min(this.canvasWidth / this.width, this.canvasHeight / this.height);
    const wanted = Math.min(this.canvasWidth / (3 * Math.max(8, right - left)), this.canvasHeight / (3 * Math.max(8, bottom - top)));
    this.zoom = Math.max(1, Math.min(MOST_ZOOM, wanted / fitted));
    this.#keepInside();
  }

  #keepInside() {
    const { scale } = this;
    for (const [k, size, room] of [[0, this.width, this.canvasWidth], [1, this.height, this.canvasHeight]]) {
      const half = room / 2 / scale;
      const [low, high] = [half - 0.5, size - 0.5 - half];
      this.middle[k] = low > high ? size / 2 - 0.5 : Math.max(low, Math.min(high, this.middle[k]));
    }
  }
}
