// @ts-check
/** Classes: their names, colours, attributes, and what the guideline says of them. */

/** @typedef {{name: string, kind: string, values: string[], is_mutable: boolean, members: Attribute[]}} Attribute */
/** @typedef {{points: string[], edges: number[][]}} Skeleton */
/** @typedef {{name: string, category_id: number, color: number[], size_prior: any, aliases: string[], attributes: Attribute[], skeleton?: Skeleton|null}} Category */

const NOT_TOLD = [150, 158, 170]; // until the server has said
const MOST_AT_ONCE = 100;

/** Case, spaces and hyphens do not tell names apart. @param {string} name */
export function plain(name) {
  return name.replace(/[\s_.\-/()]+/g, '').toLowerCase();
}

const MOST_LETTERS = 16;
const BEGINNING = 6;

/** A name for lists and sentences: ids that are long, as UUIDs are, by their beginning; words and a number stay as they are. @param {string} id */
export function shortOf(id) {
  return id.length <= MOST_LETTERS || /^[a-z]+([_ -][a-z]+)*([_ -]?\d+)?$/i.test(id) ? id : id.slice(0, BEGINNING);
}

/** A sentence with short names in it. @param {string} text @param {string[]} ids */
export function shortened(text, ids) {
  return ids.reduce((said, id) => said.replaceAll(id, shortOf(id)), text);
}

/** What an object is called where there is little room: long ids, of words too, by their beginning, as in pictures. @param {string} id @param {string} category */
export function captionOf(id, category) {
  const name = id.length <= MOST_LETTERS ? id : id.slice(0, BEGINNING);
  return name.toLowerCase().startsWith(category.toLowerCase()) ? name : `${category} ${name}`;
}

export class Taxonomy {
  /** @param {import('./api.js').Api} api @param {() => void} changed */
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
    /** @type {Category[]} */
    this.categories = [];
    /** @type {Map<string, number[]>} how classes are drawn, as the server tells */
    this.colors = new Map();
    /** @type {Set<string>} classes whose colours were asked for */
    this.asked = new Set();
    /** @type {string[]} those that are asked for next */
    this.asking = [];
    /** Whether they are the project's own, which labels must fit. */
    this.isOwn = false;
    /** @type {Map<string, Category>} */
    this.byName = new Map();
    /** @type {{text: string, entries: Record<string, {text: string, examples: any[]}>, version: number}|null} */
    this.guideline = null;
  }

  async load() {
    const [classes, guideline] = await Promise.all(['/taxonomy', '/guideline'].map((path) => this.api.get(path).catch(() => null)));
    this.isOwn = Boolean(classes?.taxonomy);
    this.categories = (classes?.taxonomy ?? classes?.default)?.categories ?? [];
    this.byName = new Map();
    for (const one of this.categories) for (const name of [one.name, ...one.aliases]) if (!this.byName.has(plain(name))) this.byName.set(plain(name), one);
    this.guideline = guideline?.guideline ?? (guideline?.text === undefined ? null : guideline);
  }

  /** @param {string} name @returns {Category|undefined} */
  find(name) {
    return this.byName.get(plain(name));
  }

  /** How a class is drawn, here as in pictures and windows, 0 to 255; grey until the server has said. @param {string} name @returns {number[]} */
  color(name) {
    const found = this.colors.get(name);
    if (found) return found;
    if (!this.asked.has(name)) {
      this.asked.add(name);
      if (this.asking.push(name) === 1) setTimeout(() => void this.#ask());
    }
    return NOT_TOLD;
  }

  /** @param {Record<string, number[]>} told name -> colour */
  tell(told) {
    for (const [name, color] of Object.entries(told)) this.colors.set(name, color);
  }

  async #ask() {
    const names = this.asking.splice(0, MOST_AT_ONCE);
    if (this.asking.length) setTimeout(() => void this.#ask());
    const told = await this.api.get('/colors', { category: names }).catch(() => null);
    if (!told) return; // grey they stay
    this.tell(told.colors);
    this.changed();
  }

  /** What the guideline says of a class, and of all. @param {string} name */
  advice(name) {
    const found = this.guideline?.entries ?? {};
    const key = Object.keys(found).find((one) => plain(one) === plain(name)) ?? this.find(name)?.name ?? '';
    return { text: found[key]?.text ?? '', examples: found[key]?.examples ?? [], general: this.guideline?.text ?? '' };
  }
}
