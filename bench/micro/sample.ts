// How long does one operation take, over and over, and nothing but the operation?

import { Bench } from 'tinybench';

/** One operation. Only `run` is timed; what any of its parts rejects with ends the sampling. */
export interface Timed {
  /** Before the first run, and again between warm-up and measurement. */
  open?(): Promise<void>;
  /** Makes what the next run needs. */
  before?(): Promise<void>;
  run(): unknown;
  /** Proves the answer of the last run, and makes the place as it was. */
  after?(): Promise<void>;
  /** Undoes `open`. */
  close?(): Promise<void>;
}

export interface Budget {
  /** Time of the measured runs, what lies between them included, ms. */
  readonly ms: number;
  /** As many runs at least, whatever they take. */
  readonly runs: number;
  /** The same of the runs before, which do not count. */
  readonly warmUpMs: number;
  readonly warmUpRuns: number;
}

/**
 * Times of `timed.run` in µs, ascending, at least `budget.runs` of them; warm-up left out. Rejects with what a part of `timed`
 * rejects with, and with the signal's reason when it is aborted.
 */
export async function sample(timed: Timed, budget: Budget, signal: AbortSignal): Promise<number[]> {
  const bench = benchOf(budget, signal);
  let lapMs = 0;
  const run = async () => {
    await timed.run();
    // What lies between two runs counts against the budget: else a set-up ten times as long as its run makes ten times the wait.
    const beganMs = lapMs;
    lapMs = performance.now();
    return { overriddenIterationCost: lapMs - beganMs };
  };
  bench.add('operation', run, {
    async: true,
    async beforeAll() {
      await timed.open?.();
      lapMs = performance.now();
    },
    ...(timed.before === undefined ? {} : { beforeEach: () => timed.before?.() }),
    ...(timed.after === undefined ? {} : { afterEach: () => timed.after?.() }),
    afterAll: () => timed.close?.(),
  });
  return samplesOf(bench, signal);
}

/** The same of an operation that ends before it returns, so that no turn of the event loop is in its time. */
export async function sampleSync(run: () => void, budget: Budget, signal: AbortSignal): Promise<number[]> {
  const bench = benchOf(budget, signal);
  bench.add('operation', run, { async: false });
  return samplesOf(bench, signal);
}

/** One run at a time, each sample kept. */
function benchOf(budget: Budget, signal: AbortSignal): Bench {
  return new Bench({
    concurrency: null,
    iterations: budget.runs,
    retainSamples: true,
    signal,
    time: budget.ms,
    warmup: true,
    warmupIterations: budget.warmUpRuns,
    warmupTime: budget.warmUpMs,
  });
}

async function samplesOf(bench: Bench, signal: AbortSignal): Promise<number[]> {
  const [task] = await bench.run();
  signal.throwIfAborted();
  const result = task?.result;
  if (result?.state === 'errored') throw result.error;
  if (result?.state !== 'completed' || result.latency.samples === undefined)
    throw new Error(`the sampling ended as ${result?.state ?? 'nothing'}`);
  return result.latency.samples.map((ms) => ms * 1000);
}
