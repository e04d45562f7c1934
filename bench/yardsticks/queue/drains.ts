// How many jobs per second does a contender drain? Cells of the harness, so that each figure is checked job by job.

import { fileURLToPath } from 'node:url';
import { runCell } from '../../../harness/cell/cell.ts';
import { CONTENDERS, parseContender } from '../../../harness/contenders/index.ts';
import { oneLine } from '../../../harness/errors.ts';
import type { Cell } from '../../../harness/result/result.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import { type Scenario, scenarioSchema } from '../../../scenarios/scenario.ts';
import type { Bench } from '../../yardstick.ts';
import { sayNotes } from './cells.ts';

/** Sessions of the worker; where nothing else is said it has as many. */
const CONNECTIONS = 8;
const WARMUP_SECONDS = 0.5;
const SECONDS = 3;
const SMOKE_SECONDS = 0.7;
const FIRST_PRELOAD = 100_000;
const SMOKE_PRELOAD = 20_000;
/** Of a backlog over what is drained at the rate seen before: no cell may run out of jobs. */
const SPARE = 1.5;
const TRIES = 4;

/** Peers, by the names that figures give them. */
export const PEERS: Readonly<Record<string, string>> = {
  'pg-boss': fileURLToPath(new URL('../../peers/pg-boss.ts', import.meta.url)),
  'graphile-worker': fileURLToPath(new URL('../../peers/graphile-worker.ts', import.meta.url)),
};

/** One that drains: a strategy or a peer, and the axes that it is given. */
export interface Entrant {
  readonly name: string;
  /** As on the command line, without the question mark: `batch=500`; empty for its own defaults. */
  readonly axes: string;
}

/** What figures call an entrant: `batch?batch=500`. */
export function labelOf({ name, axes }: Entrant): string {
  return axes === '' ? name : `${name}?${axes}`;
}

/** Whether there is such a contender; strategies come and go, peers are always there. */
export function isKnown(name: string): boolean {
  return name in PEERS || CONTENDERS.some((contender) => contender.name === name);
}

/** The entrant that claims as many jobs at a time; a strategy of ours may also hold as many in advance. */
export function entrantWith(name: string, batch: number): Entrant {
  return entrantOf(name, name in PEERS ? { batch } : { batch, prefetch: batch });
}

/** The entrant with those of the `wanted` axes that its strategy leaves open. */
export function entrantOf(name: string, wanted: Readonly<Record<string, string | number>>): Entrant {
  const fixed = CONTENDERS.find((contender) => contender.name === name)?.fixed ?? {};
  const open = Object.entries(wanted).filter(([axis]) => !(axis in fixed));
  return { name, axes: open.map(([axis, value]) => `${axis}=${value}`).join('&') };
}

/** Jobs per second, or why there is no such figure. */
export type Drained =
  | {
      readonly perSec: number;
      readonly generatorBound: boolean;
      /** It took a second try, as the first was void. */
      readonly again: boolean;
    }
  | {
      readonly problem: string;
      readonly incorrect?: true;
      /** What it cannot have been faster than, jobs/s, where all that spoilt it is that its workers stood still. */
      readonly atMostPerSec?: number;
    };

/** Had its workers never stood still, it would have settled at most so much more. */
function boundOf({ reasons, generator }: Cell, perSec: number): { readonly atMostPerSec?: number } {
  const stalled = generator.stalledShare ?? 1;
  if (perSec === 0 || stalled >= 1 || !reasons.every((reason) => reason.includes('stood still'))) return {};
  return { atMostPerSec: perSec / (1 - stalled) };
}

type Scratch = Awaited<ReturnType<typeof openScratch>>;

/** A server on which entrants drain one after the other, each in a database of its own. */
export class Drains implements AsyncDisposable {
  readonly #bench: Bench;
  readonly #server: PostgresServer;
  readonly #scratch: Scratch;
  /** The highest rate seen of each, which its backlog is sized by. */
  readonly #seen = new Map<string, number>();
  #order = 0;

  private constructor(bench: Bench, server: PostgresServer, scratch: Scratch) {
    this.#bench = bench;
    this.#server = server;
    this.#scratch = scratch;
  }

