// @ts-check
/** The page: what it is made of, and how it starts. */

import { Api, ApiError } from './api.js';
import { byId } from './dom.js';
import { FRESH, showDoor } from './door.js';
import { Edits } from './edits.js';
import { Frames } from './frames.js';
import { startHelp } from './help.js';
import { startKeys } from './keys.js';
import { Labels } from './labels.js';
import { follow } from './live.js';
import { startJudge } from './judge.js';
import { startNotices } from './notices.js';
import { startObject } from './object_panel.js';
import { startPaint } from './paint_panel.js';
import { startPictures } from './pictures.js';
import { startShapes } from './shapes.js';
import { startSpace } from './space.js';
import { State, sceneHead } from './state.js';
import { storedIn } from './stored.js';
import { startTabs } from './tabs.js';
import { startTags } from './tags_panel.js';
import { Taxonomy } from './taxonomy.js';
import { startTimeline } from './timeline.js';
import { startTools } from './tools.js';
import { startTopbar } from './topbar.js';
import { startTracks } from './tracks_list.js';
import { Verbs } from './verbs.js';

/** Everything that a part of the page may need. */
export class App {
  constructor() {
    this.api = new Api();
    this.state = new State();
    this.labels = new Labels(this.state);
    this.edits = new Edits(this.api, this.state, this.labels);
    this.frames = new Frames(this.api, this.state);
    this.taxonomy = new Taxonomy(this.api, () => this.state.tell('taxonomy'));
    this.verbs = new Verbs(this);
    /** @type {import('./space.js').Space|null} */
    this.space = null;
    /** @type {import('./pictures.js').Pictures|null} */
    this.pictures = null;
    this.endFeed = () => {};
  }

  /** A sentence for the user. @param {string} text @param {'info'|'warning'|'error'} [kind] */
  say(text, kind = 'info') {
    this.state.tell('notice', { text, kind });
  }

  /** What is selected into the middle, in the perspective and in the picture that is large. */
  lookAtSelected() {
    this.space?.lookAtSelected();
    this.pictures?.lookAtSelected();
  }

  async start() {
    const said = await this.api.open();
    const [me, project, { scenes }] = await Promise.all(['/me', '/project', '/scenes'].map((path) => this.api.get(path)));
    this.state.me = me;
    this.state.scenes = scenes;
    void this.#compiled(project);
    document.title = `${project.name} · boxwright`;
    this.state.tell('scenes');
    const wanted = this.state.scenes.find((one) => one.name === said.get('scene')) ?? this.state.scenes[0];
    await this.edits.restore(project.project_id);
    void this.taxonomy.load().then(() => this.state.tell('taxonomy'));
    if (!wanted) {
      this.say('This project has no scenes yet: boxwright import PROJECT PATH brings one in.');
      return;
    }
    const frame = said.get('frame');
    await this.openScene(wanted.scene_id, frame === null ? undefined : Number(frame));
  }

  /** Shows a scene. @param {string} sceneId @param {number} [asked] the frame; without one the first that was recorded */
  async openScene(sceneId, asked) {
    const { state } = this;
    this.endFeed();
    this.frames.reset();
    const told = await this.api.get(`/scenes/${sceneId}`, { poses: false });
    state.scene = sceneHead(told);
    this.taxonomy.tell(told.colors);
    state.selected = null;
    state.draft = null;
    const frame = asked ?? state.recorded[0]?.[0] ?? 0;
    state.frame = Math.max(0, Math.min(state.nFrames - 1, frame < 0 ? state.nFrames + frame : frame));
    this.labels.reset({ seq: told.seq, entities: [] });
    this.#remember(state.frame);
    state.tell('scene');
    const showing = this.frames.load();
    const [found, log] = await Promise.all([
      this.#labelsOf(sceneId),
      this.api.get(`/scenes/${sceneId}/log`, { most: 200 }),
    ]);
    if (state.scene.id !== sceneId) return;
    this.labels.reset(found);
    this.edits.remember(log.transactions, sceneId);
    this.edits.savedSeq = found.seq;
    this.labels.lay(this.edits.queue.filter((one) => one.scene === sceneId).map((one) => one.edits));
    state.tell('labels');
    state.tell('edits');
    this.endFeed = follow(
      this.api,
      found.seq,
      (seq, changes) => this.#heard(seq, changes),
      (isLive) => {
        state.isLive = isLive;
        state.tell('edits');
      },
    );
    await showing;
  }

