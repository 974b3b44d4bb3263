// @ts-check
/** Names of cuboids over the large view. */

import { el } from './dom.js';
import { axesOf, minus, plus, times } from './geometry.js';
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
  }

  /** @param {import('./boxes.js').Shown[]} shown */
  show(shown) {
    const { state } = this.app;
    this.shown = state.show.labels ? shown.slice(0, MOST) : shown.filter((one) => one.id === state.selected);
    const wanted = new Set(this.shown.map((one) => one.id));
    for (const [id, plate] of this.plates) {
      if (wanted.has(id)) continue;
      plate.remove();
      this.plates.delete(id);
    }
    for (const one of this.shown) {
      let plate = this.plates.get(one.id);
      if (!plate) {
        plate = el('span', { class: 'plate' });
        this.plates.set(one.id, plate);
        this.layer.append(plate);
      }
      plate.textContent = captionOf(one.name, one.category);
      plate.style.borderColor = `rgb(${one.color.join(' ')})`;
      plate.classList.toggle('is-selected', one.id === state.selected);
    }
  }

  /** @param {import('./views.js').BigView} view @param {number[]} anchor */
  place(view, anchor) {
    const { clientWidth: width, clientHeight: height } = view.place;
    for (const one of this.shown) {
      const plate = /** @type {HTMLElement} */ (this.plates.get(one.id));
      const top = plus(one.cuboid.center, times(axesOf(one.cuboid.quat)[2], one.cuboid.size[2] / 2 + 0.25));
      const pixel = view.pixel(minus(top, anchor));
      const isIn = pixel && pixel[0] > -60 && pixel[1] > -20 && pixel[0] < width + 60 && pixel[1] < height + 20;
      plate.hidden = !isIn;
      if (isIn && pixel) plate.style.transform = `translate(-50%, -100%) translate(${pixel[0].toFixed(1)}px, ${pixel[1].toFixed(1)}px)`;
    }
  }
}
