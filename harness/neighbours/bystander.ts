// How does a cell get a neighbour: somebody else's transactions in the same database, and what became of them?

import { join } from 'node:path';
import { totalSeconds } from '../../scenarios/scenario.ts';
import { randomStream } from '../../stats/random.ts';
import type { CellPlan } from '../cell/plan.ts';
import { CannotMeasure, oneLine } from '../errors.ts';
import type { Pacing } from '../load/alarm.ts';
import { arrivals } from '../load/arrivals.ts';
import { nowUs } from '../load/clock.ts';
import type { Priority } from '../load/priority.ts';
import type { BystanderFigures, ContractClass, Sample } from '../result/result.ts';
import type { CellDatabase } from '../server/server.ts';
import { booksProblems, countProblems, generatorProblems } from './bystander-audit.ts';
import { type Account, accountOf } from './bystander-figures.ts';
import { BystanderProcess } from './bystander-process.ts';
import { type BystanderStopped, bystanderArrivals, STREAMS } from './bystander-protocol.ts';
import { readRecords } from './bystander-records.ts';
import {
  BYSTANDER_SCHEMA,
  createBystanderTables,
  dropBystanderTables,
  readBooks,
} from './bystander-tables.ts';

const STOP_DEADLINE_MS = 5_000;

export interface BystanderOptions {
  readonly plan: CellPlan;
  /** Absent for a contender without one, beside which nobody can be. */
  readonly database: CellDatabase | undefined;
  /** A folder of the cell's. */
  readonly scratch: string;
  readonly cpus?: readonly number[] | undefined;
  readonly pacing?: Pacing | undefined;
  readonly priority?: Priority | undefined;
}

/** What became of it: reasons that void the cell, what is worth knowing, and what the bundle keeps. */
export interface BystanderReport {
  readonly failures: readonly string[];
  readonly notes: readonly string[];
  /** Absent when it could not tell. */
  readonly figures: BystanderFigures | undefined;
  /** Lines of the interval log, tag `bystander`, one per phase. */
  readonly log: readonly string[];
  readonly samples: readonly Sample[];
}

/** Forks the bystander of a cell, so that its start overlaps the preparation; undefined where the scenario has none. */
export function openBystander(options: BystanderOptions): Bystander | undefined {
  const settings = options.plan.scenario.neighbours?.bystander;
  return settings && new Bystander(options, settings);
}

/** In the order of a cell: `prepare` before the statistics are reset, `ready`, `start`, `loadOver`, `end`. */
export class Bystander implements AsyncDisposable {
  readonly #options: BystanderOptions;
  readonly #settings: Pick<BystanderFigures, 'ratePerSec' | 'connections' | 'rows'>;
  readonly #process: BystanderProcess;
  readonly #recordsPath: string;
  #class: ContractClass | undefined;
  #startUs = 0;
  #loadEndUs = Number.POSITIVE_INFINITY;

  constructor(
    options: BystanderOptions,
    settings: Pick<BystanderFigures, 'ratePerSec' | 'connections' | 'rows'>,
  ) {
    this.#options = options;
    this.#settings = settings;
    this.#recordsPath = join(options.scratch, 'bystander');
    this.#process = new BystanderProcess({ cpus: options.cpus, priority: options.priority ?? 'normal' });
  }

  /** Transactions that it will offer, on average. */
  get expected(): number {
    return this.#settings.ratePerSec * totalSeconds(this.#options.plan.scenario);
  }

