// @ts-check
/** Tags of the scene, of a frame, and of an interval of time. */

import { newId } from './api.js';
import { button, el, fill, put } from './dom.js';

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTags(app, place) {
  const { state, labels, edits, verbs } = app;
  const name = el('input', { type: 'text', testid: 'tag-name', id: 'tag-name', maxlength: 200, autocomplete: 'off', placeholder: 'rain' });
  const value = el('input', { type: 'text', testid: 'tag-value', id: 'tag-value', maxlength: 500, autocomplete: 'off', placeholder: 'none: the word alone' });
  const scope = el('select', { testid: 'tag-scope', id: 'tag-scope', on: { change: () => show() } },
    [['scene', 'the whole scene'], ['frame', 'this frame'], ['interval', 'frames from … to …']].map(([id, text]) => el('option', { value: id }, text)));
  const first = el('input', { type: 'number', min: 0, step: 1, testid: 'tag-first', id: 'tag-first', 'aria-label': 'First frame' });
  const last = el('input', { type: 'number', min: 0, step: 1, testid: 'tag-last', id: 'tag-last', 'aria-label': 'Last frame' });
  const range = el('div', { class: 'row' }, first, ' to ', last);
  const list = el('ul', { class: 'tag-list', testid: 'tag-list' });
  put(
    place,
    el('form', { class: 'tag-form', on: { submit: (/** @type {Event} */ event) => add(event) } },
      el('div', { class: 'field' }, el('label', { for: 'tag-name' }, 'Tag'), name),
      el('div', { class: 'field' }, el('label', { for: 'tag-value' }, 'Value'), value),
      el('div', { class: 'field' }, el('label', { for: 'tag-scope' }, 'Of'), scope),
      range,
      el('button', { type: 'submit', testid: 'tag-add' }, 'Add tag'),
    ),
    list,
  );

  /** @param {Event} event */
  const add = (event) => {
    event.preventDefault();
    const word = name.value.trim();
    if (!word || !verbs.isAllowed) return;
    const frames = scope.value === 'scene' ? null : scope.value === 'frame' ? [state.frame, state.frame] : [first.valueAsNumber, last.valueAsNumber];
    const isWrong = frames?.some((one) => !Number.isInteger(one) || one < 0 || one >= state.nFrames) || (frames && frames[0] > frames[1]);
    if (isWrong) {
      app.say(`Frames are 0 to ${state.nFrames - 1}, the first not later than the last.`, 'warning');
      return;
    }
    const tag = { name: word, value: value.value === '' ? true : value.value, ...(frames ? { span_ns: [state.stamp(frames[0]), state.stamp(frames[1])] } : {}) };
    edits.add(`tag ${word}`, [{ verb: 'add_tag', scene: state.scene?.id, id: newId(), tag }]);
    name.value = value.value = '';
  };

  /** @param {any} tag */
  const where = (tag) => {
    if (!tag.span_ns) return 'whole scene';
    const [a, b] = tag.span_ns.map((/** @type {number|bigint} */ stamp) => state.frameAt(stamp));
    return a < 0 || b < 0 ? 'some of its time' : a === b ? `frame ${a}` : `frames ${a} to ${b}`;
  };

  const show = () => {
    range.hidden = scope.value !== 'interval';
    if (document.activeElement !== first && first.value === '') first.value = String(state.frame);
    if (document.activeElement !== last && last.value === '') last.value = String(state.frame);
    fill(
      list,
      labels.tags.map((one) => {
        const { name: word, value: said, span_ns: span, camera } = one.body;
        const text = said === true ? word : `${word}: ${typeof said === 'object' ? JSON.stringify(said) : said}`;
        const go = span ? () => state.tell('seek', { frame: Math.max(0, state.frameAt(span[0])) }) : () => {};
        return el('li', { class: 'tag', testid: 'tag' },
          button(text, 'tag-go', go, { class: 'link', title: span ? 'Go there' : '' }),
          el('span', { class: 'where' }, camera ? `${where(one.body)}, ${camera}` : where(one.body)),
          button('×', 'tag-delete', () => verbs.isAllowed && edits.add(`delete tag ${word}`, [{ verb: 'delete_tag', id: one.id, rev: one.rev }]), { 'aria-label': `Delete tag ${word}`, class: 'close' }));
      }),
    );
  };
  state.on('labels', show);
  state.on('scene', () => {
    first.value = last.value = '';
    show();
  });
  show();
}
