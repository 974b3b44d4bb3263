// @ts-check
/**
 * What the user changed and the server has not taken yet: kept over a reload, sent in order, and called saved only when the server said so.
 *
 * One entry is one transaction, with an op_id, so that it is done once however often it is sent. An entry that stands on an earlier one of this page
 * takes over the revisions that the server gave that one. What the server refuses because somebody else was first is put aside and shown: `retry`
 * sends it again on top of what is there now, `drop` forgets it.
 */

import { ApiError, newId } from './api.js';
import { Keeping } from './keeping.js';

const WAITS_MS = [300, 1000, 3000, 8000, 15000];
/** Verbs of the log that can be undone: findings, tasks and members are changed, never taken back. */
const OF_LABELS = /(_track|_keyframe|_attributes|_tag|_relation|_point_edit|_point_labels)$|^(merge|split|several|undo|restore)$/;

/** What an undo or a redo takes back, of what it is called in the log. @param {string} what */
export function takenBack(what) {
  return what.replace(/^(undo|redo): /, '');
}

/**
 * @typedef {object} Entry
 * @property {string} op_id
 * @property {string} scene id
 * @property {string} what in words
 * @property {any[]} edits as the store takes them; none for an undo
 * @property {string|null} undo op_id, or number as text, of the transaction that is taken back
 * @property {boolean} isRedo
 * @property {number} made milliseconds since 1970
 */

/** @typedef {{entry: Entry, error: {status: number, code: string, message: string, hint: string|null}, conflicts: any[]}} Refused */

export class Edits {
  /**
   * @param {import('./api.js').Api} api
   * @param {import('./state.js').State} state
   * @param {import('./labels.js').Labels} labels
   */
  constructor(api, state, labels) {
    this.api = api;
    this.state = state;
    this.labels = labels;
    /** @type {Entry[]} */
    this.queue = [];
    /** @type {Refused[]} */
    this.refused = [];
    /** @type {number|null} the transaction that the server confirmed last */
    this.savedSeq = null;
    this.isSending = false;
    this.isOffline = false;
    /** @type {Keeping|null} */
    this.keeping = null;
    /** @type {{op: string, what: string}[]} transactions of this account that may be undone, the last at the end */
    this.undoable = [];
    /** @type {{op: string, what: string}[]} */
    this.redoable = [];
    /** @type {Map<string, number>} op_id -> seq */
    this.seqs = new Map();
    this.failures = 0;
  }

  /** Takes over what earlier pages of this project left. @param {string} projectId */
  async restore(projectId) {
    const keeping = new Keeping(`boxwright-edits-${projectId}-${this.state.me.account}`);
    const { queue, refused } = await keeping.open();
    this.keeping = keeping;
    this.queue.unshift(...queue);
    this.refused.unshift(...refused);
    this.#changed();
    void this.#send();
  }

  /** What undo and redo find after a reload. @param {any[]} transactions the newest first @param {string} sceneId */
  remember(transactions, sceneId) {
    this.undoable = [];
    this.redoable = [];
    for (const one of [...transactions].reverse()) {
      if (one.account !== this.state.me.account || !OF_LABELS.test(one.verb)) continue;
      const mine = { op: String(one.seq), what: one.reason ?? one.verb };
      if (one.undo_of === null) {
        this.undoable.push(mine);
        this.redoable = [];
      } else {
        const of = String(one.undo_of);
        const last = this.undoable.at(-1);
        if (last?.op === of) {
          this.undoable.pop();
          this.redoable.push({ ...mine, what: last.what });
        } else if (this.redoable.at(-1)?.op === of) {
          const taken = /** @type {{op: string, what: string}} */ (this.redoable.pop());
          this.undoable.push({ ...mine, what: taken.what });
        }
      }
    }
    for (const entry of this.queue) if (entry.scene === sceneId && !entry.undo) this.undoable.push({ op: entry.op_id, what: entry.what });
    this.state.tell('edits');
  }

  /** Queues edits as one transaction. @param {string} what in words, for the log @param {any[]} edits @returns {string} op_id */
  add(what, edits) {
    const entry = { op_id: newId(), scene: this.state.scene?.id ?? '', what, edits, undo: null, isRedo: false, made: Date.now() };
    this.undoable.push({ op: entry.op_id, what });
    this.redoable = [];
    this.#push(entry);
    return entry.op_id;
  }

  /** Something that was done by a call of its own, so that undo finds it. @param {number} seq @param {string} what */
  note(seq, what) {
    this.undoable.push({ op: String(seq), what });
    this.redoable = [];
    this.savedSeq = Math.max(this.savedSeq ?? 0, seq);
    this.state.tell('edits');
  }

  undo() {
    const last = this.undoable.pop();
    if (last) this.#takeBack(last, this.redoable, false);
  }

  redo() {
    const last = this.redoable.pop();
    if (last) this.#takeBack(last, this.undoable, true);
  }

  /** Sends something refused again, on top of what is there now. @param {Refused} one */
  retry(one) {
    this.refused = this.refused.filter((other) => other !== one);
    const edits = one.entry.edits.map((edit) => {
      const now = this.labels.saved.get(edit.id);
      const into = this.labels.saved.get(edit.into);
      return {
        ...edit,
        ...('rev' in edit && now ? { rev: now.rev } : {}),
        ...('into_rev' in edit && into ? { into_rev: into.rev } : {}),
        ...('seen' in edit ? { seen: this.labels.seq } : {}),
      };
    });
    this.#push({ ...one.entry, op_id: newId(), edits, made: Date.now() });
  }

