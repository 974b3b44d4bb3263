// @ts-check
/** Two labellings of one recording over each other, and what gold and other annotators say of them. */

import { button, el, fill, put } from './dom.js';
import { runJob, told } from './jobs.js';
import { shortOf } from './taxonomy.js';

const OTHER = [255, 140, 240];
const SHOWN_ROWS = 120;
const DEGREE = Math.PI / 180;

/** @param {import('./app.js').App} app @param {HTMLElement} place */
export function startCompare(app, place) {
  const { state, api } = app;
  /** @type {any} comparison of the frame `frame` */
  let found = null;
  let frame = -1;
  let number = 0;
  /** @type {Record<string, {cuboids: any[]}>} */
  let projected = {};
  /** @type {any[]} */
  let errors = [];

  const other = el('select', { testid: 'compare-other', id: 'compare-other', on: { change: () => void restart() } });
  const key = el('p', { class: 'hint' }, el('span', { class: 'key-a', 'aria-hidden': 'true' }), 'this scene ', el('span', { class: 'key-b', 'aria-hidden': 'true' }), 'the other one');
  const figures = el('dl', { class: 'figures', testid: 'compare-figures' });
  const list = el('ul', { class: 'pair-list', testid: 'compare-list' });
  const scored = el('dl', { class: 'figures', testid: 'score-figures' });
  const wrong = el('ul', { class: 'pair-list', testid: 'score-errors' });
  const whole = el('details', { hidden: true }, el('summary', { testid: 'score-more' }, 'Errors, the first first'), wrong);
  const frameRows = el('details', { open: true }, el('summary', { testid: 'compare-frame' }, 'In this frame'), list);
  const score = button('Score against it', 'score', () => void runScore(), { title: 'The other scene is taken for gold' });
  const agree = button('Agreement', 'agreement', () => void runAgreement());
  put(
    place,
    el('div', { class: 'field' }, el('label', { for: 'compare-other' }, 'Compare with'), other),
    key,
    el('div', { class: 'row' }, score, agree),
    scored,
    whole,
    figures,
    frameRows,
  );

  const showScenes = () => {
    const now = other.value;
    fill(other, el('option', { value: '' }, 'nothing'), state.scenes.filter((one) => one.scene_id !== state.scene?.id).map((one) => el('option', { value: one.scene_id }, one.name)));
    other.value = [...other.options].some((one) => one.value === now) ? now : '';
    score.hidden = agree.hidden = !state.may('see_gold');
    score.disabled = agree.disabled = !other.value;
  };

  const restart = async () => {
    fill(scored);
    fill(wrong);
    whole.hidden = true;
    errors = [];
    await load();
  };

  const load = async () => {
    showScenes();
    number += 1;
    const mine = number;
    const { scene } = state;
    if (!other.value || !scene) {
      found = null;
      show();
      return;
    }
    const at = state.frame;
    const answer = await told(app, () => api.get(`/scenes/${scene.id}/frames/${at}/comparison`, { other: other.value }));
    if (mine !== number) return;
    found = answer;
    frame = at;
    projected = {};
    show();
    const cuboids = theirs().map((one) => ({ center_m: one.center_m, size_m: one.size_m, quat_wxyz: one.quat_wxyz })).slice(0, 100);
    if (!cuboids.length || !scene.cameras.length) return;
    const shown = await told(app, () => api.post(`/scenes/${scene.id}/frames/${at}/projections`, { cuboids, frame: found.frame }));
    if (mine !== number || !shown) return;
    projected = shown.cameras;
    app.pictures?.draw();
  };

  /** @returns {any[]} cuboids of the other scene */
  const theirs = () => (found ? [...found.pairs.map((/** @type {any} */ one) => one.b), ...found.only_b] : []);

  const show = () => {
    const isOn = Boolean(found);
    key.hidden = figures.hidden = frameRows.hidden = !isOn;
    app.space?.showOthers(theirs().map((one) => ({
      id: `other ${one.track_id}`, name: one.track_id, category: one.category, color: OTHER, isKeyframe: false, visibility: 'visible',
      cuboid: { center: one.center_m, size: one.size_m, quat: one.quat_wxyz },
    })));
    app.pictures?.draw();
    if (!found) {
      fill(figures);
      fill(list);
      return;
    }
    const pairs = [...found.pairs].sort((a, b) => a.similarity - b.similarity);
    const mean = pairs.reduce((sum, one) => sum + one.similarity, 0) / (pairs.length || 1);
    fill(
      figures,
      fact('In both', String(pairs.length), 'compare-both'),
      fact('Only here', String(found.only_a.length), 'compare-only-a'),
      fact('Only there', String(found.only_b.length), 'compare-only-b'),
      fact('Mean likeness', pairs.length ? mean.toFixed(2) : '–', 'compare-mean'),
    );
    const rows = [
      ...found.only_a.map((/** @type {any} */ one) => line(`${shortOf(one.track_id)} is only here`, one.category, () => pick(one.track_id))),
      ...found.only_b.map((/** @type {any} */ one) => line(`${shortOf(one.track_id)} is only there`, one.category, () => look(one))),
      ...pairs.map((one) => line(
        `${shortOf(one.a.track_id)} and ${shortOf(one.b.track_id)}`,
        `likeness ${one.similarity.toFixed(2)}, ${one.distance_m.toFixed(2)} m apart, ${(one.yaw_rad / DEGREE).toFixed(1)}°${one.is_same_class ? '' : `, ${one.a.category} and ${one.b.category}`}`,
        () => pick(one.a.track_id),
      )),
    ];
    fill(list, rows.slice(0, SHOWN_ROWS));
  };

  /** @param {string} name @param {string} value @param {string} testid */
  const fact = (name, value, testid) => [el('dt', {}, name), el('dd', { testid }, value)];

  /** @param {string} text @param {string} about @param {() => void} act */
  const line = (text, about, act) => el('li', {}, el('button', { type: 'button', class: 'pair', testid: 'pair', on: { click: act } }, text, el('span', { class: 'about' }, ` · ${about}`)));

  /** @param {string} trackId */
  const pick = (trackId) => state.tell('seek', { trackId });

  /** A cuboid of the other scene in the middle. @param {any} one */
  const look = (one) => app.space?.lookAt({ center: one.center_m, size: one.size_m, quat: one.quat_wxyz });

  // ------------------------------------------------------------ figures of whole scenes

  /** @param {any} one an estimate, or a number */
  const figure = (one) => {
    const value = typeof one === 'number' ? one : one?.value;
    return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(3) : '–';
  };

  const runScore = async () => {
    const { scene } = state;
    const result = await told(app, () => runJob(app, '/score', { scene_id: scene?.id, gold_id: other.value }, (share) => busy(score, 'Score against it', share)));
    busy(score, 'Score against it', 1);
    if (!result || scene !== state.scene) return;
    const { overall, tracking, n_errors: n } = result;
    errors = result.errors;
    fill(
      scored,
      fact('F1', figure(overall.f1), 'score-f1'), fact('Precision', figure(overall.precision), 'score-precision'), fact('Recall', figure(overall.recall), 'score-recall'),
      fact('IoU', figure(overall.iou), 'score-iou'), fact('Off, m', figure(overall.ate_m), 'score-ate'), fact('HOTA', figure(tracking.hota), 'score-hota'),
      fact('Errors', Object.entries(n).filter(([, one]) => one).map(([kind, one]) => `${one} ${kind.replaceAll('_', ' ')}`).join(', ') || 'none', 'score-errors-by-kind'),
    );
    fill(wrong, errors.slice(0, SHOWN_ROWS).map((one) => line(
      `${one.kind.replaceAll('_', ' ')}: ${shortOf(one.track_id ?? one.gold_track_id)}`,
      `frame ${one.frame_index}${one.off_by === null ? '' : `, off by ${one.off_by.toFixed(2)} ${one.unit}`}`,
      () => state.tell('seek', { trackId: one.track_id ?? one.gold_track_id, frame: one.frame_index }),
    )));
    whole.hidden = !errors.length;
    if (errors.length > SHOWN_ROWS) put(wrong, el('li', { class: 'pair' }, `and ${errors.length - SHOWN_ROWS} more`));
  };

  const runAgreement = async () => {
    const { scene } = state;
    const result = await told(app, () => runJob(app, '/agreement', { scene_ids: [scene?.id, other.value] }, (share) => busy(agree, 'Agreement', share)));
    busy(agree, 'Agreement', 1);
    if (!result || scene !== state.scene) return;
    const of = result.overall;
    whole.hidden = true;
    fill(scored, fact('Frames', String(result.n_frames), 'agreement-frames'), fact('Matched', figure(of.matched_share), 'agreement-matched'),
      fact('Alpha of classes', figure(of.alpha_class), 'agreement-alpha'), fact('Disagreements', String(result.disagreements.length), 'agreement-count'));
    fill(wrong, result.disagreements.slice(0, SHOWN_ROWS).map((/** @type {any} */ one) => {
      const ids = Object.values(one.track_ids).flat();
      const frames = one.first_frame === one.last_frame ? `frame ${one.first_frame}` : `frames ${one.first_frame} to ${one.last_frame}`;
      const far = one.off_by === null ? '' : `, up to ${one.off_by.toFixed(2)} ${one.unit}`;
      whole.hidden = false;
      return line(`${one.kind.replaceAll('_', ' ')}: ${ids.map(shortOf).join(', ')}`, `${frames}${far}`, () => state.tell('seek', { trackId: one.track_ids[scene?.name ?? '']?.[0], frame: one.first_frame }));
    }));
  };

  /** @param {HTMLButtonElement} one @param {string} text @param {number|null} share */
  const busy = (one, text, share) => {
    one.disabled = share !== 1 || !other.value;
    one.textContent = share === 1 ? text : `${text} …`;
  };

  if (app.pictures) {
    app.pictures.overlays.set('compare', (camera) =>
      frame === state.frame && found ? (projected[camera]?.cuboids ?? []).map((one) => [one, { colour: OTHER, dash: [4, 3], width: 1.5 }]) : []);
  }
  state.on('scenes', showScenes);
  state.on('scene', () => {
    other.value = '';
    void restart();
  });
  state.on('frame', () => other.value && void load());
  for (const event of ['saved', 'heard']) state.on(event, () => other.value && void load());
  showScenes();
  show();
}
