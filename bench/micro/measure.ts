// How are all rows measured, round after round, so that drift hits all alike and no wrong answer is counted?

import { isForUser, oneLine } from '../../harness/errors.ts';
import type { MicroRow } from '../../harness/result/result.ts';
import type { PostgresServer } from '../../harness/server/server.ts';
import type { StrategyFactory } from '../../queue/index.ts';
import { blocksOf, type Choice, type Row, resultOf, rowsOf, type Target } from './rows.ts';
import { type Budget, sample, sampleSync } from './sample.ts';
import { Site } from './site.ts';

export interface MicroOptions extends Choice {
  readonly server: PostgresServer;
  /** For ledgers. */
  readonly folder: string;
  readonly seed: number;
  readonly rounds: number;
  /** Of one row in one round. */
  readonly budget: Budget;
  readonly signal: AbortSignal;
  /** What goes on, a line at a time. */
  readonly say: (line: string) => void;
  /** The rows so far, after each round; `complete` after the last one. */
  readonly onRound: (rows: readonly MicroRow[], complete: boolean) => void;
}

/**
 * Measures every row in every round, operation by operation in an order that is drawn anew for each. Returns the rows in the order
 * of the report; after an abort, those of the rounds that had ended.
 */
export async function measureMicro(options: MicroOptions): Promise<readonly MicroRow[]> {
  const { signal, rounds, seed, say, onRound } = options;
  const rows = rowsOf(options);
  await using sites = new Sites(options.server);
  let kept: readonly MicroRow[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const blocks = blocksOf(rows, seed, round);
    for (const [i, block] of blocks.entries()) {
      const { operation } = block[0]?.target ?? {};
      if (block.every(({ without }) => without !== undefined)) continue;
      say(
        `round ${round} of ${rounds}, ${i + 1} of ${blocks.length}: ${operation?.name} of ${operation?.size}`,
      );
      for (const row of block) {
        if (signal.aborted) return kept;
        if (row.without === undefined) await measureRow(row, sites, options);
      }
    }
    if (signal.aborted) return kept;
    kept = rows.flatMap((row) => resultOf(row) ?? []);
    onRound(kept, round === rounds);
  }
  return kept;
}

async function measureRow(row: Row, sites: Sites, options: MicroOptions): Promise<void> {
  const { target } = row;
  try {
    if (target.kind === 'local') row.rounds.push(await sampleLocal(target, options));
    else await sampleQueue(row, target, sites, options);
  } catch (error) {
    // A server that is gone is no fault of the row.
    if (options.signal.aborted || isForUser(error)) {
      options.signal.throwIfAborted();
      throw error;
    }
    row.without = { state: 'void', reason: oneLine(error) };
    options.say(`void: ${nameOf(target)}: ${oneLine(error)}`);
    // Whatever it left behind is not for the others.
    if (target.kind === 'queue') await sites.discard(target);
  }
}

async function sampleLocal(
  { operation }: Extract<Target, { kind: 'local' }>,
  { folder, seed, budget, signal }: MicroOptions,
): Promise<readonly number[]> {
  const { run, end } = operation.make(folder, seed);
  try {
    return await sampleSync(run, budget, signal);
  } finally {
    end();
  }
}

async function sampleQueue(
  row: Row,
  target: Extract<Target, { kind: 'queue' }>,
  sites: Sites,
  { budget, signal }: MicroOptions,
): Promise<void> {
  const site = await sites.at(target);
  await using visit = await site.visit(target.driver);
  const reason = target.operation.absent(visit);
  if (reason !== undefined) {
    row.without = { state: 'not offered', reason };
    return;
  }
  const samples = await sample(target.operation.timed(visit), budget, signal);
  // A settle or an enqueue that said more than it did shows here.
  await visit.requireDepth();
  row.rounds.push(samples);
}

/** `claim of 100, batch through pg at depth 1000`. */
function nameOf(target: Target): string {
  const { name, size } = target.operation;
  return target.kind === 'local'
    ? `${name} of ${size}`
    : `${name} of ${size}, ${target.factory.strategyName} through ${target.driver} at depth ${target.depth}`;
}

/** The sites of a run: each is opened when it is first needed, and stays. */
class Sites implements AsyncDisposable {
  readonly #server: PostgresServer;
  readonly #open = new Map<string, Site>();

  constructor(server: PostgresServer) {
    this.#server = server;
  }

  async at({ factory, depth }: { readonly factory: StrategyFactory; readonly depth: number }): Promise<Site> {
    const key = `${factory.strategyName} ${depth}`;
    const site = this.#open.get(key) ?? (await Site.open(this.#server, factory, depth));
    this.#open.set(key, site);
    return site;
  }

  async discard({ factory, depth }: { readonly factory: StrategyFactory; readonly depth: number }) {
    const key = `${factory.strategyName} ${depth}`;
    const site = this.#open.get(key);
    this.#open.delete(key);
    await site?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const site of this.#open.values()) await site[Symbol.asyncDispose]();
    this.#open.clear();
  }
}