  /** On a server that goes with it; by default an embedded one. */
  static async open(
    bench: Bench,
    openServer: () => Promise<PostgresServer> = () => startEmbedded({ signal: bench.signal }),
  ): Promise<Drains> {
    const scratch = await openScratch();
    try {
      return new Drains(bench, await openServer(), scratch);
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs cells until one has measured for its full time: a backlog that ended sooner is made deeper, and a cell that the
   * generator or the machine has spoilt is run once more. A verdict `incorrect` stands.
   */
  async measure(entrant: Entrant, round: number): Promise<Drained> {
    const label = labelOf(entrant);
    let spoilt: string | undefined;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const scenario = this.#scenario(label);
      const cell = await this.#cell(entrant, scenario, round);
      if ('problem' in cell) return cell;
      const perSec = cell.throughput?.settledPerSec ?? 0;
      const problem =
        cell.verdict === 'valid'
          ? `${label} settled nothing in its time`
          : `${label} was ${cell.verdict}: ${cell.reasons.join('; ')}`;
      if (cell.verdict === 'incorrect') return { problem, incorrect: true };
      this.#seen.set(label, Math.max(perSec, this.#seen.get(label) ?? 0));
      const ranDry = cell.jobs.inFlight === 0;
      if (ranDry && !this.#bench.smoke) {
        // A drain within the warm-up gives no rate: then the backlog grows by as much as the whole of it.
        if (perSec === 0) this.#seen.set(label, scenario.preload.ready * 2);
        continue;
      }
      if (cell.verdict === 'invalid' || perSec === 0) {
        this.#bench.say(problem);
        if (spoilt !== undefined || this.#bench.smoke) return { problem, ...boundOf(cell, perSec) };
        spoilt = problem;
        continue;
      }
      this.#bench.say(`round ${round + 1}, ${label}: ${Math.round(perSec).toLocaleString('en')} jobs/s`);
      return { perSec, generatorBound: cell.generator.generatorBound, again: spoilt !== undefined };
    }
    return { problem: spoilt ?? `${label} drained every backlog before its time was over` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }

  async #cell(
    entrant: Entrant,
    scenario: Scenario,
    round: number,
  ): Promise<Cell | { readonly problem: string }> {
    this.#order += 1;
    const { name, axes } = entrant;
    const source = PEERS[name] ?? name;
    const plan = {
      id: `drain.${this.#order}`,
      block: round,
      order: this.#order,
      repeat: round + 1,
      scenario,
      contender: parseContender(axes === '' ? source : `${source}?${axes}`, () => ''),
      seed: round,
    };
    try {
      const { cell } = await runCell(plan, {
        server: this.#server,
        scratchDir: this.#scratch.path,
        signal: this.#bench.signal,
        ceilingFor: async () => undefined,
        onProgress: () => undefined,
      });
      sayNotes(this.#bench, labelOf(entrant), cell.notes);
      return cell;
    } catch (error) {
      if (this.#bench.signal.aborted) throw error;
      // One that cannot be opened or preloaded must not take the figures of the others with it.
      return { problem: `${labelOf(entrant)} failed: ${oneLine(error)}` };
    }
  }

  /** The faster it is known to be, the deeper its backlog: a slow one need not wait for a backlog that it never sees the end of. */
  #scenario(label: string): Scenario {
    const { smoke } = this.#bench;
    const seconds = WARMUP_SECONDS + (smoke ? SMOKE_SECONDS : SECONDS);
    const expected = Math.ceil((this.#seen.get(label) ?? 0) * seconds * SPARE);
    return scenarioSchema.parse({
      name: 'drain',
      question: 'How many jobs per second can the workers claim and settle when the backlog never ends?',
      preload: {
        ready: smoke ? SMOKE_PRELOAD : Math.min(10_000_000, Math.max(FIRST_PRELOAD, expected)),
      },
      workers: { agents: 1, connections: CONNECTIONS },
      warmupSeconds: smoke ? 0.05 : WARMUP_SECONDS,
      warmupCapSeconds: smoke ? 0.05 : WARMUP_SECONDS,
      phases: [{ label: 'drain', seconds }],
    });
  }
}
