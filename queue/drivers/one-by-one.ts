// How are statements kept apart, so that each waits for the answer to the one before it?

/** Runs what it is given one after the other, in the order of the calls, whether the one before succeeded or failed. */
export type OneByOne = <T>(work: () => Promise<T>) => Promise<T>;

/** The turns of one connection. */
export function oneByOne(): OneByOne {
  let last: Promise<void> = Promise.resolve();
  return async (work) => {
    const before = last;
    const turn = Promise.withResolvers<void>();
    last = turn.promise;
    await before;
    try {
      return await work();
    } finally {
      turn.resolve();
    }
  };
}
