// @ts-check
/** Elements of the page. Text is only ever set as text. */

/** Attributes that may be set; none of them can hold a script. */
const ALLOWED = new Set([
  'id', 'class', 'type', 'value', 'title', 'for', 'name', 'role', 'tabindex', 'min', 'max', 'step', 'disabled', 'hidden', 'checked', 'selected',
  'placeholder', 'autocomplete', 'spellcheck', 'colspan', 'rows', 'maxlength', 'list', 'inputmode', 'open', 'width', 'height', 'alt', 'multiple', 'label',
]);

/**
 * @typedef {Record<string, any>} Said  attributes, `testid`, `on` with listeners by event, `aria-*` and `data-*`
 */

/**
 * An element. Children that are no nodes become text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Said} [said]
 * @param {...any} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, said = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(said)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') for (const [event, act] of Object.entries(value)) made.addEventListener(event, /** @type {any} */ (act));
    else if (name === 'testid') made.dataset.testid = value;
    else if (name === 'value') /** @type {any} */ (made).value = value;
    else if (ALLOWED.has(name) || name.startsWith('aria-') || name.startsWith('data-')) made.setAttribute(name, value === true ? '' : String(value));
    else throw new TypeError(`el: attribute ${name}`);
  }
  put(made, ...children);
  return made;
}

/** Adds children. @param {Element} parent @param {...any} children */
export function put(parent, ...children) {
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces what is in an element. @param {Element} parent @param {...any} children */
export function fill(parent, ...children) {
  parent.replaceChildren();
  put(parent, ...children);
}

/** The element of an id. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/**
 * A button.
 * @param {string} text
 * @param {string} testid
 * @param {(event: MouseEvent) => void} act
 * @param {Said} [said]
 */
export function button(text, testid, act, said = {}) {
  return el('button', { type: 'button', testid, ...said, on: { click: act } }, text);
}

/** A colour of a class as CSS has it. @param {number[]} rgb */
export function css(rgb) {
  return `rgb(${rgb.map((value) => Math.round(value)).join(' ')})`;
}

/** A small block of colour. @param {number[]} rgb */
export function swatch(rgb) {
  const made = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  made.style.backgroundColor = css(rgb);
  return made;
}

/** A function that has something done once before the next drawing, however often it is called until then. @param {() => void} act */
export function onceADrawing(act) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      act();
    });
  };
}
