// @ts-check
/** Points and cuboids in four views of one canvas, drawn when something has changed and never otherwise. */

import * as THREE from './vendor/three.module.js';
import { ApiError } from './api.js';
import { Boxes, Grid, Trails } from './boxes.js';
import { Cloud } from './cloud.js';
import { el, put } from './dom.js';
import { corners, length, minus } from './geometry.js';
import { cuboidOf } from './labels.js';
import { startLasso } from './lasso.js';
import { Plates } from './plates.js';
import { startPointer } from './pointer.js';
import { BigView, SideView } from './views.js';

/** @typedef {import('./state.js').Cuboid} Cuboid */
/** @typedef {import('./boxes.js').Shown} Shown */

const NO_CLASS = [96, 105, 122];
const GRASPABLE_PX = 110; // width and height of a cuboid that has handles
const REST_MS = 250; // without a movement
const [SMOOTH_MS, SLOW_MS] = [25, 45];
const LEAST_POINTS = 20_000;
const FAR_M = 300; // how far the anchor may be from the vehicle

export class Space {
  /** @param {import('./app.js').App} app @param {HTMLElement} place */
  constructor(app, place) {
    this.app = app;
    this.place = place;
    this.canvas = el('canvas', { testid: 'canvas', 'aria-hidden': 'true' });
    const view = (/** @type {string} */ name, /** @type {string} */ title) =>
      el('div', { class: `view view-${name}`, testid: `view-${name}`, tabindex: '0', role: 'application', 'aria-label': `${title} view` }, el('span', { class: 'view-title' }, title));
    const places = { big: view('big', 'Perspective'), top: view('top', 'Top'), side: view('side', 'Side'), front: view('front', 'Front') };
    this.legend = el('div', { class: 'legend', testid: 'legend', hidden: true });
    put(places.big, this.legend);
    put(place, this.canvas, places.big, places.top, places.side, places.front);
    this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: false, powerPreference: 'high-performance' });
    THREE.ColorManagement.enabled = false;
    this.renderer.outputColorSpace = THREE.LinearSRGBColorSpace;
    this.renderer.setScissorTest(true);
    this.renderer.autoClear = false;
    this.scene = new THREE.Scene();
    this.cloud = new Cloud();
    this.boxes = new Boxes();
    this.others = new Boxes();
    /** @type {Shown[]} cuboids of another labelling, laid over these */
    this.otherShown = [];
    this.trails = new Trails();
    this.grid = new Grid();
    this.scene.add(this.grid.mesh, this.cloud.mesh, this.cloud.thin, this.cloud.near, this.trails.mesh, this.others.group, this.boxes.group);
    this.big = new BigView(places.big, () => this.move());
    this.sides = [new SideView('top', places.top), new SideView('side', places.side), new SideView('front', places.front)];
    this.plates = new Plates(app, places.big);
    /** The place in the label frame that everything is drawn from: float32 is fine near it. */
    this.anchor = [0, 0, 0];
    /** @type {number[][]|null} */
    this.egoFrom = null;
    /** @type {Shown[]} */
    this.shown = [];
    /** @type {string|null} a track that somebody looks for, until it is in the middle */
    this.sought = null;
    this.egoAbove = 0;
    this.isGroundAsked = false;
    this.isDrawing = false;
    this.isFirst = true;
    this.drawn = 0;
    this.nearKey = '';
    /** How many points are drawn while the view moves: as many as the machine draws smoothly. */
    this.budget = Infinity;
    this.movedAt = 0;
    this.isMoving = false;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.resting = undefined;
    new ResizeObserver(() => this.resize()).observe(place);
  }

  // ------------------------------------------------------------ what there is

  /** The cuboid of a track in the frame that is shown, dragged ones as they are now. @param {string} id @returns {Cuboid|null} */
  cuboidOf(id) {
    return this.shown.find((one) => one.id === id)?.cuboid ?? null;
  }

  /** The cuboids of the frame: keyframes as this page has them, all others as the server interpolated them. @returns {Shown[]} */
  #list() {
    const { state, labels, frames, taxonomy } = this.app;
    if (frames.rowsFrame !== state.frame) return [];
    const rows = new Map(frames.rows.map((row) => [row.track_id, row]));
    const stamp = state.stamp();
    const tracks = labels.cuboidTracks;
    const found = [];
    const known = new Set();
    for (const track of tracks) {
      const { track_id: name, category } = track.body;
      known.add(name);
      const keyframe = labels.keyframeAt(track.id, stamp);
      const row = rows.get(name);
      if (keyframe ? keyframe.body.visibility === 'outside' : !row) continue;
      const dragged = state.draft?.trackId === track.id ? state.draft.cuboid : null;
      const visibility = keyframe?.body.visibility ?? /** @type {any} */ (row)?.visibility ?? 'visible';
      const cuboid = dragged ?? cuboidOf(keyframe?.body ?? row);
      found.push({ id: track.id, name, category, cuboid, color: taxonomy.color(category), isKeyframe: Boolean(keyframe), visibility });
    }
    if (!tracks.length && labels.isEmpty) {
      for (const row of frames.rows) {
        found.push({ id: row.track_id, name: row.track_id, category: row.category, cuboid: cuboidOf(row), color: taxonomy.color(row.category), isKeyframe: false, visibility: 'visible' });
      }
    }
    return found;
  }

  // ------------------------------------------------------------ what changes

  /** Another frame has come, in whole or in part. */
  showPoints() {
    const { frames, state } = this.app;
    if (!frames.place || frames.pointsFrame !== state.frame || frames.rowsFrame !== state.frame) return;
    this.#moveAnchor(frames.place.ego);
    this.cloud.show(frames.points, frames.place.lidar);
    this.cloud.place(this.anchor);
    this.paint();
    this.grid.place(this.egoFrom, this.anchor, this.egoAbove);
    if (frames.points && !this.isGroundAsked) void this.#findGround();
    if (this.isFirst) {
      this.isFirst = false;
      this.big.home(this.egoFrom, this.anchor);
    }
    this.showLabels();
    this.app.state.tell('framed');
  }

  /** How high the vehicle's origin is above the ground, which the grid lies on; the same for the whole scene. */
  async #findGround() {
    const { api, state } = this.app;
    const { scene, frame } = state;
    this.isGroundAsked = true;
    const said = await api.get(`/scenes/${scene?.id}/frames/${frame}/ground`, { sensor: scene?.lidars[0]?.name }).catch((error) => error);
    if (scene !== state.scene) return;
    if (said instanceof ApiError && said.isPassing) this.isGroundAsked = false; // at the next frame again
    if (typeof said.ego_above_m !== 'number') return;
    this.egoAbove = said.ego_above_m;
    this.grid.place(this.egoFrom, this.anchor, this.egoAbove);
    this.draw();
  }

  /** The vehicle has moved: the eye goes with it, and the anchor where it would be too far away. @param {number[][]|null} egoFrom */
  #moveAnchor(egoFrom) {
    const before = this.egoFrom;
    const old = this.anchor;
    this.egoFrom = egoFrom;
    const at = egoFrom ? [0, 1, 2].map((k) => egoFrom[k][3]) : [0, 0, 0];
    if (length(minus(at, old)) > FAR_M || this.isFirst) this.anchor = at.map(Math.round);
    if (this.isFirst) return;
    const shift = minus(old, this.anchor);
    if (before && egoFrom && this.app.state.show.follow) {
      this.big.carry(matrixOf(egoFrom, this.anchor).multiply(matrixOf(before, old).invert()));
    } else if (length(shift) > 0) this.big.carry(new THREE.Matrix4().makeTranslation(shift[0], shift[1], shift[2]));
  }

  /** Colours the points, where they are not yet. @param {boolean} [isAnew] in any case: classes have other colours */
  paint(isAnew = false) {
    const { state, frames, taxonomy } = this.app;
    this.cloud.material.size = state.show.pointSize * this.renderer.getPixelRatio();
    if (this.cloud.mode === state.show.colour && !isAnew) return;
    this.cloud.paint(state.show.colour, (id) => {
      const name = frames.className(id);
      return name ? taxonomy.color(name) : NO_CLASS;
    });
    this.#showLegend();
    this.nearKey = '';
  }

  #showLegend() {
    const { legend, points } = this.cloud;
    this.legend.hidden = Boolean(points) && !legend;
    if (!points) this.legend.replaceChildren('no sweep in this frame');
    else if (legend) this.legend.replaceChildren(el('span', {}, legend.low), el('span', { class: 'ramp', 'aria-hidden': 'true' }), el('span', {}, legend.high));
  }

  showLabels() {
    const { state } = this.app;
    this.shown = this.#list();
    this.boxes.show(this.shown, state.selected, this.anchor);
    this.others.show(this.otherShown, null, this.anchor);
    this.trails.mesh.visible = state.show.trails;
    this.grid.mesh.visible = state.show.grid;
    this.#makeTrails();
    if (!state.draft) this.#lookSides();
    this.plates.show(this.shown);
    if (!state.draft) state.tell('shown');
    this.#meet();
    this.draw();
  }

  /** Brings a track into the middle, as soon as its frame is shown. @param {string|null} id of its entity */
  seek(id) {
    this.sought = id;
    this.#meet();
  }

  #meet() {
    const { state, frames } = this.app;
    if (!this.sought || [frames.rowsFrame, frames.pointsFrame].some((one) => one !== state.frame)) return;
    const one = this.sought === state.selected ? this.cuboidOf(this.sought) : null;
    this.sought = null;
    if (one) this.big.near(one, this.anchor);
    this.app.pictures?.lookAtSelected();
  }

  #makeTrails() {
    const { frames, labels, taxonomy, state } = this.app;
    if (!state.show.trails) return;
    const shown = frames.trailsFrame === state.frame ? frames.trails : [];
    const list = shown.map((one) => ({ places_m: one.places_m, color: taxonomy.color(labels.named(one.track_id)?.body.category ?? 'other') }));
    this.trails.show(list, this.anchor);
  }

  /** The three views that are locked to the selected cuboid. */
  #lookSides() {
    const { state, frames } = this.app;
    const one = state.selected ? this.cuboidOf(state.selected) : null;
    for (const view of this.sides) {
      view.lookAt(one, this.anchor);
      view.place.dataset.empty = one ? '' : 'yes';
    }
    const key = one ? `${frames.pointsFrame} ${this.cloud.mode} ${one.center} ${one.size}` : '';
    if (key === this.nearKey) return;
    this.nearKey = key;
    this.cloud.showNear(one ? minus(one.center, this.anchor) : [], one ? 0.9 * length(one.size) + 4 : 0);
  }

  /** Another zoom of a side view. @param {SideView} view @param {number} factor */
  zoomSide(view, factor) {
    view.zoom = Math.max(0.2, Math.min(6, view.zoom * factor));
    view.lookAt(view.around, this.anchor);
    this.draw();
  }

  // ------------------------------------------------------------ drawing

  resize() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
    this.renderer.setSize(width, height, false);
    this.big.resize();
    this.#lookSides();
    this.draw();
  }

  /** The view, or a cuboid, is on its way: with fewer points, where all of them cannot be drawn smoothly, until it rests. */
  move() {
    if (!this.isMoving) this.movedAt = 0;
    this.isMoving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.isMoving = false;
      if (this.cloud.thin.visible) this.draw();
    }, REST_MS);
    this.draw();
  }

  /** How long the last picture took says how many points the next one has. */
  #adapt() {
    const now = performance.now();
    const taken = this.movedAt ? now - this.movedAt : 0;
    this.movedAt = now;
    const drawn = Math.min(this.budget, this.cloud.n);
    if (taken > SLOW_MS) this.budget = Math.max(LEAST_POINTS, drawn * Math.max(0.3, SMOOTH_MS / taken));
    else if (taken && taken < SMOOTH_MS && this.budget < this.cloud.n) this.budget *= 1.15;
  }

  /** Soon, and once for however many changes there are. */
  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    if (this.isMoving) this.#adapt();
    this.cloud.thinTo(this.isMoving ? this.budget : Infinity);
    const whole = this.canvas.getBoundingClientRect();
    this.renderer.setScissor(0, 0, whole.width, whole.height);
    this.renderer.setClearColor(0x2a3140, 1);
    this.renderer.clear();
    this.boxes.handles.visible = this.#isGraspable();
    this.#drawView(this.big.place, this.big.camera, whole, 0x0d1016);
    for (const view of this.sides) this.#drawView(view.place, view.camera, whole, 0x10141c, !view.around);
    this.plates.place(this.big, this.anchor);
    this.drawn += 1;
    this.place.dataset.drawn = String(this.drawn);
  }

  /** @param {HTMLElement} place @param {THREE.Camera} camera @param {DOMRect} whole @param {number} ground @param {boolean} [isEmpty] */
  #drawView(place, camera, whole, ground, isEmpty = false) {
    const box = place.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return;
    const [x, y] = [box.left - whole.left, whole.bottom - box.bottom];
    this.renderer.setViewport(x, y, box.width, box.height);
    this.renderer.setScissor(x, y, box.width, box.height);
    this.renderer.setClearColor(ground, 1);
    this.renderer.clear();
    if (!isEmpty) this.renderer.render(this.scene, camera);
  }

  /** Whether the selected cuboid is large enough in the large view for its handles, which would hide it else. */
  #isGraspable() {
    const one = this.app.state.selected ? this.cuboidOf(this.app.state.selected) : null;
    const pixels = one ? corners(one).map((at) => this.big.pixel(minus(at, this.anchor))) : [];
    if (pixels.some((at) => !at)) return true; // about the eye
    const [us, vs] = [0, 1].map((axis) => pixels.map((at) => /** @type {number[]} */ (at)[axis]));
    return Math.max(...us) - Math.min(...us) + Math.max(...vs) - Math.min(...vs) >= GRASPABLE_PX;
  }

  /** The selected cuboid in the middle. */
  lookAtSelected() {
    const { selected } = this.app.state;
    const one = selected ? this.cuboidOf(selected) : null;
    if (one) this.big.near(one, this.anchor);
  }

  /** @param {Cuboid} one in the middle */
  lookAt(one) {
    this.big.near(one, this.anchor);
  }

  /** Cuboids of another labelling, none to take them away. @param {Shown[]} shown */
  showOthers(shown) {
    if (!shown.length && !this.otherShown.length) return;
    this.otherShown = shown;
    this.others.show(shown, null, this.anchor);
    this.draw();
  }

  /** Whether a cuboid is in the large view. @param {Cuboid} one */
  isInSight(one) {
    return corners(one).some((at) => {
      const pixel = this.big.pixel(minus(at, this.anchor));
      return pixel && pixel[0] > 0 && pixel[1] > 0 && pixel[0] < this.big.place.clientWidth && pixel[1] < this.big.place.clientHeight;
    });
  }
}

