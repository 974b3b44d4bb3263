// @ts-check
/** Classes: their names, colours, attributes, and what the guideline says of them. */

/** @typedef {{name: string, kind: string, values: string[], is_mutable: boolean, members: Attribute[]}} Attribute */
/** @typedef {{points: string[], edges: number[][]}} Skeleton */
/** @typedef {{name: string, category_id: number, color: number[], size_prior: any, aliases: string[], attributes: Attribute[], skeleton?: Skeleton|null}} Category */

const LEAST_LUMA = 120;

/** Case, spaces and hyphens do not tell names apart. @param {string} name */
export function plain(name) {
  return name.replace(/[\s_.\-/()]+/g, '').toLowerCase();
}

/** What an object is called where there is little room: ids that are long, as UUIDs are, by their beginning. @param {string} id @param {string} category */
export function captionOf(id, category) {
  const name = id.length <= 16 ? id : id.slice(0, 6);
  return name.toLowerCase().startsWith(category.toLowerCase()) ? name : `${category} ${name}`;
}

export class Taxonomy {
  constructor() {
    /** @type {Category[]} */
    this.categories = [];
    /** @type {Record<string, number[]>} how the server draws the classes of this scene's tracks */
    this.told = {};
    /** Whether they are the project's own, which labels must fit. */
    this.isOwn = false;
    /** @type {Map<string, Category>} */
    this.byName = new Map();
    /** @type {{text: string, entries: Record<string, {text: string, examples: any[]}>, version: number}|null} */
    this.guideline = null;
  }

  /** @param {import('./api.js').Api} api */
  async load(api) {
    const [classes, guideline] = await Promise.all([api.get('/taxonomy').catch(() => ({})), api.get('/guideline').catch(() => null)]);
    this.isOwn = Boolean(classes.taxonomy);
    this.categories = (classes.taxonomy ?? classes.default)?.categories ?? [];
    this.byName = new Map();
    for (const one of this.categories) for (const name of [one.name, ...one.aliases]) if (!this.byName.has(plain(name))) this.byName.set(plain(name), one);
    this.guideline = guideline?.guideline ?? (guideline?.text === undefined ? null : guideline);
  }

  /** @param {string} name @returns {Category|undefined} */
  find(name) {
    return this.byName.get(plain(name));
  }

  /** How a class is drawn, 0 to 255. @param {string} name @returns {number[]} */
  color(name) {
    return this.told[name] ?? lighter(this.find(name)?.color ?? foreign(plain(name)));
  }

  /** What the guideline says of a class, and of all. @param {string} name */
  advice(name) {
    const found = this.guideline?.entries ?? {};
    const key = Object.keys(found).find((one) => plain(one) === plain(name)) ?? this.find(name)?.name ?? '';
    return { text: found[key]?.text ?? '', examples: found[key]?.examples ?? [], general: this.guideline?.text ?? '' };
  }
}

/** Light enough for a dark ground. @param {number[]} color */
function lighter(color) {
  const luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
  if (luma >= LEAST_LUMA) return color;
  const share = (LEAST_LUMA - luma) / (255 - luma);
  return color.map((value) => Math.round(value + share * (255 - value)));
}

/** A colour that depends on the name alone. @param {string} word @returns {number[]} */
function foreign(word) {
  let code = 2166136261;
  for (const letter of word) code = Math.imul(code ^ (letter.codePointAt(0) ?? 0), 16777619) >>> 0;
  const hue = (code % 997) / 997;
  return [0, 1 / 3, 2 / 3].map((shift) => {
    const t = Math.abs((((hue + shift) % 1) * 6 - 3)) - 1;
    return 255 * (0.35 + 0.6 * Math.max(0, Math.min(1, t)));
  });
}
