// When are preloaded jobs due, and what does the ledger know of them?

import { preloadedJobs, type Scenario } from '../../scenarios/scenario.ts';
import type { BenchJob } from '../contender.ts';
import { Delays, type Eligibility } from '../load/delays.ts';
import type { Ledger } from '../measure/ledger.ts';
import type { Delayed } from './result.ts';

/** What every queue here takes at least, in jobs/s, and what there is to do beside the preload: to settle down, agents, clocks. */
const PRELOAD_PER_SEC = 10_000;
const BESIDE_SECONDS = 6;

/** When the jobs of `preload.delayed` are to be due, if the preload begins at `nowUs`; undefined without such. µs of the machine's clock. */
export function dueInstantUs({ preload }: Pick<Scenario, 'preload'>, nowUs: number): number | undefined {
  if (preload.delayed === undefined) return undefined;
  const seconds = (preloadedJobs({ preload }) + preload.finished) / PRELOAD_PER_SEC + BESIDE_SECONDS;
  return nowUs + (seconds + preload.delayed.dueAtSeconds) * 1e6;
}

/** When the load has to start for that; undefined where it may start at any time. */
export function startFor(
  { preload }: Pick<Scenario, 'preload'>,
  delayed: Delayed | undefined,
): number | undefined {
  if (preload.delayed === undefined || delayed?.dueUs === undefined) return undefined;
  return delayed.dueUs - preload.delayed.dueAtSeconds * 1e6;
}

/** Preloaded jobs wait from the moment at which the preload began, or for the instant that is theirs together. */
class Waits {
  readonly #scenario: Scenario;
  readonly #delayed: Delayed;
  readonly #delays: Delays;

  constructor(scenario: Scenario, delayed: Delayed) {
    this.#scenario = scenario;
    this.#delayed = delayed;
    this.#delays = new Delays(scenario.job.delays, delayed.clock.offsetUs);
  }

  /** `delayUs` counts from `preloadUs`. */
  of(key: number): Eligibility | undefined {
    const { dueUs, preloadUs, clock } = this.#delayed;
    if (dueUs === undefined) return this.#delays.of(key, preloadUs);
    if (key < this.#scenario.preload.ready) return undefined;
    const runAtMs = Math.ceil((dueUs + clock.offsetUs) / 1000);
    return { runAtMs, delayUs: runAtMs * 1000 - clock.offsetUs - preloadUs };
  }
}

export function* withRunAt(
  jobs: Iterable<BenchJob>,
  scenario: Scenario,
  delayed: Delayed,
): Generator<BenchJob> {
  const waits = new Waits(scenario, delayed);
  for (const job of jobs) {
    const eligibility = waits.of(job.key);
    yield eligibility === undefined ? job : { ...job, runAtMs: eligibility.runAtMs };
  }
}

/** Tells the ledger of a load that started at `startUs`. */
export function delayPreload(scenario: Scenario, ledger: Ledger, startUs: number, delayed: Delayed): void {
  const waits = new Waits(scenario, delayed);
  for (let key = 0; key < preloadedJobs(scenario); key += 1) {
    const eligibility = waits.of(key);
    if (eligibility !== undefined) ledger.delay(key, delayed.preloadUs + eligibility.delayUs - startUs);
  }
}
