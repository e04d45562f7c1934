// How do two ways of using a queue compare, round by round on one server?

import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import { bootstrapInterval } from '../../../stats/bootstrap.ts';
import { LEAST_REPEATS } from '../../../stats/judge.ts';
import { randomStream, seeded, shuffled } from '../../../stats/random.ts';
import { median } from '../../../stats/spread.ts';
import type { Bench, Figure } from '../../yardstick.ts';
import { type Orders, runLoad } from './orders.ts';

/** One side of a comparison: a checkout, and what of it is used. */
export type Side = Pick<Orders, 'root' | 'strategy' | 'load' | 'variant' | 'jobs' | 'seconds'> & {
  readonly name: string;
};

/** Runs loads one after the other, each in a database of its own that is dropped afterwards. */
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

  /** Jobs per second of each side in each round; the order of the sides is drawn anew for each. */
  async measure(sides: readonly Side[], rounds: number): Promise<ReadonlyMap<Side, readonly number[]>> {
    const random = randomStream(rounds, 'features');
    const rates = new Map(sides.map((side) => [side, [] as number[]]));
    for (let round = 0; round < rounds; round += 1)
      for (const side of shuffled(sides, random)) {
        const perSec = await this.#once(side);
        this.#bench.say(
          `round ${round + 1}, ${side.strategy}, ${side.name}: ${Math.round(perSec).toLocaleString('en')} jobs/s`,
        );
        rates.get(side)?.push(perSec);
      }
    return rates;
  }

  async #once({ name: _name, ...side }: Side): Promise<number> {
    await using database = await this.#server.openDatabase('features');
    const { host, port, user, password, database: name } = database.connection;
    const connection = { host, port, user, password, database: name };
    return (await runLoad({ ...side, connection, schema: 'bench' }, this.#bench)).jobsPerSec;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The median of the rounds' own ratios, with a 95 % bootstrap interval, or the range of fewer rounds than tell. */
export function ratioOf(
  above: readonly number[],
  below: readonly number[],
): Pick<Figure, 'value' | 'interval' | 'doubt' | 'note'> {
  const ratios = above.flatMap((rate, round) => {
    const other = below[round];
    return other === undefined ? [] : [rate / other];
  });
  const value = median(ratios);
  if (value === undefined) return { value, note: 'no round has both' };
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  const note = `median of ${ratios.length} rounds [${low.toFixed(3)}–${high.toFixed(3)}]`;
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
