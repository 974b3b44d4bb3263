// @ts-check
/** Names of cuboids over the large view; one that would lie over a nearer one is left out. */

import { el } from './dom.js';
import { axesOf, length, minus, plus, times } from './geometry.js';
import { captionOf } from './taxonomy.js';

const MOST = 120;

export class Plates {
  /** @param {import('./app.js').App} app @param {HTMLElement} over */
  constructor(app, over) {
    this.app = app;
    this.layer = el('div', { class: 'plates', 'aria-hidden': 'true' });
    over.append(this.layer);
    /** @type {Map<string, HTMLElement>} */
    this.plates = new Map();
    /** @type {import('./boxes.js').Shown[]} */
    this.shown = [];
    /** @type {Map<string, number[]>} width and height of plates, which are measured once */
    this.sizes = new Map();
  }

  /** @param {import('./boxes.js').Shown[]} shown */
  show(shown) {
    const { state } = this.app;
    this.shown = state.show.labels ? shown.slice(0, MOST) : shown.filter((one) => one.id === state.selected);
    const wanted = new Set(this.shown.map((one) => one.id));
    for (const [id, plate] of this.plates) {
      if (wanted.has(id)) continue;
      plate.remove();
      this.sizes.delete(id);
      this.plates.delete(id);
    }
    for (const one of this.shown) {
      let plate = this.plates.get(one.id);
      if (!plate) {
        plate = el('span', { class: 'plate' });
        this.plates.set(one.id, plate);
        this.layer.append(plate);
      }
      const text = captionOf(one.name, one.category);
      if (plate.textContent !== text) {
        plate.textContent = text;
        this.sizes.delete(one.id);
      }
      plate.style.borderColor = `rgb(${one.color.join(' ')})`;
      plate.classList.toggle('is-selected', one.id === state.selected);
    }
  }

  /** @param {import('./views.js').BigView} view @param {number[]} anchor */
  place(view, anchor) {
    const { clientWidth: width, clientHeight: height } = view.place;
    const { selected } = this.app.state;
    const found = this.shown.map((one) => {
      const top = minus(plus(one.cuboid.center, times(axesOf(one.cuboid.quat)[2], one.cuboid.size[2] / 2 + 0.25)), anchor);
      const pixel = view.pixel(top);
      const isIn = pixel && pixel[0] > -60 && pixel[1] > -20 && pixel[0] < width + 60 && pixel[1] < height + 20;
      return { id: one.id, pixel: isIn ? pixel : null, distance: one.id === selected ? 0 : length(minus(top, view.camera.position.toArray())) };
    });
    found.sort((a, b) => a.distance - b.distance);
    /** @type {number[][]} left, top, right and bottom of those that are shown */
    const taken = [];
    for (const { id, pixel } of found) {
      const plate = /** @type {HTMLElement} */ (this.plates.get(id));
      const box = pixel && this.#box(id, plate, pixel);
      plate.hidden = !box || taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]);
      if (plate.hidden || !pixel || !box) continue;
      taken.push(box);
      plate.style.transform = `translate(-50%, -100%) translate(${pixel[0].toFixed(1)}px, ${pixel[1].toFixed(1)}px)`;
    }
  }

  /** @param {string} id @param {HTMLElement} plate @param {number[]} pixel where its foot stands */
  #box(id, plate, [u, v]) {
    let size = this.sizes.get(id);
    if (!size) {
      plate.hidden = false; // what is hidden has no size
      size = [plate.offsetWidth, plate.offsetHeight];
      this.sizes.set(id, size);
    }
    return [u - size[0] / 2, v - size[1], u + size[0] / 2, v];
  }
}
