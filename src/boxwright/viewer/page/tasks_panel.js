// @ts-check
/** Tasks: who does what, and what reviewers say of it. */

import { newId } from './api.js';
import { button, el, fill, put } from './dom.js';
import { told } from './jobs.js';

const RENEW_MS = 60_000;
const WORDS = /** @type {Record<string, string>} */ ({ in_review: 'in review' });

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startTasks(app, place) {
  const { state, api } = app;
  /** @type {any[]} */
  let tasks = [];
  /** @type {Map<string, any[]>} id -> verdicts, of tasks whose story was asked for */
  const verdicts = new Map();
  /** @type {{id: string, move: string}|null} the move that waits for its reason */
  let asking = null;

  const each = el('input', { type: 'number', min: 1, max: 100000, step: 1, value: '10', testid: 'task-frames', id: 'task-frames' });
  const make = el('div', { class: 'row' }, el('label', { for: 'task-frames' }, 'Tasks of'), each, 'frames', button('Make', 'task-make', () => void add()));
  const next = button('Take the next task', 'task-next', () => void takeNext(), { class: 'wide' });
  const count = el('p', { class: 'hint', testid: 'task-count', role: 'status' });
  const list = el('ul', { class: 'task-list', testid: 'task-list' });
  put(place, next, make, count, list);

  const load = async () => {
    const found = await told(app, () => api.get('/tasks'));
    if (!found) return;
    tasks = found.tasks;
    show();
  };

  const add = async () => {
    const frames = Math.round(each.valueAsNumber);
    if (!(frames >= 1)) return;
    await told(app, () => api.json('POST', `/scenes/${state.scene?.id}/tasks`, { body: { frames_each: frames }, key: newId() }));
    await load();
  };

  const takeNext = async () => {
    const found = await told(app, () => api.json('POST', '/tasks/next', { key: newId() }));
    if (!found) return;
    if (!found.task) app.say('There is no task that nobody has.');
    await load();
    if (found.task) await go(found.task);
  };

  /** Its scene and first frame. @param {any} task */
  const go = async (task) => {
    const scene = state.scenes.find((one) => one.name === task.scene);
    if (scene && scene.scene_id !== state.scene?.id) await app.openScene(scene.scene_id, task.from_frame);
    else state.go(task.from_frame);
  };

  /** @param {any} task @param {string} move @param {string} [reason] */
  const act = async (task, move, reason) => {
    const isVerdict = move === 'accept' || move === 'reject';
    const body = { ...(reason === undefined ? {} : { reason }), ...(isVerdict ? { at_seq: app.labels.seq } : {}) };
    const done = await told(app, () => api.json('POST', `/tasks/${task.task_id}/${move}`, { body, key: newId() }));
    if (!done) return;
    asking = null;
    if (move === 'take' || move === 'begin-review') void go(task);
    if (verdicts.has(task.task_id)) await story(task);
    await load();
  };

  /** @param {any} task */
  const story = async (task) => {
    const found = await told(app, () => api.get(`/tasks/${task.task_id}/verdicts`));
    if (found) verdicts.set(task.task_id, found.verdicts);
    show();
  };

  /** What the account can do with a task now. @param {any} task @returns {[string, string, boolean][]} move, text, whether it asks for a reason */
  const moves = (task) => {
    const mine = task.assignee === state.me.account;
    const reviewing = task.reviewer === state.me.account;
    const isHere = task.scene === state.scene?.name;
    /** @type {[string, string, boolean][]} */
    const found = [];
    if (state.may('work')) {
      if (task.state === 'open') found.push(['take', 'Take', false]);
      if (mine && ['annotating', 'rejected'].includes(task.state)) found.push(['submit', 'Submit', false]);
      if (mine && task.state === 'annotating') found.push(['release', 'Give back', false]);
      if (mine && task.state === 'submitted') found.push(['withdraw', 'Withdraw', false]);
    }
    if (state.may('judge')) {
      if (task.state === 'submitted' && !mine) found.push(['begin-review', 'Review', false]);
      if (task.state === 'in_review' && reviewing && isHere) found.push(['accept', 'Accept', false], ['reject', 'Reject …', true]);
      if (task.state === 'in_review' && reviewing) found.push(['leave-review', 'Leave', false]);
      if (task.state === 'accepted') found.push(['reopen', 'Reopen …', true]);
    }
    return found;
  };

  const show = () => {
    make.hidden = !state.may('administer') || !state.scene;
    next.hidden = !state.may('work');
    const of = (/** @type {string} */ one) => tasks.filter((task) => task.state === one).length;
    count.textContent = tasks.length ? `${tasks.length} tasks: ${of('open')} open, ${of('submitted')} wait for a review, ${of('accepted')} accepted` : 'There are no tasks for you.';
    if (list.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) return;
    fill(list, tasks.map(item));
  };

  /** @param {any} task */
  const item = (task) => {
    const who = [task.assignee && `by ${task.assignee}`, task.reviewer && `reviewed by ${task.reviewer}`, task.classes?.join(', ')].filter(Boolean).join(' · ');
    const known = verdicts.get(task.task_id);
    const good = task.state === 'accepted' ? ' is-good' : task.state === 'rejected' ? ' is-error' : '';
    return el('li', { class: 'task', testid: 'task', 'data-task': task.task_id, 'data-state': task.state },
      el('div', { class: 'line' },
        button(`${task.scene}, frames ${task.from_frame} to ${task.to_frame}`, 'task-go', () => void go(task), { class: 'link message', title: 'Go there' }), ' ',
        el('span', { class: `badge${good}`, testid: 'task-state' }, WORDS[task.state] ?? task.state)),
      who ? el('div', { class: 'about' }, who) : null,
      task.instructions ? el('div', { class: 'about' }, task.instructions) : null,
      el('div', { class: 'row' },
        moves(task).map(([move, text, asks]) => button(text, `task-${move}`, () => (asks ? ((asking = { id: task.task_id, move }), show()) : void act(task, move)))),
        task.submitted_seq ? button(known ? 'Hide what was said' : 'What was said', 'task-story', () => (known ? (verdicts.delete(task.task_id), show()) : void story(task))) : null),
      asking?.id === task.task_id ? reason(task, asking?.move ?? '') : null,
      known?.map((/** @type {any} */ one) => el('div', { class: 'verdict', testid: 'verdict' }, `${one.reviewer} ${one.decision}${one.reason ? `: ${one.reason}` : ''}${one.n_reviewer_edits ? ` (after ${one.n_reviewer_edits} edits)` : ''}${one.is_stale ? ' · labels have changed since' : ''}`)),
      known && !known.length ? el('div', { class: 'verdict' }, 'Nothing was said yet.') : null);
  };

  /** @param {any} task @param {string} move */
  const reason = (task, move) => {
    const text = el('input', { type: 'text', testid: 'task-reason', maxlength: 4000, placeholder: 'what is wrong', 'aria-label': 'Reason', autocomplete: 'off' });
    const made = el('form', { class: 'reason', on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      if (!text.value.trim()) return app.say('Say why: it is read by who made the labels.', 'warning');
      text.blur();
      return void act(task, move, text.value);
    } } }, text, el('button', { type: 'submit', testid: 'task-reason-done' }, move === 'reject' ? 'Reject' : 'Reopen'));
    setTimeout(() => text.focus(), 0);
    return made;
  };

  // a task that is being worked on stays with who works on it
  setInterval(() => {
    for (const task of tasks) {
      const move = task.state === 'annotating' && task.assignee === state.me.account ? 'renew' : task.state === 'in_review' && task.reviewer === state.me.account ? 'renew-review' : null;
      if (move && task.lease_until_ns !== null) void api.json('POST', `/tasks/${task.task_id}/${move}`, { body: {}, key: newId() }).catch(() => load());
    }
  }, RENEW_MS);
  state.on('scene', () => {
    verdicts.clear();
    void load();
  });
  state.on('judging', (part) => part === 'tasks' && state.scene && void load());
  show();
}
