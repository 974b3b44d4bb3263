// @ts-check
/** The change feed, kept open: what others do comes in while they do it. */

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
  let seq = since;
  let failures = 0;
  const run = async () => {
    while (!ending.signal.aborted) {
      try {
        await api.feed(
          seq,
          (row) => {
            if (failures) failures = 0;
            live(true);
            if (row.changes) told(row.seq, row.changes);
            seq = Math.max(seq, row.seq); // now that it is taken in: what failed is told again
          },
          ending.signal,
        );
      } catch {
        if (ending.signal.aborted) return;
      }
      if (failures) live(false); // once is nothing: the server ends a feed whose token is renewed
      await new Promise((resolve) => setTimeout(resolve, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)]));
      failures += 1;
    }
  };
  void run();
  return () => ending.abort();
}