  /** Its tables. @throws CannotMeasure when it may not have them. */
  async prepare(contractClass: ContractClass): Promise<void> {
    const { database, plan } = this.#options;
    if (database === undefined)
      throw new CannotMeasure(
        `${plan.contender.name} has no database, and ${plan.scenario.name} has a bystander in it: leave the one or the other out`,
        contractClass,
      );
    this.#class = contractClass;
    try {
      await createBystanderTables(database, this.#settings.rows);
    } catch (error) {
      throw new CannotMeasure(oneLine(error), contractClass);
    }
  }

  /** Opens its sessions. @throws CannotMeasure when they cannot be had. */
  async ready(): Promise<void> {
    const { database, plan, pacing, priority } = this.#options;
    if (database === undefined || this.#class === undefined) throw new Error('a bystander was not prepared');
    const assigned = this.#process.assign({
      kind: 'assign',
      connection: database.connection,
      schema: BYSTANDER_SCHEMA,
      connections: this.#settings.connections,
      accounts: this.#settings.rows,
      arrivals: bystanderArrivals(this.#settings.ratePerSec, totalSeconds(plan.scenario)),
      seed: plan.seed,
      recordsPath: this.#recordsPath,
      pacing: pacing ?? 'thread',
      priority: priority ?? 'normal',
    });
    try {
      await assigned;
    } catch (error) {
      throw new CannotMeasure(oneLine(error), this.#class);
    }
  }

  /** At the agents' own start. */
  start(startUs: number): void {
    this.#startUs = startUs;
    this.#loadEndUs = startUs + totalSeconds(this.#options.plan.scenario) * 1e6;
    this.#process.start(startUs);
  }

  /** The last phase is over, or a drain's backlog done. */
  loadOver(): void {
    this.#loadEndUs = Math.min(this.#loadEndUs, nowUs());
    this.#process.loadOver(this.#loadEndUs);
  }

  /** Once the agents have gone: stops it, and looks through its books. */
  async end(): Promise<BystanderReport> {
    await this.#process.stop(STOP_DEADLINE_MS);
    const { failure, report } = this.#process;
    if (failure !== undefined || report === undefined)
      return empty(`the bystander: ${failure ?? 'ended without a report'}`);
    const { scenario, id } = this.#options.plan;
    const account = accountOf({
      records: readRecords(this.#recordsPath),
      startUs: this.#startUs,
      loadEndUs: this.#loadEndUs,
      endUs: nowUs(),
      warmupSeconds: scenario.warmupSeconds,
      phases: scenario.phases,
    });
    const books = await this.#books(account);
    const unknown = { count: account.expected.unknown.size, committed: books.committed };
    const figures = { ...this.#settings, ...told(account, report), unknown };
    return {
      failures: [
        ...books.failures,
        ...countProblems(account.whole.offered, this.#due()),
        ...generatorProblems(report.health, account, this.#options.plan.scale),
      ],
      notes: notesOf(figures),
      figures,
      log: account.log,
      samples: account.samples(id),
    };
  }

  /** How many transactions the schedule holds, drawn again. */
  #due(): number {
    const { seed, scenario } = this.#options.plan;
    const phases = bystanderArrivals(this.#settings.ratePerSec, totalSeconds(scenario));
    let due = 0;
    for (const { atUs } of arrivals(phases, randomStream(seed, STREAMS.arrivals))) {
      if (this.#startUs + atUs >= this.#loadEndUs) break;
      due += 1;
    }
    return due;
  }

  async #books({ expected }: Account): Promise<{ readonly failures: string[]; readonly committed: number }> {
    const { database } = this.#options;
    try {
      if (database === undefined) throw new Error('there is no database');
      const books = await readBooks(database.connection, [...expected.unknown.keys()]);
      return { failures: booksProblems(expected, books), committed: books.found.length };
    } catch (error) {
      return { failures: [`the bystander: its books could not be read: ${oneLine(error)}`], committed: 0 };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    const { database } = this.#options;
    // In a database of the cell's own they go with it.
    if (database === undefined || database.exclusive || this.#class === undefined) return;
    this.#class = undefined;
    await dropBystanderTables(database.connection);
  }
}

function empty(failure: string): BystanderReport {
  return { failures: [failure], notes: [], figures: undefined, log: [], samples: [] };
}

function told(
  { phases, whole, lag }: Account,
  { health, errors, lostSessions, failedConnects }: BystanderStopped,
): Omit<BystanderFigures, 'ratePerSec' | 'connections' | 'rows' | 'unknown'> {
  const { eventLoopP99Us, stalledShare, cpuShare } = health;
  return {
    phases,
    whole,
    errors,
    lostSessions,
    failedConnects,
    generator: { eventLoopP99Us: Math.round(eventLoopP99Us), stalledShare, cpuShare, ...lag },
  };
}

function notesOf({ whole, unknown, errors, lostSessions, failedConnects }: BystanderFigures): string[] {
  const said = Object.entries(errors).map(([error, times]) => `${error} (${times})`);
  return [
    "a bystander's transactions ran in the same database: what the server did holds its WAL, commits, I/O and CPU; waits and lock waits leave its sessions out",
    ...(whole.failed > 0
      ? [
          `${whole.failed} transactions of the bystander failed, ${unknown.count} of them with a COMMIT whose answer was never heard (${unknown.committed} are in the database): ${said.join('; ') || 'cut off at the end'}`,
        ]
      : []),
    ...(whole.unfinished > 0
      ? [`${whole.unfinished} transactions of the bystander had not ended when the load was over`]
      : []),
    ...(lostSessions > 0
      ? [`the bystander lost ${lostSessions} sessions; ${failedConnects} attempts to open one again failed`]
      : []),
  ];
}