/** @param {number[][]} rows @param {number[]} anchor */
function matrixOf(rows, anchor) {
  const [a, b, c] = rows;
  return new THREE.Matrix4().set(a[0], a[1], a[2], a[3] - anchor[0], b[0], b[1], b[2], b[3] - anchor[1], c[0], c[1], c[2], c[3] - anchor[2], 0, 0, 0, 1);
}

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startSpace(app, place) {
  const space = new Space(app, place);
  const { state } = app;
  state.on('scene', () => {
    space.isFirst = true;
    space.egoFrom = null;
    [space.egoAbove, space.isGroundAsked] = [0, false];
  });
  state.on('points', () => space.showPoints());
  state.on('cuboids', () => space.showPoints());
  state.on('labels', () => space.showLabels());
  state.on('draft', () => {
    space.showLabels();
    if (state.draft) space.move();
  });
  state.on('taxonomy', () => {
    space.paint(true);
    space.showLabels();
  });
  state.on('selection', () => {
    space.showLabels();
    const one = state.selected ? space.cuboidOf(state.selected) : null;
    if (one && !space.isInSight(one)) space.lookAtSelected();
  });
  state.on('seek', ({ trackId }) => space.seek(trackId === undefined ? null : (app.labels.named(trackId)?.id ?? null)));
  state.on('show', () => {
    if (state.show.trails && app.frames.trailsFrame !== state.frame) void app.frames.reload();
    space.paint();
    space.showLabels();
  });
  startLasso(app, space);
  startPointer(app, space);
  return space;
}
