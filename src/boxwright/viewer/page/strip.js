// @ts-check
/** The strip beneath the slider: the selected track's keyframes and the spans between them, tags, findings. It shows all frames, or a part of them. */

import { compare, secondsBetween } from './exact.js';

const [TRACK_PX, TAGS_PX, FINDINGS_PX] = [18, 8, 8];
const HEIGHT_PX = TRACK_PX + TAGS_PX + FINDINGS_PX;
const EDGE_PX = 8; // half the slider's thumb
const DIAMOND_PX = 5; // half of it
const TICK_PX = 3; // narrower ones become one bar with their number
const LEAST = 10; // frames
const COLOURS = { ground: '#1b212d', keyframe: '#ffd640', occluded: '#a58b2f', tag: '#9d8bff', error: '#ff6b5e', warning: '#ffb000', info: '#5aa9ff', recorded: '#4fd1c5', now: '#ffffff' };

/** @typedef {{frame: number, last: number, severity: string}} Mark  of findings, told by the event `findings` */
/** @typedef {{at: number, visibility: string}} Row  a keyframe: pixels, and what it says */
/** @typedef {{from: number, to: number, n: number, gap: number, visibility: string}} Group  from: the first one's pixel; gap: pixels to the nearest other */

export class Strip {
  /** @param {import('./app.js').App} app @param {HTMLCanvasElement} canvas */
  constructor(app, canvas) {
    this.app = app;
    this.canvas = canvas;
    this.first = 0;
    this.last = 0;
    /** @type {Mark[]} */
    this.findings = [];
    /** @type {{of: any[], frames: number[]}} of the track that was drawn last: the frames of its keyframes */
    this.known = { of: [], frames: [] };
  }

  // ------------------------------------------------------------ which frames

  get isWhole() {
    return this.first === 0 && this.last >= this.app.state.nFrames - 1;
  }

  /** All frames. */
  whole() {
    this.first = 0;
    this.last = Math.max(0, this.app.state.nFrames - 1);
  }

  /** Fewer frames, or more, about one that stays where it is. @param {number} factor above 1: more @param {number} about */
  zoom(factor, about) {
    const most = Math.max(0, this.app.state.nFrames - 1);
    const wanted = (this.last - this.first) * factor;
    const span = Math.min(most, Math.max(LEAST, factor > 1 ? Math.ceil(wanted) : Math.floor(wanted)));
    const share = this.last > this.first ? (about - this.first) / (this.last - this.first) : 0.5;
    this.first = Math.max(0, Math.min(most - span, Math.round(about - share * span)));
    this.last = this.first + span;
    this.follow();
  }

  /** Those of the selected track's keyframes, and the one that is shown. */
  ofTrack() {
    const { state, labels } = this.app;
    const frames = (state.selected ? labels.keyframes(state.selected) : []).map((one) => this.nearest(one.body.timestamp_ns));
    if (!frames.length) return;
    const [low, high] = [Math.min(frames[0], state.frame), Math.max(/** @type {number} */ (frames.at(-1)), state.frame)];
    this.last = Math.min(Math.max(0, state.nFrames - 1), Math.max(high, low + LEAST));
    this.first = Math.max(0, Math.min(low, this.last - LEAST));
  }

  /** The frame that is shown is among them. */
  follow() {
    const { frame } = this.app.state;
    const shift = frame < this.first ? frame - this.first : frame > this.last ? frame - this.last : 0;
    this.first += shift;
    this.last += shift;
  }

  /** @param {number} frame @returns {number} pixels */
  x(frame) {
    const width = this.canvas.clientWidth - 2 * EDGE_PX;
    return EDGE_PX + (this.last > this.first ? ((frame - this.first) / (this.last - this.first)) * width : 0);
  }

  /** @param {number} clientX @returns {number} frame */
  at(clientX) {
    const { left, width } = this.canvas.getBoundingClientRect();
    return this.first + ((clientX - left - EDGE_PX) / (width - 2 * EDGE_PX)) * (this.last - this.first);
  }

