// What can be told of a run while it goes on? The state behind `--metrics`: sums over its cells, and the cell under way.

import type { CellPlan, CellProgress } from '../cell/plan.ts';
import type { Cell } from '../result/result.ts';
import { FAULTS } from '../verify/audit.ts';
import { addLatencies, emptyLatencies, type LatencyBuckets } from './buckets.ts';

/** What the agents of the cell under way have told so far, and its preload. */
export interface LiveReading {
  /** False before the first intended instant. */
  readonly begun: boolean;
  readonly jobs: LiveJobs;
  readonly latencies: LatencyBuckets;
}

export interface LiveJobs {
  offered: number;
  enqueued: number;
  claimed: number;
  settled: number;
}

/** All that is told of one scenario with one contender, since the start of the run. */
export interface PairReading {
  readonly scenario: string;
  readonly contender: string;
  readonly jobs: Readonly<LiveJobs>;
  readonly latencies: LatencyBuckets;
  /** Of checked cells, by the name of the audit's field. */
  readonly findings: ReadonlyMap<string, number>;
  /** Cells by verdict. */
  readonly cells: ReadonlyMap<Cell['verdict'], number>;
}

/** One instant of a run, whole: no half of a cell's end. */
export interface Snapshot {
  readonly pairs: readonly PairReading[];
  /** Absent between cells. `backlog` is absent before the load. */
  readonly current:
    | {
        readonly plan: CellPlan;
        readonly stage: CellProgress['stage'];
        readonly backlog: number | undefined;
      }
    | undefined;
}

const VERDICTS = ['valid', 'invalid', 'incorrect'] as const;

interface Pair extends PairReading {
  readonly jobs: LiveJobs;
  readonly findings: Map<string, number>;
  readonly cells: Map<Cell['verdict'], number>;
}

interface Current {
  readonly plan: CellPlan;
  stage: CellProgress['stage'];
  read: (() => LiveReading) | undefined;
}

/** Told by the run what happens, asked by the server for snapshots. Counters never fall. */
export class LiveMetrics {
  readonly #pairs = new Map<string, Pair>();
  #current: Current | undefined;
  /** Moves with everything but what agents tell during a load. */
  changes = 0;

  /** The cell under way, and how far it is. */
  progress({ plan, stage }: Pick<CellProgress, 'plan' | 'stage'>): void {
    if (this.#current?.plan === plan && this.#current.stage === stage) return;
    const read = this.#current?.plan === plan ? this.#current.read : undefined;
    this.#pair(plan.scenario.name, plan.contender.name);
    this.#current = { plan, stage, read };
    this.changes += 1;
  }

  /** From now on, `read` says what the agents of the cell under way have told. */
  watch(read: () => LiveReading): void {
    if (this.#current !== undefined) this.#current.read = read;
    this.changes += 1;
  }

  /** The cell is checked: its counts become those of the check where agents that were killed could not tell all. */
  ended(cell: Cell): void {
    const pair = this.#pair(cell.scenario, cell.contender.name);
    if (this.#current?.plan.id === cell.id) this.#keep(pair, this.#current, cell.jobs);
    pair.cells.set(cell.verdict, (pair.cells.get(cell.verdict) ?? 0) + 1);
    // A contender is not held to an order that it does not promise: those counts are no faults.
    if (cell.verdict === 'incorrect') {
      for (const kind of FAULTS) pair.findings.set(kind, (pair.findings.get(kind) ?? 0) + cell.audit[kind]);
    }
    this.#current = undefined;
    this.changes += 1;
  }

  /** The cell under way was broken off: what its agents told stays counted. */
  dropped(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#keep(this.#pair(current.plan.scenario.name, current.plan.contender.name), current, undefined);
    this.#current = undefined;
    this.changes += 1;
  }

  snapshot(): Snapshot {
    const current = this.#current;
    const reading = current?.read?.();
    return {
      pairs: [...this.#pairs.values()].map((pair) =>
        current !== undefined &&
        reading !== undefined &&
        pair.scenario === current.plan.scenario.name &&
        pair.contender === current.plan.contender.name
          ? together(pair, reading)
          : pair,
      ),
      current: current && {
        plan: current.plan,
        stage: current.stage,
        backlog:
          reading === undefined || !reading.begun
            ? undefined
            : Math.max(0, reading.jobs.enqueued - reading.jobs.settled),
      },
    };
  }

  #keep(pair: Pair, { read }: Current, checked: Cell['jobs'] | undefined): void {
    const reading = read?.();
    if (reading === undefined) return;
    const { jobs, latencies } = reading;
    pair.jobs.offered += Math.max(jobs.offered, checked?.offered ?? 0);
    pair.jobs.enqueued += Math.max(jobs.enqueued, checked?.enqueued ?? 0);
    pair.jobs.claimed += jobs.claimed;
    pair.jobs.settled += Math.max(jobs.settled, (checked?.settled ?? 0) + (checked?.deadLettered ?? 0));
    addLatencies(pair.latencies, latencies);
  }

  #pair(scenario: string, contender: string): Pair {
    const key = JSON.stringify([scenario, contender]);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = {
        scenario,
        contender,
        jobs: { offered: 0, enqueued: 0, claimed: 0, settled: 0 },
        latencies: emptyLatencies(),
        findings: new Map(FAULTS.map((kind) => [kind, 0])),
        cells: new Map(VERDICTS.map((verdict) => [verdict, 0])),
      };
      this.#pairs.set(key, pair);
    }
    return pair;
  }
}

function together(pair: Pair, reading: LiveReading): PairReading {
  const latencies = emptyLatencies();
  addLatencies(latencies, pair.latencies);
  addLatencies(latencies, reading.latencies);
  return {
    ...pair,
    jobs: {
      offered: pair.jobs.offered + reading.jobs.offered,
      enqueued: pair.jobs.enqueued + reading.jobs.enqueued,
      claimed: pair.jobs.claimed + reading.jobs.claimed,
      settled: pair.jobs.settled + reading.jobs.settled,
    },
    latencies,
  };
}
