// @ts-check
/** The mouse in the views: a click selects or fits, a drag moves, turns or resizes the selected cuboid, and else looks around. */

import { handlesOf } from './boxes.js';
import { alongLine, axesOf, dot, faceMoved, minus, moved, plus, rayMeets, rayOnPlane, times, turned } from './geometry.js';

/** @typedef {import('./state.js').Cuboid} Cuboid */
/** @typedef {(event: PointerEvent) => Cuboid|null} Follow  what the cuboid is while the pointer is there */

const NEAR_PX = 10;
const MOVED_PX = 4;

/** @param {import('./app.js').App} app @param {import('./space.js').Space} space */
export function startPointer(app, space) {
  const { state, verbs } = app;

  /** @param {PointerEvent|MouseEvent} event @param {HTMLElement} place @returns {[number, number]} */
  const pixel = (event, place) => {
    const box = place.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** The selected cuboid, from the anchor. @returns {Cuboid|null} */
  const selected = () => {
    const one = state.selected ? space.cuboidOf(state.selected) : null;
    return one ? { ...one, center: minus(one.center, space.anchor) } : null;
  };
  /** @param {Cuboid} local @returns {Cuboid} */
  const inLabels = (local) => ({ ...local, center: plus(local.center, space.anchor) });

  /**
   * Follows the pointer until it is let go; then the cuboid is set.
   * @param {PointerEvent} start @param {HTMLElement} place @param {Follow} follow @param {string} what
   */
  const drag = (start, place, follow, what) => {
    if (!state.selected || !verbs.isAllowed) return;
    const trackId = state.selected;
    const frame = state.frame;
    place.setPointerCapture(start.pointerId);
    space.big.controls.enabled = false;
    space.big.flight = null;
    let isMoved = false;
    const move = (/** @type {PointerEvent} */ event) => {
      isMoved = isMoved || Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > 2;
      const next = isMoved ? follow(event) : null;
      if (!next || state.frame !== frame) return;
      state.draft = { trackId, cuboid: inLabels(next) };
      state.tell('draft');
    };
    const end = (/** @type {PointerEvent} */ event) => {
      place.removeEventListener('pointermove', move);
      place.removeEventListener('pointerup', end);
      place.removeEventListener('pointercancel', end);
      document.removeEventListener('keydown', leave, true);
      space.big.controls.enabled = true;
      const { draft } = state;
      state.draft = null;
      if (draft && event.type === 'pointerup' && state.frame === frame) verbs.setCuboid(trackId, draft.cuboid, what);
      else space.showLabels();
    };
    const leave = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      end(new PointerEvent('pointercancel'));
    };
    place.addEventListener('pointermove', move);
    place.addEventListener('pointerup', end);
    place.addEventListener('pointercancel', end);
    document.addEventListener('keydown', leave, true);
  };

  // ------------------------------------------------------------ the large view

  const { big } = space;

  /** @param {number} u @param {number} v */
  const handleAt = (u, v) => {
    const one = selected();
    if (!one || !space.boxes.handles.visible) return null;
    let best = null;
    let least = NEAR_PX;
    for (const handle of handlesOf(one)) {
      const at = big.pixel(handle.at);
      const d = at ? Math.hypot(at[0] - u, at[1] - v) : Infinity;
      if (d < least) [best, least] = [handle, d];
    }
    return best;
  };

  /** The cuboid under a pixel, the nearest to the eye. @param {number} u @param {number} v */
  const cuboidAt = (u, v) => {
    const [from, along] = big.ray(u, v);
    let best = null;
    let least = Infinity;
    for (const one of space.shown) {
      const t = rayMeets(from, along, { ...one.cuboid, center: minus(one.cuboid.center, space.anchor) });
      if (t !== null && t < least) [best, least] = [one, t];
    }
    return best;
  };

  /** @param {PointerEvent} event @param {number} u @param {number} v @returns {[Follow, string]|null} */
  const dragInBig = (event, u, v) => {
    const one = selected();
    if (!one) return null;
    const [from, along] = big.ray(u, v);
    const axes = axesOf(one.quat);
    const handle = handleAt(u, v);
    if (handle?.kind === 'turn') {
      const angle = (/** @type {PointerEvent} */ now) => {
        const hit = rayOnPlane(...big.ray(...pixel(now, big.place)), one.center, axes[2]);
        return hit ? Math.atan2(dot(minus(hit, one.center), axes[1]), dot(minus(hit, one.center), axes[0])) : null;
      };
      const first = angle(event) ?? 0;
      return [(now) => ((next) => (next === null ? null : turned(one, next - first)))(angle(now)), 'turn'];
    }
    if (handle) {
      const axis = times(axes[handle.axis], handle.sign);
      const first = alongLine(from, along, handle.at, axis);
      if (first === null) return null;
      return [
        (now) => {
          const next = alongLine(...big.ray(...pixel(now, big.place)), handle.at, axis);
          return next === null ? null : faceMoved(one, handle.axis, handle.sign, next - first);
        },
        'resize',
      ];
    }
    const t = rayMeets(from, along, one);
    if (t === null) return null;
    const grabbed = plus(from, times(along, t));
    if (event.shiftKey) {
      const first = alongLine(from, along, grabbed, axes[2]);
      if (first === null) return null;
      return [
        (now) => {
          const next = alongLine(...big.ray(...pixel(now, big.place)), grabbed, axes[2]);
          return next === null ? null : moved(one, times(axes[2], next - first));
        },
        'move',
      ];
    }
    return [
      (now) => {
        const hit = rayOnPlane(...big.ray(...pixel(now, big.place)), grabbed, axes[2]);
        return hit ? moved(one, minus(hit, grabbed)) : null;
      },
      'move',
    ];
  };

  let down = [0, 0];
  // before the camera's own listener, which would turn the view while a cuboid is dragged
  big.place.addEventListener(
    'pointerdown',
    (event) => {
      down = [event.clientX, event.clientY];
      if (event.button !== 0 || state.tool === 'fit') return;
      const wanted = dragInBig(event, ...pixel(event, big.place));
      if (!wanted) return;
      event.stopImmediatePropagation();
      big.place.focus({ preventScroll: true });
      drag(event, big.place, ...wanted);
    },
    { capture: true },
  );
  big.place.addEventListener('click', (event) => {
    if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) > MOVED_PX) return;
    const [u, v] = pixel(event, big.place);
    if (state.tool === 'fit') {
      if (!verbs.canFit) return;
      const at = space.cloud.pick(big.camera, u, v, big.place.clientWidth, big.place.clientHeight);
      if (at) void verbs.fitAt(plus(at, space.anchor), event.shiftKey ? 'into-selected' : event.altKey ? 'new' : 'unless-there');
      else app.say('There is no point: click on the object.');
      return;
    }
    if (handleAt(u, v)) return;
    state.select(cuboidAt(u, v)?.id ?? null);
  });
  big.place.addEventListener('dblclick', () => space.lookAtSelected());
  big.place.addEventListener('pointermove', (event) => {
    if (event.buttons) return;
    const [u, v] = pixel(event, big.place);
    const handle = handleAt(u, v);
    const over = handle ? 'grab' : cuboidAt(u, v)?.id === state.selected && state.selected ? 'move' : cuboidAt(u, v) ? 'pointer' : 'default';
    big.place.style.cursor = state.tool === 'fit' ? 'crosshair' : over;
  });

  // ------------------------------------------------------------ the side views

  for (const view of space.sides) {
    const { place } = view;

    /** What is under a pixel: the turn handle, a face, or the cuboid. @param {number} u @param {number} v */
    const under = (u, v) => {
      const one = view.around;
      if (!one) return null;
      const { right, up } = view.axes;
      const [x, y] = view.metres(u, v);
      const near = NEAR_PX / view.scale;
      const half = [one.size[right[0]] / 2, one.size[up[0]] / 2];
      if (view.name === 'top') {
        const reach = one.size[0] / 2 + Math.max(0.5, one.size[0] * 0.2);
        if (Math.hypot(x, y - reach) < 1.4 * near) return { kind: 'turn', axis: 0, sign: 1 };
      }
      const isBeside = [Math.abs(x) < half[0] + near, Math.abs(y) < half[1] + near];
      const off = [Math.abs(Math.abs(x) - half[0]), Math.abs(Math.abs(y) - half[1])];
      if (isBeside[1] && off[0] < Math.min(near, half[0] * 0.6) && off[0] <= off[1]) return { kind: 'face', axis: right[0], sign: right[1] * Math.sign(x) };
      if (isBeside[0] && off[1] < Math.min(near, half[1] * 0.6)) return { kind: 'face', axis: up[0], sign: up[1] * Math.sign(y) };
      return Math.abs(x) < half[0] && Math.abs(y) < half[1] ? { kind: 'move', axis: 0, sign: 1 } : null;
    };

    place.addEventListener('pointerdown', (event) => {
      const [u, v] = pixel(event, place);
      const one = selected();
      const found = event.button === 0 ? under(u, v) : null;
      if (!one || !found) return;
      const { right, up } = view.axes;
      const axes = axesOf(one.quat);
      const [x0, y0] = view.metres(u, v);
      /** @type {Follow} */
      let follow = (now) => {
        const [x, y] = view.metres(...pixel(now, place));
        return moved(one, plus(times(axes[right[0]], right[1] * (x - x0)), times(axes[up[0]], up[1] * (y - y0))));
      };
      if (found.kind === 'face') {
        const isRight = found.axis === right[0];
        const sign = found.sign * (isRight ? right[1] : up[1]);
        follow = (now) => {
          const [x, y] = view.metres(...pixel(now, place));
          return faceMoved(one, found.axis, found.sign, sign * (isRight ? x - x0 : y - y0));
        };
      } else if (found.kind === 'turn') {
        follow = (now) => {
          const [x, y] = view.metres(...pixel(now, place));
          return turned(one, Math.atan2(-x, y) - Math.atan2(-x0, y0));
        };
      }
      place.focus({ preventScroll: true });
      drag(event, place, follow, found.kind === 'face' ? 'resize' : found.kind);
    });
    place.addEventListener('pointermove', (event) => {
      if (event.buttons) return;
      const found = under(...pixel(event, place));
      const isAcross = found?.axis === view.axes.right[0];
      place.style.cursor = !found ? 'default' : found.kind === 'face' ? (isAcross ? 'ew-resize' : 'ns-resize') : found.kind === 'turn' ? 'grab' : 'move';
    });
    place.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        space.zoomSide(view, Math.exp(-0.0015 * event.deltaY));
      },
      { passive: false },
    );
  }
}