  /** The frame nearest to a stamp. @param {number|bigint} stamp */
  nearest(stamp) {
    const frames = this.app.state.scene?.frames ?? [];
    let [low, high] = [0, frames.length]; // the first that is not before it
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(frames[middle].timestamp_ns, stamp) < 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || low === frames.length) return Math.max(0, Math.min(low, frames.length - 1));
    return secondsBetween(stamp, frames[low - 1].timestamp_ns) < secondsBetween(frames[low].timestamp_ns, stamp) ? low - 1 : low;
  }

  // ------------------------------------------------------------ drawing

  draw() {
    const { canvas } = this;
    const ratio = Math.min(2, window.devicePixelRatio);
    const width = Math.round(canvas.clientWidth * ratio);
    if (canvas.width !== width || canvas.height !== HEIGHT_PX * ratio) [canvas.width, canvas.height] = [width, HEIGHT_PX * ratio];
    const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.clearRect(0, 0, canvas.clientWidth, HEIGHT_PX);
    this.#track(to);
    this.#recorded(to);
    for (const { body } of this.app.labels.tags) {
      if (!body.span_ns) continue;
      const [first, last] = body.span_ns.map((/** @type {number|bigint} */ stamp) => this.nearest(stamp));
      this.#bar(to, first, last, TRACK_PX + 2, COLOURS.tag);
    }
    const byLength = [...this.findings].sort((a, b) => b.last - b.frame - (a.last - a.frame)); // short ones stay seen over long ones
    for (const one of byLength) {
      to.globalAlpha = 3 * (one.last - one.frame) > this.last - this.first ? 0.45 : 1;
      this.#bar(to, one.frame, one.last, TRACK_PX + TAGS_PX + 2, /** @type {any} */ (COLOURS)[one.severity] ?? COLOURS.info);
    }
    to.globalAlpha = 1;
    to.fillStyle = COLOURS.now;
    to.fillRect(this.x(this.app.state.frame) - 0.75, 0, 1.5, HEIGHT_PX);
  }

  /** @param {CanvasRenderingContext2D} to @param {number} first @param {number} last @param {number} top @param {string} color */
  #bar(to, first, last, top, color) {
    if (last < this.first || first > this.last) return;
    to.fillStyle = color;
    const left = this.x(first) - 2;
    to.fillRect(left, top, Math.max(4, this.x(last) + 2 - left), 5);
  }

  /** Which frames have a sweep, where not all have: a thin line at the top. @param {CanvasRenderingContext2D} to */
  #recorded(to) {
    const { recorded, nFrames } = this.app.state;
    if (recorded.some(([first, last]) => first === 0 && last === nFrames - 1)) return;
    to.fillStyle = COLOURS.recorded;
    for (const [first, last] of recorded) {
      const left = this.x(first) - 1;
      if (first <= this.last && last >= this.first) to.fillRect(left, 0, Math.max(2, this.x(last) + 1 - left), 2);
    }
  }

  /** @param {CanvasRenderingContext2D} to */
  #track(to) {
    const { state, labels, taxonomy } = this.app;
    const track = state.selected ? labels.get(state.selected) : undefined;
    to.fillStyle = COLOURS.ground;
    to.fillRect(0, 0, this.canvas.clientWidth, TRACK_PX);
    if (!track) return;
    const list = labels.keyframes(track.id);
    if (list !== this.known.of) this.known = { of: list, frames: list.map((one) => this.nearest(one.body.timestamp_ns)) };
    const rows = this.known.frames.map((frame, k) => ({ at: this.x(frame), visibility: list[k].body.visibility }));
    const [red, green, blue] = taxonomy.color(track.body.category);
    rows.slice(0, -1).forEach((one, k) => {
      if (one.visibility === 'outside') return;
      to.fillStyle = `rgb(${red} ${green} ${blue} / ${one.visibility === 'occluded' ? 0.35 : 0.7})`;
      to.fillRect(one.at, 6, rows[k + 1].at - one.at, TRACK_PX - 12);
    });
    for (const one of grouped(rows)) if (one.to >= -DIAMOND_PX && one.from <= this.canvas.clientWidth + DIAMOND_PX) drawGroup(to, one);
  }
}

/** Keyframes that are too near to each other to be told apart are one. @param {Row[]} rows by time @returns {Group[]} */
export function grouped(rows) {
  /** @type {Group[]} */
  const found = [];
  rows.forEach(({ at, visibility }, k) => {
    const before = k ? at - rows[k - 1].at : Infinity;
    const after = k + 1 < rows.length ? rows[k + 1].at - at : Infinity;
    const last = found.at(-1);
    if (last && before < TICK_PX && last.visibility === visibility) {
      last.to = at;
      last.n += 1;
    } else found.push({ from: at, to: at, n: 1, gap: Math.min(before, after), visibility });
  });
  return found;
}

/** A diamond where there is room for it, else a tick; many as a bar with their number. @param {CanvasRenderingContext2D} to @param {Group} one */
function drawGroup(to, one) {
  to.strokeStyle = one.visibility === 'occluded' ? COLOURS.occluded : COLOURS.keyframe;
  to.fillStyle = one.visibility === 'outside' ? COLOURS.ground : to.strokeStyle;
  to.beginPath();
  if (one.n === 1 && one.gap > 2 * DIAMOND_PX + 1) {
    const middle = TRACK_PX / 2;
    const high = middle - 3;
    to.moveTo(one.from, middle - high);
    to.lineTo(one.from + DIAMOND_PX, middle);
    to.lineTo(one.from, middle + high);
    to.lineTo(one.from - DIAMOND_PX, middle);
    to.closePath();
  } else {
    const half = one.n > 1 ? 1 : Math.max(0.5, Math.min(DIAMOND_PX, one.gap - 2) / 2);
    to.rect(one.from - half, 3, one.to - one.from + 2 * half, TRACK_PX - 6);
  }
  to.fill();
  if (one.visibility === 'outside') to.stroke();
  const text = String(one.n);
  to.font = '600 10px system-ui, sans-serif';
  if (one.n === 1 || to.measureText(text).width + 6 > one.to - one.from) return;
  to.fillStyle = one.visibility === 'outside' ? COLOURS.keyframe : '#10141c';
  to.textAlign = 'center';
  to.textBaseline = 'middle';
  to.fillText(text, (one.from + one.to) / 2, TRACK_PX / 2 + 0.5);
}
