// How does a yardstick of the queue load it? By cells of the harness, so that no figure is shown of jobs that went wrong.

import { type CellContext, runCell } from '../../../harness/cell/cell.ts';
import type { CellOutcome } from '../../../harness/cell/result.ts';
import { parseContender } from '../../../harness/contenders/index.ts';
import { oneLine } from '../../../harness/errors.ts';
import { planPriority } from '../../../harness/load/priority.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import { mergeHistograms, readIntervals } from '../../../reports/hlog.ts';
import { type ScenarioInput, scenarioSchema } from '../../../scenarios/scenario.ts';
import { spread } from '../../../stats/spread.ts';
import type { Bench, Figure } from '../../yardstick.ts';

/** Where cells run. */
export interface Place {
  readonly bench: Bench;
  readonly server: PostgresServer;
  /** For the agents' ledgers. */
  readonly folder: string;
  /** Cores for the agents; absent for all. */
  readonly agentCpus?: readonly number[];
}

/** A cell that is to be measured. */
export interface Wanted {
  readonly scenario: ScenarioInput;
  /** As on the command line. */
  readonly contender: string;
  readonly round: number;
}

/** A valid cell, and whether it took a second try, or why there is none. */
export type Measured =
  | { readonly outcome: CellOutcome; readonly again: boolean }
  | { readonly problem: string };

/**
 * An invalid cell is measured once more, since the machine may have been busy (in a smoke run it need not be valid). An
 * incorrect one is what it is, and a contender that fails has no cell. Rejects only when it is aborted.
 */
export async function measured(place: Place, wanted: Wanted): Promise<Measured> {
  try {
    return await tried(place, wanted);
  } catch (error) {
    place.bench.signal.throwIfAborted();
    return { problem: `failed: ${oneLine(error)}` };
  }
}

async function tried(place: Place, wanted: Wanted): Promise<Measured> {
  const first = await once(place, wanted);
  if (first.cell.verdict !== 'invalid' || place.bench.smoke) return judged(place, wanted, first, false);
  place.bench.say(`${wanted.contender} in ${wanted.scenario.name}, once more: ${first.cell.reasons[0]}`);
  return judged(place, wanted, await once(place, wanted), true);
}

function judged({ bench }: Place, { contender }: Wanted, outcome: CellOutcome, again: boolean): Measured {
  const { verdict, reasons, notes } = outcome.cell;
  sayNotes(bench, contender, notes);
  return verdict === 'valid' ? { outcome, again } : { problem: `${verdict}: ${reasons.join('; ')}` };
}

function once(
  { bench, server, folder, agentCpus }: Place,
  { scenario, contender, round }: Wanted,
): Promise<CellOutcome> {
  const context: CellContext = {
    server,
    scratchDir: folder,
    signal: bench.signal,
    ceilingFor: async () => undefined,
    onProgress: () => undefined,
    producerPriority: planPriority('auto'),
    ...(agentCpus === undefined ? {} : { agentCpus }),
  };
  return runCell(
    {
      ...{ id: `${scenario.name}.${round}`, block: round, order: 0, repeat: round, seed: round },
      scenario: scenarioSchema.parse(scenario),
      contender: parseContender(contender, () => ''),
    },
    context,
  );
}

const said = new WeakMap<Bench, Set<string>>();

/** What a cell has to say beside its figures, once for each contender, whatever its numbers: it may bear on them. */
export function sayNotes(bench: Bench, contender: string, notes: readonly string[]): void {
  const before = said.get(bench) ?? new Set();
  said.set(bench, before);
  for (const note of notes) {
    const line = `${contender}: ${note}`;
    const kind = line.replaceAll(/[\d.,]+/g, '');
    // No cell of a yardstick has a ceiling.
    if (before.has(kind) || note.startsWith('no ceiling could be measured')) continue;
    before.add(kind);
    bench.say(line);
  }
}

/** What a cell shows of one stretch of its load. */
export interface Stretch {
  readonly settledPerSec: number;
  /** Of the jobs that were picked up in the stretch, ms from their intended instants. NaN when there was none. */
  readonly pickupP50Ms: number;
  readonly pickupP99Ms: number;
  /** The longest but `left` longer ones. */
  readonly pickupLongestButMs: (left: number) => number;
  readonly pickups: number;
}

/** Figures of the whole seconds from `fromSeconds` to before `toSeconds` of a load, out of its intervals. */
export function stretchOf(
  { samples, histogramLog }: Pick<CellOutcome, 'samples' | 'histogramLog'>,
  fromSeconds: number,
  toSeconds: number,
): Stretch {
  const seconds = readIntervals(histogramLog, new Set(['pickup'])).filter(
    ({ startSeconds }) => startSeconds >= fromSeconds && startSeconds < toSeconds,
  );
  const pickups = mergeHistograms(seconds.map(({ histogram }) => histogram));
  const at = (percent: number): number =>
    pickups === undefined ? Number.NaN : pickups.getValueAtPercentile(percent) / 1000;
  let settled = 0;
  for (const sample of samples)
    if (sample.kind === 'load' && sample.t > fromSeconds && sample.t <= toSeconds) settled += sample.settled;
  return {
    settledPerSec: settled / (toSeconds - fromSeconds),
    pickupP50Ms: at(50),
    pickupP99Ms: at(99),
    pickupLongestButMs: (left) => at(Math.max(0, (1 - left / (pickups?.totalCount ?? 1)) * 100)),
    pickups: pickups?.totalCount ?? 0,
  };
}

/** What the rounds of one figure gave. */
export class Rounds {
  readonly #values: number[] = [];
  readonly #problems = new Set<string>();
  #again = 0;

  /** `again`: the cell was void at first, and measured once more. */
  add(value: number, again = false): void {
    this.#values.push(value);
    if (again) this.#again += 1;
  }

  /** A round that gave no value: the figure is missed, with the reason. */
  failed(problem: string): void {
    this.#problems.add(problem);
  }

  /**
   * Median, and in the note what it is of; NaN where a round was void. So few rounds have no better interval than from their
   * least to their greatest: a target is reached if each round reaches it. One round tells where the figure lies, not how sure
   * that is.
   */
  reading(): Pick<Figure, 'interval' | 'doubt'> & { readonly value: number; readonly note: string } {
    const all = spread(this.#values);
    const value = this.#problems.size > 0 ? Number.NaN : (all?.median ?? Number.NaN);
    const note = [
      ...(all === undefined ? [] : [`median of ${all.n} [${brief(all.min)}–${brief(all.max)}]`]),
      ...(this.#again === 0 ? [] : [`${this.#again} measured again, void at first`]),
      ...[...this.#problems].map((problem) => `void: ${problem}`),
    ].join('; ');
    if (all === undefined || Number.isNaN(value)) return { value, note };
    return all.n < 2 ? { value, note, doubt: 'one round' } : { value, note, interval: [all.min, all.max] };
  }
}

/** Three digits, or whole numbers above a thousand. */
export function brief(value: number): string {
  return Math.abs(value) >= 1_000
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)));
}