  /** Tells while the server compiles kernels, which answers wait for. @param {{compiling: string|null}} project */
  async #compiled(project) {
    const { state } = this;
    for (let told = project; told?.compiling; told = await this.api.get('/project').catch(() => null)) {
      if (!state.isCompiling) {
        state.isCompiling = true;
        state.tell('compiling');
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (!state.isCompiling) return;
    state.isCompiling = false;
    state.tell('compiling');
  }

  /** Labels of a scene, packed where they come over a network. @param {string} sceneId */
  async #labelsOf(sceneId) {
    const isNear = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
    const query = { kind: ['track', 'keyframe', 'tag', 'relation'], form: 'lines', compress: isNear ? 'no' : 'gzip' };
    return storedIn(sceneId, await (await this.api.send('GET', `/scenes/${sceneId}/entities`, { query })).text());
  }

  /** @param {number} seq @param {any[]} changes */
  #heard(seq, changes) {
    const { state, labels } = this;
    state.tell('heard', { seq, changes });
    if (!labels.apply(seq, changes)) return;
    if (state.selected && !labels.get(state.selected)) state.select(null);
    this.frames.stale();
    state.tell('labels');
    void this.#refresh();
  }

  /** What the server makes of labels, anew: the cuboids of the frame, and the classes of its points where they are shown. */
  #refresh() {
    return this.state.show.colour === 'class' ? this.frames.load() : this.frames.reload();
  }

  /** The address says what is shown, so that it comes again after a reload. @param {number} frame */
  #remember(frame) {
    const { scene } = this.state;
    if (scene) history.replaceState(null, '', `#${new URLSearchParams({ scene: scene.name, frame: String(frame) })}`);
  }

  wire() {
    const { state } = this;
    state.on('frame', () => {
      this.#remember(state.frame);
      void this.frames.load();
    });
    state.on('saved', () => {
      this.frames.stale();
      if (state.selected && !this.labels.get(state.selected)) state.select(null);
      void this.#refresh();
    });
    state.on('seek', ({ trackId, frame }) => {
      if (frame !== undefined) state.go(frame);
      const track = trackId === undefined ? undefined : this.labels.named(trackId);
      if (track) state.select(track.id);
    });
  }
}

async function main() {
  const app = new App();
  /** @type {any} */ (window).boxwright = app;
  startNotices(app, byId('notices'));
  startTopbar(app, byId('topbar'));
  startTools(app, byId('tools'));
  startTracks(app, byId('tracks'));
  startTabs(app, byId('tabs'));
  startObject(app, byId('object'));
  startTags(app, byId('tags'));
  startTimeline(app, byId('timeline'));
  startHelp(app, /** @type {HTMLDialogElement} */ (byId('help')));
  app.pictures = startPictures(app, byId('pictures'));
  startPaint(app, byId('points'), startShapes(app, byId('shapes')));
  startJudge(app, byId('judge'));
  startKeys(app);
  app.wire();
  app.space = startSpace(app, byId('space'));
  app.api.onBack = () => app.state.tell('answers');
  try {
    await app.start();
    document.body.dataset.ready = 'yes';
    app.api.onLost = () => app.say(`The token of this tab has ended. ${FRESH}`, 'error');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) showDoor(error.message);
    else app.say(`${error.message}. ${error.hint ?? ''}`, 'error');
  }
}

void main();
