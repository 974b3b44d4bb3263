// @ts-check
/** Frames in a row: scrubbing, playing, and how many of them are shown. */

import { button, el, onceADrawing, put } from './dom.js';
import { secondsBetween } from './exact.js';
import { Strip } from './strip.js';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTimeline(app, place) {
  const { state } = app;
  const range = el('input', { type: 'range', min: 0, max: 0, step: 1, testid: 'scrub', 'aria-label': 'Frame', class: 'scrub', on: { input: () => state.go(Number(range.value)) } });
  const number = el('input', { type: 'number', min: 0, step: 1, testid: 'frame', 'aria-label': 'Frame number', on: { change: () => state.go(number.valueAsNumber) } });
  const all = el('span', { class: 'all-frames', testid: 'frames' });
  const time = el('span', { class: 'time', testid: 'time' });
  const play = button('▶', 'play', () => state.tell('play'), { title: 'Play (Space)', 'aria-label': 'Play' });
  const canvas = el('canvas', { class: 'strip', testid: 'strip', 'aria-hidden': 'true', title: 'The wheel shows fewer frames, or more' });
  const strip = new Strip(app, canvas);
  const part = el('span', { class: 'part', testid: 'part' });
  const zoom = (/** @type {number} */ factor, /** @type {number} */ about) => {
    strip.zoom(factor, about);
    showFrame();
  };
  const ofTrack = button('Track', 'time-track', () => {
    strip.ofTrack();
    showFrame();
  }, { title: 'The selected track alone on the timeline', 'aria-label': 'Track alone on the timeline' });
  const whole = button('All', 'time-all', () => showAll(), { title: 'All frames on the timeline', 'aria-label': 'All frames on the timeline' });
  put(
    place,
    el('div', { class: 'row' },
      button('|◀', 'first', () => state.go(0), { title: 'First frame (Home)', 'aria-label': 'First frame' }),
      button('◀', 'previous', () => state.go(state.frame - 1), { title: 'Frame before (←)', 'aria-label': 'Frame before' }),
      play,
      button('▶|', 'next', () => state.go(state.frame + 1), { title: 'Next frame (→)', 'aria-label': 'Next frame' }),
      number, all, time,
      el('div', { class: 'tracks-of-time' }, range, canvas),
      part,
      button('−', 'time-out', () => zoom(2, state.frame), { title: 'More frames on the timeline', 'aria-label': 'More frames on the timeline' }),
      button('+', 'time-in', () => zoom(0.5, state.frame), { title: 'Fewer frames on the timeline', 'aria-label': 'Fewer frames on the timeline' }),
      ofTrack, whole,
    ),
  );
  const later = onceADrawing(() => strip.draw());

  const showFrame = () => {
    strip.follow();
    range.min = String(strip.first);
    range.max = String(strip.last);
    range.value = number.value = String(state.frame);
    number.max = String(Math.max(0, state.nFrames - 1));
    all.textContent = `in 0 … ${Math.max(0, state.nFrames - 1)}`;
    whole.disabled = strip.isWhole;
    ofTrack.disabled = !state.selected;
    part.textContent = strip.isWhole ? '' : `${strip.first} to ${strip.last}`;
    time.textContent = state.scene?.hasTime && state.nFrames ? `${secondsBetween(state.stamp(), state.stamp(0)).toFixed(2)} s` : '';
    later();
  };

  const showAll = () => {
    strip.whole();
    showFrame();
  };

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    state.go(strip.at(event.clientX));
  });
  canvas.addEventListener('pointermove', (event) => event.buttons && state.go(strip.at(event.clientX)));
  place.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      zoom(Math.exp(0.002 * event.deltaY), strip.at(event.clientX));
    },
    { passive: false },
  );

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
    strip.findings = marks;
    later();
  });
  state.on('scene', showAll);
  state.on('frame', showFrame);
  state.on('selection', showFrame);
  for (const name of ['labels', 'taxonomy']) state.on(name, later);
  new ResizeObserver(later).observe(canvas);
}
