// @ts-check
/** JSON whose whole numbers of 64 bits stay what they are: nanoseconds since 1970 are larger than what a double counts exactly. */

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG = /^-?\d{16,}$/;
const MARK = '\u0001n';

/**
 * Whole numbers beyond 2^53 become BigInt, all others are as JSON.parse gives them.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let isMarked = false;
  const marked = text.replace(TOKENS, (token) => {
    if (!LONG.test(token) || Number.isSafeInteger(Number(token))) return token;
    isMarked = true;
    return `"\\u0001n${token}"`;
  });
  if (!isMarked) return JSON.parse(text);
  return JSON.parse(marked, (_, value) => (typeof value === 'string' && value.startsWith(MARK) && LONG.test(value.slice(2)) ? BigInt(value.slice(2)) : value));
}

/**
 * The way back; BigInt are written as whole numbers.
 * @param {any} value
 * @returns {string}
 */
export function print(value) {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((one) => print(one === undefined ? null : one)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const parts = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{${parts.map(([key, one]) => `${JSON.stringify(key)}:${print(one)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('a number that is not finite');
  return JSON.stringify(value);
}

/**
 * A deep copy, BigInt included.
 * @template T
 * @param {T} value
 * @returns {T}
 */
export function copy(value) {
  return structuredClone(value);
}

/** Seconds between two stamps. @param {number|bigint} later @param {number|bigint} earlier */
export function secondsBetween(later, earlier) {
  return Number(BigInt(later) - BigInt(earlier)) / 1e9;
}

/** Whether two stamps are the same. @param {number|bigint} a @param {number|bigint} b */
export function same(a, b) {
  return String(a) === String(b);
}

/** -1, 0 or 1. @param {number|bigint} a @param {number|bigint} b */
export function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
