// @ts-check
/** Frames in a row: the selected track's keyframes and the spans between them, tags, findings; scrubbing and playing. */

import { button, el, onceADrawing, put } from './dom.js';
import { secondsBetween } from './exact.js';

const ROWS = [['track', 18], ['tags', 8], ['findings', 8]];
const COLOURS = { between: '#7d8799', occluded: '#4d5566', keyframe: '#ffd640', tag: '#9d8bff', error: '#ff6b5e', warning: '#ffb000', info: '#5aa9ff', now: '#ffffff' };

/**
 * Of findings, told by the event `findings`.
 * @typedef {{frame: number, last: number, severity: string}} Mark
 */

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTimeline(app, place) {
  const { state, labels, taxonomy } = app;
  const range = el('input', { type: 'range', min: 0, max: 0, step: 1, testid: 'scrub', 'aria-label': 'Frame', class: 'scrub', on: { input: () => state.go(Number(range.value)) } });
  const number = el('input', { type: 'number', min: 0, step: 1, testid: 'frame', 'aria-label': 'Frame number', on: { change: () => state.go(number.valueAsNumber) } });
  const all = el('span', { class: 'all-frames', testid: 'frames' });
  const time = el('span', { class: 'time', testid: 'time' });
  const play = button('▶', 'play', () => state.tell('play'), { title: 'Play (Space)', 'aria-label': 'Play' });
  const canvas = el('canvas', { class: 'strip', testid: 'strip', 'aria-hidden': 'true' });
  put(
    place,
    el('div', { class: 'row' },
      button('|◀', 'first', () => state.go(0), { title: 'First frame (Home)', 'aria-label': 'First frame' }),
      button('◀', 'previous', () => state.go(state.frame - 1), { title: 'Frame before (←)', 'aria-label': 'Frame before' }),
      play,
      button('▶|', 'next', () => state.go(state.frame + 1), { title: 'Next frame (→)', 'aria-label': 'Next frame' }),
      number, all, time,
      el('div', { class: 'tracks-of-time' }, range, canvas),
    ),
  );
  /** @type {Mark[]} */
  let findings = [];

  const x = (/** @type {number} */ frame) => {
    const width = canvas.clientWidth - 16; // as wide as the way of the slider's thumb
    return 8 + (state.nFrames > 1 ? (frame / (state.nFrames - 1)) * width : 0);
  };

  const draw = () => {
    const ratio = Math.min(2, window.devicePixelRatio);
    const height = ROWS.reduce((sum, [, one]) => sum + Number(one), 0);
    if (canvas.width !== Math.round(canvas.clientWidth * ratio) || canvas.height !== height * ratio) {
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = height * ratio;
    }
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, height);
    drawTrack(context, 0, 18);
    for (const one of labels.tags) {
      if (!one.body.span_ns) continue;
      const [a, b] = one.body.span_ns.map((/** @type {number|bigint} */ stamp) => nearest(stamp));
      bar(context, a, b, 20, 5, COLOURS.tag);
    }
    for (const one of findings) bar(context, one.frame, one.last, 28, 5, /** @type {any} */ (COLOURS)[one.severity] ?? COLOURS.info);
    context.fillStyle = COLOURS.now;
    context.fillRect(x(state.frame) - 0.75, 0, 1.5, height);
  };

  /** @param {CanvasRenderingContext2D} context @param {number} first @param {number} last @param {number} top @param {number} height @param {string} color */
  const bar = (context, first, last, top, height, color) => {
    context.fillStyle = color;
    const left = x(first) - 2;
    context.fillRect(left, top, Math.max(4, x(last) + 2 - left), height);
  };

  /** @param {CanvasRenderingContext2D} context @param {number} top @param {number} height */
  const drawTrack = (context, top, height) => {
    const track = state.selected ? labels.get(state.selected) : undefined;
    context.fillStyle = '#1b212d';
    context.fillRect(0, top, canvas.clientWidth, height);
    if (!track) return;
    const rows = labels.keyframes(track.id).map((one) => ({ at: x(nearest(one.body.timestamp_ns)), visibility: one.body.visibility }));
    const [red, green, blue] = taxonomy.color(track.body.category);
    rows.forEach((one, k) => {
      if (one.visibility === 'outside' || k + 1 >= rows.length) return;
      context.fillStyle = `rgb(${red} ${green} ${blue} / ${one.visibility === 'occluded' ? 0.35 : 0.7})`;
      context.fillRect(one.at, top + 6, rows[k + 1].at - one.at, height - 12);
    });
    for (const one of rows) {
      context.beginPath();
      context.moveTo(one.at, top + 3);
      context.lineTo(one.at + 5, top + height / 2);
      context.lineTo(one.at, top + height - 3);
      context.lineTo(one.at - 5, top + height / 2);
      context.closePath();
      context.fillStyle = one.visibility === 'outside' ? '#1b212d' : COLOURS.keyframe;
      context.strokeStyle = COLOURS.keyframe;
      context.fill();
      context.stroke();
    }
  };

  /** The frame nearest to a stamp. @param {number|bigint} stamp */
  const nearest = (stamp) => {
    const exact = state.frameAt(stamp);
    if (exact >= 0) return exact;
    const frames = state.scene?.frames ?? [];
    let best = 0;
    frames.forEach((one, i) => {
      if (Math.abs(secondsBetween(one.timestamp_ns, stamp)) < Math.abs(secondsBetween(frames[best].timestamp_ns, stamp))) best = i;
    });
    return best;
  };

  const later = onceADrawing(draw);

  const showFrame = () => {
    range.max = String(Math.max(0, state.nFrames - 1));
    range.value = number.value = String(state.frame);
    number.max = range.max;
    all.textContent = `of ${state.nFrames}`;
    time.textContent = state.scene?.hasTime && state.nFrames ? `${secondsBetween(state.stamp(), state.stamp(0)).toFixed(2)} s` : '';
    later();
  };

  const seek = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    state.go(((event.clientX - box.left - 8) / (box.width - 16)) * (state.nFrames - 1));
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    seek(event);
  });
  canvas.addEventListener('pointermove', (event) => event.buttons && seek(event));

  // ------------------------------------------------------------ playing

  /** A frame after the other, each when it is due and the one before has been shown. */
  const run = async () => {
    while (state.isPlaying && state.frame < state.nFrames - 1) {
      const due = state.scene?.hasTime ? Math.min(1000, Math.max(20, 1000 * secondsBetween(state.stamp(state.frame + 1), state.stamp()))) : 200;
      const shown = new Promise((resolve) => state.addEventListener('framed', resolve, { once: true }));
      state.go(state.frame + 1);
      await Promise.all([Promise.race([shown, pause(3000)]), pause(due)]);
    }
    state.isPlaying = false;
    show();
  };
  const pause = (/** @type {number} */ milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const show = () => {
    play.textContent = state.isPlaying ? '⏸' : '▶';
    play.setAttribute('aria-label', state.isPlaying ? 'Stop' : 'Play');
  };
  state.on('play', () => {
    state.isPlaying = !state.isPlaying;
    if (state.isPlaying && state.frame >= state.nFrames - 1) state.go(0);
    show();
    if (state.isPlaying) void run();
  });

  state.on('findings', (marks) => {
    findings = marks;
    later();
  });
  for (const name of ['scene', 'frame']) state.on(name, showFrame);
  for (const name of ['labels', 'selection', 'taxonomy']) state.on(name, later);
  new ResizeObserver(later).observe(canvas);
}
