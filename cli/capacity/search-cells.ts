// Which loads find the highest sustainable rate? One probe after the other, each chosen by what the last one said.

import type { CellOutcome } from '../../harness/cell/result.ts';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { Probe, Search, Slo } from '../../harness/result/result.ts';
import type { PlannedCell } from '../../harness/run/plan.ts';
import { evidenceOf, latencyTerms, type ProbeEvidence } from '../../reports/capacity/evidence.ts';
import { littleCheck } from '../../reports/capacity/little.ts';
import { judgeProbe, LONG_FACTOR, probeSeconds } from '../../reports/capacity/probe.ts';
import { describeSearch } from '../../reports/capacity/search.ts';
import { readIntervals } from '../../reports/hlog.ts';
import { type Crew, handlersOf } from '../../reports/planning/crew.ts';
import { type Scenario, totalSeconds } from '../../scenarios/scenario.ts';
import { type ProbeWish, type RateInterval, searchRate } from '../../stats/rate-search.ts';
import type { CapacityLog } from './capacity-log.ts';
import { closedLoad, handlerMoments, openLoad, roundRate, warmUpSeconds } from './loads.ts';
import { backlogOf } from './room.ts';

export interface SearchSetup {
  /** Jobs, producers and surroundings of every probe. */
  readonly pattern: Scenario;
  readonly contender: ContenderSpec;
  readonly crew: Crew;
  readonly slo: readonly Slo[];
  readonly resolution: number;
  /** Where to begin, jobs/s; absent: at a share of what a closed load settles. */
  readonly startPerSec?: number;
  readonly maxPerSec: number;
  /** In every probe somebody else's snapshot is held while it is measured, and that lasts so long at least; absent: none. */
  readonly heldXminSeconds?: number;
  readonly maxProbes: number;
  /** Whether there is no time left for a probe of so many seconds, its warm-up among them. */
  readonly outOfTime: (seconds: number) => boolean;
}

/** Below this no rate is looked for, jobs/s. */
const MIN_PER_SEC = 1;
/** Of what a closed load settles: an open load has its producers to carry as well, so the first probe is likely to pass. */
const START_SHARE = 0.5;
const START_PER_SEC = 100;

/** Cells out, outcomes in, the search as its answer. The log has what is known so far at any time. */
export function* searchCells(
  setup: SearchSetup,
  log: CapacityLog,
): Generator<PlannedCell, Search, CellOutcome> {
  const { slo, contender, resolution } = setup;
  const startPerSec = setup.startPerSec ?? (yield* firstRate(setup, log));
  const warmUp = warmUpSeconds(setup.pattern.job.handler);
  const rates = searchRate({
    ...{ startPerSec, resolution, minPerSec: MIN_PER_SEC, maxPerSec: setup.maxPerSec },
    maxProbes: setup.maxProbes,
    budgetLeft: (wish) => !setup.outOfTime(warmUp + secondsOf(setup, wish)),
  });
  const probes: Probe[] = [];
  let step = rates.next();
  while (step.done !== true) {
    const { purpose, long, ratePerSec } = step.value;
    const scenario = probeLoad(setup, ratePerSec, secondsOf(setup, { ratePerSec, long }));
    const seconds = totalSeconds(scenario);
    const outcome = yield* log.cell(scenario, contender, setup.crew, 'probe');
    const judged = judgeProbe(evidenceIn(outcome, ratePerSec, slo), slo);
    const little = judged.outcome === 'pass' ? littleIn(outcome) : {};
    probes.push({ cell: outcome.cell.id, purpose, ratePerSec, seconds, ...judged, ...little });
    step = rates.next(judged.outcome);
    // An interrupted search says what is known until then.
    if (step.done !== true) log.found({ search: searchOf(setup, probes, step.value.soFar) });
  }
  const search = searchOf(setup, probes, step.value);
  log.found({ search });
  return search;
}

