// @ts-check
/** The server's API: fetch with the token as a header, the contract of writes (ETag, If-Match, Idempotency-Key), points, and the change feed. */

import { parse, print } from './exact.js';

const TOKEN = 'boxwright-token';
const BASE = '/api/v1';
export const UNREACHABLE = 'the server does not answer';

/** An answer that is an error, or none at all (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.message ?? (status ? `the server answered ${status}` : UNREACHABLE));
    this.status = status;
    this.code = body?.code ?? 'unreachable';
    this.hint = body?.hint ?? null;
    this.field = body?.field ?? null;
    this.conflicts = body?.conflicts ?? [];
  }

  /** Whether the same request may succeed later. */
  get isPassing() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

/**
 * @typedef {object} Sent
 * @property {Record<string, any>} [query] values, or lists of values
 * @property {AbortSignal} [signal]
 * @property {any} [body]
 * @property {string} [key] Idempotency-Key
 * @property {number} [rev] If-Match
 */

/** @typedef {{ xyz: Float32Array, originM: number[], frame: string, all: number, fields: Record<string, any>, classes: Map<number, string> }} Points  classes: what class_id stands for */

export class Api {
  constructor() {
    /** @type {string|null} */
    this.token = sessionStorage.getItem(TOKEN);
    /** Called when the token is not good any more. */
    this.onLost = () => {};
    /** Called when the server answers again. */
    this.onBack = () => {};
    this.isAway = false;
  }

  /**
   * The one-time code of the address becomes a token, kept for this tab alone; the code leaves the address.
   * @returns {Promise<URLSearchParams>} what else the address says
   */
  async open() {
    const said = new URLSearchParams(location.hash.slice(1));
    const code = said.get('code');
    if (code !== null) {
      said.delete('code');
      history.replaceState(null, '', said.size ? `#${said}` : location.pathname);
      try {
        const found = await this.json('POST', '/session', { body: { code } });
        this.token = found.token;
        sessionStorage.setItem(TOKEN, found.token);
      } catch (error) {
        if (!this.token) throw error; // an address that was used before, in a tab that has its token
      }
    }
    return said;
  }

  /** A response that is no error. @param {string} method @param {string} path @param {Sent} [sent] */
  async send(method, path, sent = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(sent.query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) query.append(name, String(one));
    }
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (sent.key) headers['Idempotency-Key'] = sent.key;
    if (sent.rev !== undefined) headers['If-Match'] = `"${sent.rev}"`;
    if (sent.body !== undefined) headers['Content-Type'] = 'application/json';
    let answer;
    try {
      const body = sent.body === undefined ? undefined : print(sent.body);
      answer = await fetch(`${BASE}${path}${query.size ? `?${query}` : ''}`, { method, headers, body, signal: sent.signal, redirect: 'error' });
    } catch (error) {
      if (/** @type {any} */ (error)?.name === 'AbortError') throw error;
      this.isAway = true;
      throw new ApiError(0, null);
    }
    if (this.isAway) {
      this.isAway = false;
      this.onBack();
    }
    if (!answer.ok) {
      const body = await answer.text().then(parse).catch(() => null);
      if (answer.status === 401) this.onLost();
      throw new ApiError(answer.status, body);
    }
    return answer;
  }

  /** @param {string} method @param {string} path @param {Sent} [sent] @returns {Promise<any>} */
  async json(method, path, sent) {
    return parse(await (await this.send(method, path, sent)).text());
  }

  /** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
  get(path, query, signal) {
    return this.json('GET', path, { query, signal });
  }

  /** @param {string} path @param {any} body @param {AbortSignal} [signal] @returns {Promise<any>} */
  post(path, body, signal) {
    return this.json('POST', path, { body, signal });
  }

  /**
   * The parts of a binary answer, named by X-Boxwright-Parts.
   * @param {string} path
   * @param {Record<string, any>} [query]
   * @param {AbortSignal} [signal]
   * @returns {Promise<Points>}
   */
  async points(path, query, signal) {
    const answer = await this.send('GET', path, { query, signal });
    const data = await answer.arrayBuffer();
    const n = Number(answer.headers.get('X-Boxwright-Points'));
    const originM = (answer.headers.get('X-Boxwright-Origin-M') ?? '0,0,0').split(',').map(Number);
    /** @type {Record<string, any>} */
    const fields = {};
    let at = 0;
    for (const part of (answer.headers.get('X-Boxwright-Parts') ?? '').split(',')) {
      const [name, kind, columns] = part.split(':');
      const [Kind, size] = KINDS[kind];
      const count = n * Number(columns);
      fields[name] = at % size ? new Kind(data.slice(at, at + count * size)) : new Kind(data, at, count);
      at += count * size;
    }
    const { xyz, ...rest } = fields;
    const named = JSON.parse(answer.headers.get('X-Boxwright-Classes') ?? '{}');
    return { xyz, originM, frame: answer.headers.get('X-Boxwright-Frame') ?? '', all: Number(answer.headers.get('X-Boxwright-All-Points')), fields: rest, classes: new Map(Object.entries(named).map(([id, name]) => [Number(id), String(name)])) };
  }

  /** A picture as an object URL, which its asker revokes. @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
  async picture(path, query, signal) {
    return URL.createObjectURL(await (await this.send('GET', path, { query, signal })).blob());
  }

  /**
   * The change feed, until the signal or the end of the connection.
   * @param {number} since
   * @param {(row: {seq: number, changes?: any[]}) => void} told
   * @param {AbortSignal} signal
   */
  async feed(since, told, signal) {
    const answer = await this.send('GET', '/feed', { query: { since }, signal });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line) told(parse(line));
    }
  }
}

/** @type {Record<string, [any, number]>} */
const KINDS = {
  float32: [Float32Array, 4],
  float64: [Float64Array, 8],
  uint8: [Uint8Array, 1],
  uint16: [Uint16Array, 2],
  uint32: [Uint32Array, 4],
  int32: [Int32Array, 4],
  int64: [BigInt64Array, 8],
};

/** A new id, as the store takes it. */
export function newId() {
  return crypto.randomUUID();
}
