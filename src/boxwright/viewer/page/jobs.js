// @ts-check
/** Long work of the server: sent, waited for, cancelled where nobody waits any more. */

import { ApiError } from './api.js';

/**
 * @param {import('./app.js').App} app @param {string} path @param {any} body
 * @param {(share: number|null) => void} [progress] 0 to 1, null where nobody knows
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} its result
 */
export async function runJob(app, path, body, progress = () => {}, signal = undefined) {
  let job = await app.api.post(path, body);
  let wait = 60;
  while (job.state === 'queued' || job.state === 'running') {
    if (signal?.aborted) {
      await app.api.send('DELETE', `/jobs/${job.job_id}`).catch(() => {});
      throw new ApiError(409, { code: 'cancelled', message: 'cancelled' });
    }
    progress(job.n_all ? job.n_done / job.n_all : null);
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(1000, wait * 1.4);
    job = await app.api.get(`/jobs/${job.job_id}`);
  }
  if (job.state !== 'done') throw new ApiError(422, job.error ?? { code: 'cancelled', message: 'the work was cancelled' });
  return job.result;
}

/**
 * Does something that the server may refuse; the user is told why.
 * @template T
 * @param {import('./app.js').App} app @param {() => Promise<T>} act
 * @returns {Promise<T|null>}
 */
export async function told(app, act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== 'cancelled') app.say(`${error.message}${error.hint ? `: ${error.hint}` : ''}`, 'warning');
    return null;
  }
}
