// Which statement of graphile-worker is a claim or a settle, and of which jobs? Told to the recorder as it is sent and answered.

import type { ConsumerOptions, SettleKind } from '../../../harness/contender.ts';
import { keyOf } from '../../../harness/measure/recorded-strategy.ts';
import type { Outcome, SentStatement } from './sessions.ts';

/** Its prepared statements go by `<what>/<schema>`, with the number of jobs behind a fetch of more than one. */
const NAME = /^(get_job|complete_job|fail_job|return_job)s?(\d*)(?:_q)?[FN]*\//;

const KINDS: Readonly<Record<string, SettleKind>> = {
  complete_job: 'ack',
  fail_job: 'retry',
  return_job: 'release',
};

/** One worker pool's claims and settles: it locks under one name, so it is one claimer. */
export class ClaimBook {
  readonly #options: ConsumerOptions;
  readonly #claimer: number;
  readonly #batch: number;
  readonly #keys = new Map<string, number>();

  constructor(options: ConsumerOptions, claimer: number, batch: number) {
    this.#options = options;
    this.#claimer = claimer;
    this.#batch = batch;
  }

  /** Notes a statement that is about to be sent; undefined for one that neither claims nor settles. */
  sent({ name, values }: SentStatement): Outcome | undefined {
    const what = name === undefined ? undefined : NAME.exec(name)?.[1];
    if (what === undefined) return undefined;
    const kind = KINDS[what];
    return kind === undefined ? this.#claim() : this.#settle(kind, idsOf(values, this.#keys));
  }

  #claim(): Outcome {
    const { events, nowUs } = this.#options;
    const requestedUs = nowUs();
    return {
      answered: (result) => {
        const jobs = jobsOf(result);
        if (jobs.length > this.#batch) events.overClaimed(this.#claimer, jobs.length - this.#batch);
        if (jobs.length === 0) {
          // Others of the pool may hold jobs: this proves nothing.
          events.emptyClaim(this.#claimer);
          return;
        }
        for (const { id, key } of jobs) this.#keys.set(id, key);
        events.claimed(
          this.#claimer,
          requestedUs,
          jobs.map((job) => job.key),
          jobs.map((job) => job.attempt),
          this.#batch,
        );
      },
      failed: (error) => events.error(error),
    };
  }

  #settle(kind: SettleKind, ids: readonly string[]): Outcome | undefined {
    if (ids.length === 0) return undefined;
    const { events } = this.#options;
    const keys = ids.map((id) => this.#keys.get(id) ?? keyOf(undefined));
    const settle = events.settling(
      this.#claimer,
      keys,
      keys.map(() => kind),
    );
    return {
      answered: (result) => {
        const changed = rowCountOf(result);
        for (const id of ids) this.#keys.delete(id);
        if (changed === ids.length) events.settled(this.#claimer, settle, []);
        else if (changed === 0) events.settled(this.#claimer, settle, keys);
        else
          events.settleFailed(
            this.#claimer,
            settle,
            new Error(`${changed} of ${ids.length} settles took effect, and nobody says which`),
          );
      },
      failed: (error) => events.settleFailed(this.#claimer, settle, error),
    };
  }
}

interface FetchedJob {
  readonly id: string;
  readonly key: number;
  readonly attempt: number;
}

function jobsOf(result: unknown): FetchedJob[] {
  if (typeof result !== 'object' || result === null || !('rows' in result) || !Array.isArray(result.rows))
    throw new Error('a fetch of graphile-worker was answered without rows');
  return result.rows.map((row: unknown) => {
    if (typeof row !== 'object' || row === null || !('id' in row) || !('payload' in row))
      throw new Error('a fetch of graphile-worker returned what is no job');
    const attempt = 'attempts' in row && typeof row.attempts === 'number' ? row.attempts : 1;
    return { id: String(row.id), key: keyOf(row.payload), attempt };
  });
}

function rowCountOf(result: unknown): number {
  if (typeof result !== 'object' || result === null || !('rowCount' in result)) return Number.NaN;
  return typeof result.rowCount === 'number' ? result.rowCount : Number.NaN;
}

/** Ids stand among the values singly or as a list, beside the name of the pool or a message: known ids are meant. */
function idsOf(values: readonly unknown[], known: ReadonlyMap<string, number>): string[] {
  return values.flat().flatMap((value) => {
    const id = String(value);
    return known.has(id) ? [id] : [];
  });
}
