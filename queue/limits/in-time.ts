// What if the server does not answer?

import { setTimeout as sleep } from 'node:timers/promises';

/** A statement without an answer for so long, on a connection that is dead perhaps, has failed. */
const HANGS_MS = 5_000;

/**
 * Resolves to what `asked` does, and rejects when it does, or when it takes longer than 5 s. An answer after that goes to
 * `onLate`.
 */
export async function inTime<T>(asked: Promise<T>, onLate: (answer: T) => void): Promise<T> {
  let late = false;
  const { promise: never, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late = true;
    reject(new Error(`the server has not answered within ${HANGS_MS} ms`));
  }, HANGS_MS);
  asked.then(
    (answer) => {
      if (late) onLate(answer);
    },
    () => undefined,
  );
  try {
    return await Promise.race([asked, never]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when `work` does, or after `ms`. */
export async function atMost(ms: number, work: Promise<void>): Promise<void> {
  const giveUp = new AbortController();
  const late = sleep(ms, undefined, { signal: giveUp.signal }).catch(() => undefined);
  await Promise.race([work, late]);
  giveUp.abort();
}
