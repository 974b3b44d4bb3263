// @ts-check
/** What a check found: where it is, what would mend it, what a reviewer says of it. */

import { newId } from './api.js';
import { button, el, fill, put } from './dom.js';
import { takenBack } from './edits.js';
import { runJob, told } from './jobs.js';
import { shortOf, shortened } from './taxonomy.js';

/**
 * @typedef {object} Row
 * @property {any} said the finding as the check told it
 * @property {string} status open, waived, fixed
 * @property {boolean} isStale
 * @property {string|null} entity id of the kept one, null of one that is not kept
 * @property {number} rev
 * @property {string|null} reason
 * @property {string|null} by
 */

const SEVERITIES = ['error', 'warning', 'information'];
const SHOWN_ROWS = 200;

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startFindings(app, place) {
  const { state, api } = app;
  /** @type {Row[]} */
  let rows = [];
  /** @type {string|null} finding_id of the one that was gone to */
  let current = null;
  /** @type {string|null} finding_id of the one that is being waived */
  let waiving = null;
  let isBusy = false;
  /** @type {Map<string, string>} what a correction is called in the log -> the rule that suggested it */
  const rules = new Map();
  /** @type {Set<string>} rules that are asked again as soon as the check that runs is over */
  const again = new Set();

  const check = button('Check the labels', 'check', () => void run(null), { class: 'wide' });
  const filter = el('select', { testid: 'finding-filter', id: 'finding-filter', on: { change: () => show() } },
    [['open', 'open'], ['waived', 'waived'], ['fixed', 'fixed'], ['all', 'all']].map(([value, text]) => el('option', { value }, text)));
  const here = el('input', { type: 'checkbox', testid: 'finding-here', id: 'finding-here', on: { change: () => show() } });
  const count = el('p', { class: 'hint', testid: 'finding-count', role: 'status' });
  const list = el('ul', { class: 'finding-list', testid: 'finding-list' });
  put(
    place,
    check,
    el('div', { class: 'field' }, el('label', { for: 'finding-filter' }, 'Show'), filter),
    el('div', { class: 'check' }, here, el('label', { for: 'finding-here' }, 'this frame or the selected track')),
    count,
    list,
  );

  // ------------------------------------------------------------ fetching

  const learn = () => {
    for (const { said } of rows) if (said.suggestion) rules.set(said.suggestion.sentence, said.rule);
  };

  const load = async () => {
    const { scene } = state;
    if (!scene) return;
    const found = await told(app, () => api.get(`/scenes/${scene.id}/findings`));
    if (!found || scene !== state.scene) return;
    rows = found.findings.map((/** @type {any} */ one) => ({ said: one.said, status: one.status, isStale: one.is_stale, entity: one.entity_id, rev: one.rev, reason: one.reason, by: one.waived_by }));
    learn();
    show();
  };

  /** @param {string[]|null} asked rules, all of them where null */
  const run = async (asked) => {
    const { scene } = state;
    if (!scene) return;
    if (isBusy) {
      for (const one of asked ?? []) again.add(one);
      return;
    }
    isBusy = true;
    check.disabled = true;
    const keep = state.may('find');
    const result = await told(app, () =>
      runJob(app, `/scenes/${scene.id}/check`, { keep, rules: asked }, (share) => {
        check.textContent = share === null ? 'Checking …' : `Checking … ${Math.round(100 * share)} %`;
      }));
    isBusy = false;
    check.disabled = false;
    check.textContent = 'Check the labels';
    if (!result || scene !== state.scene) return;
    if (keep) {
      await load();
    } else {
      const fresh = result.findings.map((/** @type {any} */ said) => ({ said, status: 'open', isStale: false, entity: null, rev: 0, reason: null, by: null }));
      rows = asked ? [...rows.filter((one) => !asked.includes(one.said.rule)), ...fresh] : fresh;
      learn();
      show();
    }
    if (!asked) app.say(result.findings.length ? `The check found ${result.findings.length}.` : 'The check found nothing.');
    await runAgain();
  };

  const runAgain = async () => {
    const left = [...again];
    again.clear();
    if (left.length) await run(left);
  };

  // ------------------------------------------------------------ acting

  /** @param {Row} row */
  const go = (row) => {
    const { said } = row;
    current = said.finding_id;
    state.tell('seek', { trackId: said.track_ids[0], frame: said.worst_frame_index });
    show();
  };

  /** @param {Row} row */
  const accept = async (row) => {
    const { scene } = state;
    const what = row.said.suggestion.sentence;
    const done = await told(app, () => api.json('POST', `/scenes/${scene?.id}/corrections`, { body: { finding: row.said, reason: what }, key: newId() }));
    if (!done) return;
    app.edits.note(done.seq, what);
    row.isStale = true;
    show();
    app.say(`Done: ${what}. Undo takes it back.`);
    await run([row.said.rule]);
  };

  /** @param {Row} row @param {string} reason */
  const waive = async (row, reason) => {
    if (!reason.trim()) {
      app.say('A waiver says why the label stays as it is.', 'warning');
      return;
    }
    const done = await told(app, () => api.json('POST', `/findings/${row.entity}/waive`, { body: { reason }, key: newId(), rev: row.rev }));
    if (!done) return;
    waiving = null;
    await load();
  };

  // ------------------------------------------------------------ showing

  /** @param {Row} row */
  const isShown = (row) => {
    if (filter.value !== 'all' && row.status !== filter.value) return false;
    if (!here.checked) return true;
    const selected = state.selected ? app.labels.get(state.selected)?.body.track_id : null;
    const { frame_index: first, last_frame_index: last, track_ids: tracks } = row.said;
    return (first <= state.frame && state.frame <= last) || tracks.includes(selected);
  };

  const listed = () => rows.filter(isShown).sort((a, b) => SEVERITIES.indexOf(a.said.severity) - SEVERITIES.indexOf(b.said.severity));

  const show = () => {
    const open = rows.filter((one) => one.status === 'open');
    state.tell('findings', open.map(({ said }) => ({ frame: said.frame_index, last: said.last_frame_index, severity: said.severity })));
    const shown = listed();
    count.textContent = rows.length ? `${shown.length} shown, ${open.length} open of ${rows.length}` : 'Nothing is kept of this scene yet.';
    if (list.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) return;
    fill(list, shown.slice(0, SHOWN_ROWS).map(item));
    if (shown.length > SHOWN_ROWS) put(list, el('li', { class: 'finding' }, el('span', { class: 'about' }, `and ${shown.length - SHOWN_ROWS} more`)));
  };

  /** @param {Row} row */
  const isFresh = (row) => row.status === 'open' && !row.isStale;
  /** @param {Row} row */
  const mayAccept = (row) => row.said.suggestion?.sentence && isFresh(row) && state.may('edit') && row.said.track_ids.length;
  /** @param {Row} row */
  const mayWaive = (row) => row.entity && isFresh(row) && state.may('waive');

  /** What a key asks for. @param {'next'|'before'|'accept'|'waive'|'check'} what */
  const asked = (what) => {
    if (what === 'check') return void run(null);
    const shown = listed();
    const at = shown.findIndex((one) => one.said.finding_id === current);
    const row = shown[at];
    if (!shown.length) app.say('There is no finding in the list: C checks the labels.');
    else if (what === 'next' || what === 'before') go(shown[at < 0 ? 0 : (at + (what === 'next' ? 1 : -1) + shown.length) % shown.length]);
    else if (!row) app.say('N goes to a finding first.');
    else if (what === 'accept' && mayAccept(row)) void accept(row);
    else if (what === 'waive' && mayWaive(row)) {
      waiving = current;
      show();
    } else app.say(what === 'accept' ? 'This finding suggests nothing that could be done now.' : 'This finding cannot be waived now.');
    list.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
    return undefined;
  };
  state.on('finding', asked);

  /** The whole card leads there; what else is in it does its own. @param {MouseEvent} event @param {Row} row */
  const clicked = (event, row) => {
    if (!(/** @type {Element} */ (event.target).closest('button, form')) && !String(getSelection())) go(row);
  };

  /** @param {Row} row */
  const item = (row) => {
    const { said } = row;
    const frames = said.frame_index === said.last_frame_index ? `frame ${said.frame_index}` : `frames ${said.frame_index} to ${said.last_frame_index}`;
    const state_ = row.status === 'open' ? (row.isStale ? 'changed since' : '') : row.status;
    const mending = said.suggestion?.sentence ?? null;
    const canAccept = mayAccept(row);
    const canWaive = mayWaive(row);
    const made = el('li', { class: 'finding', testid: 'finding', 'data-finding': said.finding_id, 'data-rule': said.rule, on: { click: (/** @type {MouseEvent} */ event) => clicked(event, row) } },
      el('div', { class: 'line' },
        el('span', { class: `badge is-${said.severity}` }, said.severity),
        button(shortened(said.message, said.track_ids), 'finding-go', () => go(row), { class: 'link message', title: `Go there: ${said.message}` })),
      el('div', { class: 'about', title: said.track_ids.join(', ') }, [said.rule.replaceAll('_', ' '), frames, said.track_ids.map(shortOf).join(', '), said.sensor].filter(Boolean).join(' · '), state_ ? ' · ' : '', state_ && el('span', { class: 'badge', testid: 'finding-status' }, state_)),
      row.reason ? el('div', { class: 'about' }, `${row.by}: ${row.reason}`) : null,
      mending ? el('div', { class: 'suggestion', testid: 'finding-suggestion', title: mending }, shortened(mending, said.track_ids)) : null,
      canAccept || canWaive
        ? el('div', { class: 'row' },
            canAccept && button('Do that', 'finding-accept', () => void accept(row), { title: 'Take the suggested correction' }),
            canWaive && button('Waive …', 'finding-waive', () => ((waiving = said.finding_id), show()), { 'aria-expanded': String(waiving === said.finding_id) }))
        : null,
      waiving === said.finding_id && canWaive ? reason(row) : null);
    if (current === said.finding_id) made.setAttribute('aria-current', 'true');
    return made;
  };

  /** @param {Row} row */
  const reason = (row) => {
    const text = el('input', { type: 'text', testid: 'waive-reason', maxlength: 4000, placeholder: 'why the label stays as it is', 'aria-label': 'Reason of the waiver', autocomplete: 'off' });
    const made = el('form', { class: 'reason', on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      text.blur();
      void waive(row, text.value);
    } } }, text, el('button', { type: 'submit', testid: 'waive-done' }, 'Waive'));
    setTimeout(() => text.focus(), 0);
    return made;
  };

  state.on('scene', () => {
    rows = [];
    rules.clear();
    again.clear();
    current = waiving = null;
    show();
    void load();
  });
  for (const event of ['frame', 'selection']) state.on(event, () => here.checked && show());
  state.on('saved', ({ entry }) => {
    const rule = entry.undo === null ? undefined : rules.get(takenBack(entry.what));
    if (rule) void run([rule]); // a correction undone, or done again: what was fixed is open, and the other way round
  });
  let timer = 0;
  for (const event of ['saved', 'heard']) {
    state.on(event, () => {
      if (!rows.some((one) => one.entity)) return;
      clearTimeout(timer);
      timer = setTimeout(() => void load(), 700); // what is stale
    });
  }
  show();
}
