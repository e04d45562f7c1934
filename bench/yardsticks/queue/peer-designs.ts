// Is a strategy that follows a peer's design no slower than that peer's own library? A slow copy would prove nothing.

import { type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { contest, rateFigure, ratioFigure, type Standing } from './contest.ts';
import { Drains, type Entrant, entrantOf, entrantWith, isKnown, labelOf } from './drains.ts';

const ROUNDS = 10;

interface Pair {
  readonly strategy: Entrant;
  readonly peer: Entrant;
}

/** Nothing of ours between the claims of one worker: a gate would hide what a slow claim costs. */
const UNGATED = 1_000;

/** The same connections on both sides, the same jobs per claim, and as many claims at once as there are connections. */
const pair = (strategy: string, peer: string, batch: number): Pair => ({
  strategy: entrantOf(strategy, { batch, prefetch: batch, claimsAtOnce: UNGATED }),
  peer: entrantWith(peer, batch),
});

/** From one job per claim to what both do best with; graphile-worker fetches for its local queue, one fetch at a time. */
const PAIRS: readonly Pair[] = [
  pair('skip-locked', 'pg-boss', 1),
  pair('batch', 'pg-boss', 100),
  // With the gate: without it the worker stands still over so many rows at once.
  { strategy: entrantWith('batch', 2_000), peer: entrantWith('pg-boss', 2_000) },
  { strategy: entrantWith('batch', 500), peer: entrantWith('graphile-worker', 500) },
];
const SMOKE_PAIRS = [pair('batch', 'pg-boss', 100)];

/** Peers whose design a strategy follows, and that no process here can run. */
const OUT_OF_REACH: readonly (readonly [strategy: string, peer: string, why: string])[] = [
  ['advisory', 'Que', 'a Ruby library'],
  ['advisory-candidates', 'GoodJob', 'a Ruby library'],
  ['table-move', 'Solid Queue', 'a Ruby library'],
  ['held-transaction', 'neoq', 'a Go library'],
  ['sharded', 'pgqueuer', 'a Python library'],
  ['visibility-timeout', 'pgmq', 'not set up here: its SQL would have to be installed'],
  ['tick-log', 'PgQ', 'an extension that the embedded server does not have'],
];

export const peerDesigns: Yardstick = {
  name: 'peers',
  question: "is a strategy that follows a peer's design no slower than the peer's own library?",
  async run(bench) {
    await using drains = await Drains.open(bench);
    const pairs = (bench.smoke ? SMOKE_PAIRS : PAIRS).filter(
      ({ strategy: { name } }) => isKnown(name) && wants(bench, name),
    );
    const entrants = new Map(
      pairs.flatMap(({ strategy, peer }) => [strategy, peer]).map((entrant) => [labelOf(entrant), entrant]),
    );
    const standings = await contest(drains, [...entrants.values()], bench.rounds ?? ROUNDS);
    const of = ({ name, axes }: Entrant): Standing | undefined =>
      standings.find(({ entrant }) => entrant.name === name && entrant.axes === axes);
    const ratios = pairs.flatMap(({ strategy, peer }) => {
      const [ours, theirs] = [of(strategy), of(peer)];
      return ours === undefined || theirs === undefined ? [] : [ratioFigure(ours, theirs, 1)];
    });
    return [...standings.map(rateFigure), ...ratios, ...OUT_OF_REACH.map(notRun)];
  },
};

function notRun([strategy, peer, why]: (typeof OUT_OF_REACH)[number]): Figure {
  return { what: `${strategy} ÷ ${peer}`, value: undefined, unit: '', note: `not run: ${peer}, ${why}` };
}
