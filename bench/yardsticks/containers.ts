// What does a container cost that a server runs in: until it is ready, and in each second of a drain?

import { startContainer } from '../../harness/server/container/start.ts';
import { type ContainerWords, parseWishes } from '../../harness/server/container/wishes.ts';
import type { PostgresServer } from '../../harness/server/server.ts';
import { randomStream, shuffled } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import { dockerMissing, testImage } from '../../testing/docker.ts';
import type { Bench, Figure, Yardstick } from '../yardstick.ts';
import { ratioFigure, type Standing, standingOf } from './queue/contest.ts';
import { type Drained, Drains, type Entrant } from './queue/drains.ts';

const ROUNDS = 9;
const STARTS = 5;
const READY_WITHIN_SECONDS = 5;
/** Of the embedded server's throughput, with the network of the machine and no limits on either side. */
const HOST_AT_LEAST = 0.95;

/** Ways to run a server, by the words of the command line; the embedded one has none. */
const WAYS: Readonly<Record<string, ContainerWords | undefined>> = {
  embedded: undefined,
  'host network': { network: 'host' },
  bridge: { network: 'bridge' },
  'host network, layer': { network: 'host', storage: 'layer' },
};
const ENTRANTS: readonly Entrant[] = [
  { name: 'skip-locked', axes: '' },
  { name: 'batch', axes: '' },
];

export const containers: Yardstick = {
  name: 'containers',
  question:
    'what does a server in a container lose against the embedded one, with equal settings and no limits?',
  async run(bench) {
    const missing = dockerMissing();
    if (missing !== undefined)
      return [
        {
          what: 'a server in a container',
          value: undefined,
          unit: '',
          target: { atLeast: 0 },
          note: missing,
        },
      ];
    bench.say(`the image is ${testImage()}`);
    return [await readiness(bench), ...(await ratios(bench))];
  },
};

function start(bench: Bench, words: ContainerWords): Promise<PostgresServer> {
  return startContainer({ wishes: parseWishes({ image: testImage(), ...words }), signal: bench.signal });
}

/** From the word to a server that answers, the image being there. */
async function readiness(bench: Bench): Promise<Figure> {
  const seconds: number[] = [];
  for (let i = 0; i < STARTS; i += 1) {
    const startedMs = performance.now();
    await using _ = await start(bench, {});
    seconds.push((performance.now() - startedMs) / 1000);
  }
  return {
    what: 'ready after',
    value: median(seconds) ?? Number.NaN,
    unit: 's',
    target: { atMost: READY_WITHIN_SECONDS },
    interval: [Math.min(...seconds), Math.max(...seconds)],
    note: `${STARTS} starts`,
  };
}

async function ratios(bench: Bench): Promise<Figure[]> {
  const rounds = bench.rounds ?? ROUNDS;
  await using opened = new AsyncDisposableStack();
  const ways = new Map<string, Drains>();
  for (const [way, words] of Object.entries(WAYS)) {
    const server = words === undefined ? undefined : () => start(bench, words);
    ways.set(way, opened.use(await Drains.open(bench, server)));
  }
  const contests = ENTRANTS.flatMap((entrant) => [...ways.keys()].map((way) => ({ entrant, way })));
  const found = new Map(contests.map((one) => [one, new Map<number, Drained>()]));
  const random = randomStream(rounds, 'order');
  for (let round = 0; round < rounds; round += 1) {
    for (const one of shuffled(contests, random)) {
      const drains = ways.get(one.way);
      if (drains !== undefined) found.get(one)?.set(round, await drains.measure(one.entrant, round));
    }
  }
  const standing = (entrant: Entrant, way: string): Standing => {
    const one = contests.find((c) => c.entrant === entrant && c.way === way);
    return standingOf({ name: `${entrant.name}, ${way}`, axes: '' }, (one && found.get(one)) ?? new Map());
  };
  return ENTRANTS.flatMap((entrant) =>
    Object.keys(WAYS)
      .filter((way) => way !== 'embedded')
      .map((way): Figure => {
        const figure = ratioFigure(standing(entrant, way), standing(entrant, 'embedded'), HOST_AT_LEAST);
        const { target: _, ...shown } = figure;
        // Only the network of the machine was promised to cost nothing; the others are shown, not judged.
        return way === 'host network' ? figure : shown;
      }),
  );
}
