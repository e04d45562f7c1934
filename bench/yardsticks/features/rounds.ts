// How do two ways of using a queue compare, round by round on one server?

import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import { bootstrapInterval } from '../../../stats/bootstrap.ts';
import { LEAST_REPEATS } from '../../../stats/judge.ts';
import { randomStream, seeded, shuffled } from '../../../stats/random.ts';
import { median } from '../../../stats/spread.ts';
import type { Bench, Figure } from '../../yardstick.ts';
import { LoadProcess, type Orders, type Slice } from './orders.ts';

/** One side of a comparison: a checkout, and what of it is used. */
export type Side = Omit<Orders, 'connection'> & { readonly name: string };

/** Slices of each side that are thrown away: until the processes have compiled what runs often. */
const WARMUP = 2;

/**
 * Runs loads in slices of a second or so, those of all sides in turn: what a shared machine loses to others in a minute, it takes
 * from all of them. Each side has a process and a database of its own, and rests while another one runs.
 */
export class Rounds implements AsyncDisposable {
  readonly #bench: Bench;
  readonly #server: PostgresServer;

  private constructor(bench: Bench, server: PostgresServer) {
    this.#bench = bench;
    this.#server = server;
  }

  static async open(bench: Bench): Promise<Rounds> {
    return new Rounds(bench, await startEmbedded({ signal: bench.signal }));
  }

  /** The slices of each side, one of each round; the order of the sides is drawn anew for each round. */
  async measure(
    sides: readonly Side[],
    rounds: number,
    label: string,
  ): Promise<ReadonlyMap<Side, readonly Slice[]>> {
    const { smoke, say } = this.#bench;
    const random = randomStream(rounds, label);
    const slices = new Map(sides.map((side) => [side, [] as Slice[]]));
    await using open = new AsyncDisposableStack();
    const processes = new Map<Side, LoadProcess>();
    for (const side of sides) processes.set(side, await this.#start(open, side));
    const warmup = smoke ? 0 : WARMUP;
    for (let round = 0; round < warmup + rounds; round += 1)
      for (const side of shuffled(sides, random)) {
        const slice = await processes.get(side)?.slice();
        if (slice !== undefined && round >= warmup) slices.get(side)?.push(slice);
      }
    for (const process of processes.values()) await process.stop();
    for (const side of sides) say(`${label}, ${side.name}: ${saidOf(slices.get(side) ?? [])}`);
    return slices;
  }

  async #start(open: AsyncDisposableStack, { name: _name, ...side }: Side): Promise<LoadProcess> {
    const database = open.use(await this.#server.openDatabase('features'));
    const { host, port, user, password, database: name } = database.connection;
    const connection = { host, port, user, password, database: name };
    return open.use(new LoadProcess({ ...side, connection }, this.#bench));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

function saidOf(slices: readonly Slice[]): string {
  const rates = slices.map(({ jobsPerSec }) => jobsPerSec);
  const us = median(slices.map(({ clientUsPerJob }) => clientUsPerJob)) ?? Number.NaN;
  const whole = (rate: number): string => Math.round(rate).toLocaleString('en');
  return `${whole(median(rates) ?? Number.NaN)} jobs/s [${whole(Math.min(...rates))}–${whole(Math.max(...rates))}], ${us.toFixed(1)} µs of client per job`;
}

/** The median of the rounds' own ratios of throughput, with a 95 % bootstrap interval, or the range of fewer rounds than tell. */
export function ratioOf(
  above: readonly Slice[],
  below: readonly Slice[],
): Pick<Figure, 'value' | 'interval' | 'doubt' | 'note'> {
  const ratios = ratiosOf(above, below, ({ jobsPerSec }) => jobsPerSec);
  const value = median(ratios);
  if (value === undefined) return { value, note: 'no round has both' };
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  const client = median(ratiosOf(above, below, ({ clientUsPerJob }) => clientUsPerJob)) ?? Number.NaN;
  const note = `median of ${ratios.length} rounds [${low.toFixed(3)}–${high.toFixed(3)}]; client CPU per job × ${client.toFixed(3)}`;
  if (ratios.length < LEAST_REPEATS)
    return {
      value,
      interval: [low, high],
      note,
      doubt: `${ratios.length} rounds, and it takes ${LEAST_REPEATS} to tell`,
    };
  const interval = bootstrapInterval(
    ratios.map((ratio) => Math.log(ratio)),
    (values) => median(values) ?? 0,
    { random: seeded(ratios.length), method: 'percentile' },
  );
  return { value, interval: [Math.exp(interval.low), Math.exp(interval.high)], note };
}

function ratiosOf(
  above: readonly Slice[],
  below: readonly Slice[],
  figure: (slice: Slice) => number,
): readonly number[] {
  return above.flatMap((slice, round) => {
    const other = below[round];
    return other === undefined ? [] : [figure(slice) / figure(other)];
  });
}