function searchOf(setup: SearchSetup, probes: readonly Probe[], interval: RateInterval): Search {
  const { contender, slo, resolution, heldXminSeconds, crew, pattern } = setup;
  const asked = { contender: contender.name, slo: [...slo], probes: [...probes] };
  const { meanMs: jobMs } = handlerMoments(pattern.job.handler);
  return {
    ...{ ...asked, resolution, heldXmin: heldXminSeconds !== undefined },
    answer: describeSearch({ ...asked, interval, handlers: handlersOf(crew), jobMs }),
  };
}

/** Without its warm-up. */
function secondsOf(setup: SearchSetup, { ratePerSec, long }: Pick<ProbeWish, 'ratePerSec' | 'long'>): number {
  return Math.max(probeSeconds(ratePerSec, long), leastSeconds(setup) * (long ? LONG_FACTOR : 1));
}

/** How long a probe lasts at least: as long as a snapshot is held, and as autovacuum needs to show twice what it does, where that is asked. */
export function leastSeconds({
  slo,
  heldXminSeconds = 0,
}: Pick<SearchSetup, 'slo' | 'heldXminSeconds'>): number {
  const growth = slo.some(({ of }) => of === 'deadTuples');
  return Math.max(heldXminSeconds, growth ? GROWTH_SECONDS : 0);
}

/** Two naps of autovacuum, of a minute each: without a vacuum dead tuples grow by those of a job times the rate. */
const GROWTH_SECONDS = 130;

/** How a cell that was just measured speaks for its rate. */
function evidenceIn(
  { cell, samples, histogramLog }: CellOutcome,
  ratePerSec: number,
  slo: readonly Slo[],
): ProbeEvidence {
  const tags = new Set(latencyTerms(slo).map(({ of }) => of));
  return evidenceOf(
    {
      ...{ cell, ratePerSec },
      load: samples.filter((sample) => sample.kind === 'load'),
      server: samples.filter((sample) => sample.kind === 'server'),
      intervals: readIntervals(histogramLog, tags),
    },
    slo,
  );
}

/** A check of the measuring, of a load that was stable. */
function littleIn({ cell, samples }: CellOutcome): Pick<Probe, 'little'> {
  const little = littleCheck({ cell, load: samples.filter((sample) => sample.kind === 'load') });
  return little === undefined ? {} : { little };
}

function probeLoad(setup: SearchSetup, ratePerSec: number, seconds: number): Scenario {
  const { pattern, crew, heldXminSeconds } = setup;
  const held =
    heldXminSeconds === undefined ? {} : { fault: { fault: 'held-xmin', afterSeconds: 0 } as const };
  return openLoad(pattern, { ratePerSec, seconds, crew, ...held });
}

const HINT_SECONDS = 2;
/** So many lie ready for each second where handlers take no time: the fastest are through with them at once, and told to be fast. */
const HINT_PER_SEC = 30_000;

/** A short closed load: its rate is no figure of the search, it only says where to begin. */
function* firstRate(setup: SearchSetup, log: CapacityLog): Generator<PlannedCell, number, CellOutcome> {
  const { pattern, contender, crew, maxPerSec } = setup;
  const { meanMs } = handlerMoments(pattern.job.handler);
  const most = meanMs === 0 ? HINT_PER_SEC : Math.min(HINT_PER_SEC, (handlersOf(crew) * 1_200) / meanMs);
  const backlog = backlogOf(HINT_SECONDS, most, pattern.job.payloadBytes);
  const scenario = closedLoad(pattern, { crew, seconds: HINT_SECONDS, backlog });
  const { cell } = yield* log.cell(scenario, contender, crew, 'closed');
  const settled = cell.throughput?.settledPerSec;
  const start = settled === undefined || settled === 0 ? START_PER_SEC : settled * START_SHARE;
  return roundRate(Math.min(maxPerSec, Math.max(MIN_PER_SEC, start)));
}