  /** Forgets something refused: what the server has stays. @param {Refused} one */
  drop(one) {
    this.refused = this.refused.filter((other) => other !== one);
    this.undoable = this.undoable.filter((other) => other.op !== one.entry.op_id);
    this.#changed();
  }

  /** Now, and not when the wait is over. */
  kick() {
    void this.#send();
  }

  /** @param {{op: string, what: string}} last @param {{op: string, what: string}[]} onto @param {boolean} isRedo */
  #takeBack(last, onto, isRedo) {
    const what = isRedo ? `redo: ${last.what}` : `undo: ${last.what}`;
    const entry = { op_id: newId(), scene: this.state.scene?.id ?? '', what, edits: [], undo: last.op, isRedo, made: Date.now() };
    onto.push({ op: entry.op_id, what: last.what });
    this.#push(entry);
  }

  /** @param {Entry} entry */
  #push(entry) {
    this.queue.push(entry);
    this.#changed();
    void this.#send();
  }

  /** Keeps and tells. */
  #changed() {
    if (this.keeping && !this.keeping.keep(this.queue, this.refused)) {
      this.state.tell('notice', { text: 'This browser keeps nothing: unsent edits are lost with this tab.', kind: 'warning' });
    }
    const here = this.queue.filter((one) => one.scene === this.state.scene?.id);
    this.labels.lay(here.map((one) => one.edits));
    this.state.tell('labels');
    this.state.tell('edits');
  }

  async #send() {
    if (this.isSending || !this.queue.length || !this.keeping) return;
    this.isSending = true;
    this.state.tell('edits');
    try {
      while (this.queue.length) {
        const entry = this.queue[0];
        try {
          const answer = await this.#ask(entry);
          await this.#done(entry, answer);
          this.failures = 0;
          this.isOffline = false;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (error.isPassing || error.status === 401) {
            this.isOffline = true;
            const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)];
            this.failures += 1;
            setTimeout(() => this.kick(), wait);
            return;
          }
          this.#refuse(entry, error);
        }
      }
    } finally {
      this.isSending = false;
      this.state.tell('edits');
    }
  }

  /** @param {Entry} entry */
  #ask(entry) {
    const sent = { key: entry.op_id };
    if (entry.undo === null) return this.api.json('POST', '/edits', { ...sent, body: { edits: entry.edits, reason: entry.what } });
    const seq = this.seqs.get(entry.undo) ?? Number(entry.undo);
    if (!Number.isSafeInteger(seq)) throw new ApiError(409, { code: 'gone', message: 'what should be undone was never saved' });
    return this.api.json('POST', '/undo', { ...sent, body: { seq, reason: entry.what } });
  }

  /** @param {Entry} entry @param {any} answer */
  async #done(entry, answer) {
    this.seqs.set(entry.op_id, answer.seq);
    let changes = [];
    try {
      changes = (await this.api.get(`/changes/${answer.seq}`)).changes;
    } catch {
      // the feed tells them a little later
    }
    const before = new Map(changes.map((/** @type {any} */ one) => [one.id, this.labels.saved.get(one.id)?.rev ?? 0]));
    this.labels.apply(answer.seq, changes);
    this.savedSeq = Math.max(this.savedSeq ?? 0, answer.seq);
    this.queue = this.queue.filter((one) => one !== entry);
    for (const later of this.queue) later.edits.forEach((edit) => this.#carry(edit, entry, answer, before));
    this.#changed();
    this.state.tell('saved', { entry, seq: answer.seq, changes });
  }

  /**
   * An edit that was made on top of `entry` stands on the revisions that `entry` got; not where somebody else's change lies between that the edit
   * would go over unseen.
   * @param {any} edit @param {Entry} entry @param {any} answer @param {Map<string, number>} before
   */
  #carry(edit, entry, answer, before) {
    for (const [id, rev] of [['id', 'rev'], ['into', 'into_rev']]) {
      const now = answer.revisions[edit[id]];
      if (now === undefined || !(rev in edit)) continue;
      const isNext = now === edit[rev] + 1 || before.get(edit[id]) === edit[rev];
      const hasSame = entry.edits.some((one) => one[id] === edit[id] && one.verb === edit.verb);
      if (isNext || hasSame) edit[rev] = now;
    }
    if (!('seen' in edit)) return;
    const tracks = [edit.id, edit.into];
    let isClear = true;
    for (let seq = edit.seen + 1; seq < answer.seq; seq += 1) {
      const touched = this.labels.touched.get(seq);
      if (touched && !this.#isMine(seq) && tracks.some((one) => touched.has(one))) isClear = false;
    }
    if (isClear) edit.seen = Math.max(edit.seen, answer.seq);
  }

  /** @param {number} seq */
  #isMine(seq) {
    for (const one of this.seqs.values()) if (one === seq) return true;
    return false;
  }

  /** @param {Entry} entry @param {ApiError} error */
  #refuse(entry, error) {
    this.queue = this.queue.filter((one) => one !== entry);
    this.undoable = this.undoable.filter((one) => one.op !== entry.op_id);
    this.redoable = this.redoable.filter((one) => one.op !== entry.op_id);
    const { status, code, message, hint, conflicts } = error;
    this.refused.push({ entry, error: { status, code, message, hint }, conflicts });
    this.#changed();
    this.state.tell('refused', this.refused.at(-1));
  }
}
