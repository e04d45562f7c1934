// What has each job of its own: its work, whether it fails, its keys? Drawn from its key and the seed alone.

import type { JobShape } from '../../scenarios/job.ts';
import { type KeyedDraw, keyedDraw } from '../../stats/random.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { BenchJob } from '../contender.ts';
import { asksRetries } from './failing.ts';
import { handlerMs, wholeMs } from './handler-times.ts';

/** What the traits are drawn from; plain data, for agents. */
export interface TraitsPlan {
  readonly job: JobShape;
  readonly seed: number;
  readonly stream: string;
  /** Keys below are preloaded, and have no unique key: a queue would take one of each. */
  readonly preloaded: number;
  /** Whether failures are part of the scenario, so that attempts and retries are the scenario's to say. */
  readonly retries: boolean;
  /** Of transactions, drawn by the key of their first job. */
  readonly rollbackShare: number;
}

/** The same for every contender of a block, as are arrivals. */
export function traitsOf({ scenario, repeat, seed }: CellPlan, preloaded: number): TraitsPlan {
  return {
    job: scenario.job,
    seed,
    stream: `${scenario.name}/${repeat}/job`,
    preloaded,
    retries: asksRetries(scenario),
    rollbackShare: scenario.producers.transaction?.rollbackShare ?? 0,
  };
}

type Extras = Pick<BenchJob, 'maxAttempts' | 'concurrencyKey' | 'unique'>;

/** What the jobs of one cell draw. */
export class JobTraits {
  readonly #plan: TraitsPlan;
  readonly #draws = new Map<string, KeyedDraw>();

  constructor(plan: TraitsPlan) {
    this.#plan = plan;
  }

  /** In whole ms; of computing where the law is `cpu`. */
  workMs(key: number): number {
    const { handler } = this.#plan.job;
    if (handler.time === 'none') return 0;
    const ms = handlerMs(handler, this.#draw('time', key));
    return handler.time === 'cpu' ? ms : wholeMs(ms, this.#draw('fraction', key));
  }

  /** Whether some attempt may throw. */
  get anyFails(): boolean {
    const { failShare, poisonShare } = this.#plan.job;
    return failShare > 0 || poisonShare > 0;
  }

  isPoison(key: number): boolean {
    const { poisonShare } = this.#plan.job;
    return poisonShare > 0 && this.#draw('poison', key) < poisonShare;
  }

  /** Whether the handler throws at this attempt, from 1, whatever else befalls it. */
  fails(key: number, attempt: number): boolean {
    const { failShare } = this.#plan.job;
    return this.isPoison(key) || (failShare > 0 && this.#draw('fail', key, attempt) < failShare);
  }

  /** Whether the transaction whose first job this is rolls back on purpose. */
  rollsBack(firstKey: number): boolean {
    const { rollbackShare } = this.#plan;
    return rollbackShare > 0 && this.#draw('rollback', firstKey) < rollbackShare;
  }

  /** The number of its concurrency key; undefined where jobs have none. */
  keyNumber(key: number): number | undefined {
    const { keys } = this.#plan.job;
    if (keys === undefined) return undefined;
    const { count, hotShare } = keys;
    if (hotShare === 0 || count === 1) return Math.floor(this.#draw('key', key) * count);
    if (this.#draw('hot', key) < hotShare) return 0;
    return 1 + Math.floor(this.#draw('key', key) * (count - 1));
  }

  /** The number of its unique key; undefined where it has none. */
  uniqueNumber(key: number): number | undefined {
    const { job, preloaded } = this.#plan;
    if (job.unique === undefined || key < preloaded) return undefined;
    return Math.floor(this.#draw('unique', key) * job.unique.count);
  }

  /** What of all this travels with the job. */
  extras(key: number): Extras {
    const { job, retries } = this.#plan;
    const concurrency = this.keyNumber(key);
    const unique = this.uniqueNumber(key);
    return {
      ...(retries ? { maxAttempts: job.maxAttempts } : {}),
      ...(concurrency === undefined ? {} : { concurrencyKey: `key-${concurrency}` }),
      ...(unique === undefined || job.unique === undefined
        ? {}
        : { unique: { key: `unique-${unique}`, policy: job.unique.policy } }),
    };
  }

  #draw(of: string, key: number, turn?: number): number {
    let draw = this.#draws.get(of);
    if (draw === undefined) {
      draw = keyedDraw(this.#plan.seed, `${this.#plan.stream}/${of}`);
      this.#draws.set(of, draw);
    }
    return draw(key, turn);
  }
}
