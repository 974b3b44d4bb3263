// @ts-check
/**
 * The change feed, open while the tab is seen: what others do comes in while they do it. A browser has six connections to a server for all of its tabs,
 * so a hidden tab lets go of its own; seen again, it is told what it has missed.
 */

const WAITS_MS = [500, 2000, 5000];

/**
 * Follows the project from a transaction on.
 * @param {import('./api.js').Api} api
 * @param {number} since
 * @param {(seq: number, changes: any[]) => void} told
 * @param {(isLive: boolean) => void} [live]
 * @returns {() => void} ends it
 */
export function follow(api, since, told, live = () => {}) {
  const ending = new AbortController();
  const { signal } = ending;
  let reading = new AbortController();
  let seq = since;
  let failures = 0;
  document.addEventListener('visibilitychange', () => document.hidden && reading.abort(), { signal });
  signal.addEventListener('abort', () => reading.abort());

  const run = async () => {
    for (;;) {
      await seen(signal);
      if (signal.aborted) return;
      reading = new AbortController();
      try {
        await api.feed(
          seq,
          (row) => {
            if (failures) failures = 0;
            live(true);
            if (row.changes) told(row.seq, row.changes);
            seq = Math.max(seq, row.seq); // now that it is taken in: what failed is told again
          },
          reading.signal,
        );
      } catch {
        // whatever it was, it is asked for again
      }
      if (reading.signal.aborted) {
        failures = 0;
        continue;
      }
      reading.abort(); // what could not be taken in would keep its connection
      if (failures) live(false); // once is nothing: the server ends a feed whose token is renewed
      await new Promise((resolve) => setTimeout(resolve, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)]));
      failures += 1;
    }
  };
  void run();
  return () => ending.abort();
}

/** Until the tab is seen, or the signal comes. @param {AbortSignal} signal */
function seen(signal) {
  return new Promise((resolve) => {
    if (!document.hidden || signal.aborted) return resolve(undefined);
    const heard = new AbortController();
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      heard.abort();
      resolve(undefined);
    };
    document.addEventListener('visibilitychange', look, { signal: heard.signal });
    signal.addEventListener('abort', look, { signal: heard.signal });
  });
}
