// @ts-check
/** Labels as the server sends them, a line each: of tens of thousands of keyframes few are looked at, and only those are read. */

import { parse } from './exact.js';

/** @typedef {import('./state.js').Entity} Entity */

/** An entity whose body is read when it is asked for. @implements {Entity} */
export class Stored {
  #text;
  /** @type {any} */
  #body = undefined;

  /** @param {string} sceneId @param {string[]} head kind, id, parent, place, rev, seq, time, as they stand in the line @param {string} text the body */
  constructor(sceneId, head, text) {
    this.scene_id = sceneId;
    this.kind = head[0].slice(1, -1);
    this.id = head[1].slice(1, -1);
    this.parent_id = head[2] === 'null' ? null : head[2].slice(1, -1);
    this.place = Number(head[3]);
    this.rev = Number(head[4]);
    this.seq = Number(head[5]);
    /** Of a keyframe its time in nanoseconds, as a text. */
    this.stamp = head[6];
    this.#text = text;
  }

  get body() {
    if (this.#body === undefined) {
      this.#body = parse(this.#text);
      this.#text = '';
    }
    return this.#body;
  }
}

/** The entities of an answer in lines. @param {string} sceneId @param {string} text @returns {{seq: number, entities: Entity[]}} */
export function storedIn(sceneId, text) {
  const [first, ...lines] = text.split('\n');
  const entities = [];
  for (const line of lines) {
    const cut = line.indexOf(',{'); // neither ids nor numbers hold a brace
    if (cut > 0) entities.push(new Stored(sceneId, line.slice(1, cut).split(','), line.slice(cut + 1, -1)));
  }
  return { seq: Number(parse(first).seq), entities };
}

/** Whether an entity is there, without reading it. @param {Entity} one */
export function isLive(one) {
  return one instanceof Stored || Boolean(one.body);
}

/** The time of a keyframe as a text. @param {Entity} one */
export function stampOf(one) {
  return one instanceof Stored ? one.stamp : String(one.body.timestamp_ns);
}
