// How does a fault do the same again and again until it ends?

import { setTimeout as sleep } from 'node:timers/promises';

const STOPPED_WITHIN_MS = 5_000;

/**
 * Does `act` at once and resolves when that is done; then again every `everyMs`, as long as it takes: instants that pass
 * meanwhile are left out. Disposing stops it and waits for the one under way, five seconds at most; it rejects when one has
 * failed, after which there were no more.
 */
export async function startRepeating(everyMs: number, act: () => Promise<void>): Promise<AsyncDisposable> {
  const startMs = performance.now();
  await act();
  const stop = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const goOn = async (): Promise<void> => {
    for (;;) {
      const waitMs = everyMs - ((performance.now() - startMs) % everyMs);
      await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
      await act();
    }
  };
  const done = goOn().catch((error: unknown) => {
    // What it was stopped in the middle of may fail for that.
    if (!stop.signal.aborted) failure = { error };
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.race([done, sleep(STOPPED_WITHIN_MS, undefined, { ref: false })]);
      if (failure !== undefined) throw failure.error;
    },
  };
}
