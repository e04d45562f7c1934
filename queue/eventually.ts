// How do tests wait for what happens in its own time?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Only bounds a failure: on a busy machine things take long, and none of the tests measures time. */
const DEADLINE_MS = 20_000;
const PROBE_MS = 5;

/** Resolves as soon as `probe` answers true. Fails with `what` when it does not within 20 s. */
export async function eventually(probe: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!(await probe())) {
    assert(performance.now() < endMs, `did not happen: ${what}`);
    await sleep(PROBE_MS);
  }
}
