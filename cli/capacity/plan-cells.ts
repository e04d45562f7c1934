// Which loads does a plan need? Closed ones for the law, a light one, a search, an outage, a snapshot that is held.

import type { CellOutcome } from '../../harness/cell/result.ts';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { PlanQuestion, Search } from '../../harness/result/result.ts';
import type { PlannedCell, StepOutcome } from '../../harness/run/plan.ts';
import { probeSeconds } from '../../reports/capacity/probe.ts';
import { type Crew, crewOf, handlersOf, sessionsMaxFor } from '../../reports/planning/crew.ts';
import { chooseHandlers } from '../../reports/planning/handlers.ts';
import { type Law, rateAt, settledBeside } from '../../reports/planning/law.ts';
import { type MeasuredCell, measuredNow } from '../../reports/planning/measured.ts';
import { aheadOf, baseOf } from '../../reports/planning/pickup.ts';
import { handlersInDoubt, scalingOf } from '../../reports/planning/scaling.ts';
import { stallsOf } from '../../reports/planning/stalls.ts';
import { type Scenario, totalSeconds } from '../../scenarios/scenario.ts';
import { randomStream, shuffled } from '../../stats/random.ts';
import { uslAt } from '../../stats/usl.ts';
import type { CapacityLog } from './capacity-log.ts';
import { closedLoad, handlerMoments, openLoad, roundRate, warmUpSeconds } from './loads.ts';
import { closedSeconds, levelsFor, lightRate, mostPerSec } from './plan-sizes.ts';
import { backlogOf } from './room.ts';
import { searchCells } from './search-cells.ts';

export interface PlanSetup {
  readonly question: PlanQuestion;
  readonly pattern: Scenario;
  readonly contender: ContenderSpec;
  readonly seed: number;
  /** Labels of the servers, where there are several: all is measured on the first, and the partitions on all. Absent: one. */
  readonly servers?: readonly string[];
  /** Seconds that are left for all. */
  readonly secondsLeft: () => number;
}

/** What was measured: filled as it comes, so that an interrupted plan has what there is. */
export interface PlanMeasurements {
  readonly cells: MeasuredCell[];
  search?: Search;
}

/** Cells out, outcomes in. Measures what the question needs and no more. */
export function* planCells(
  setup: PlanSetup,
  log: CapacityLog,
  measured: PlanMeasurements,
): Generator<PlannedCell, void, StepOutcome> {
  const stage = new Stage(setup, log, measured);
  const closed = yield* stage.closedLoads();
  if (closed === undefined) return;
  const law = yield* stage.catchingUp(closed);
  const handlers = yield* stage.lightLoads(law);
  yield* stage.searchFor(law, handlers);
  yield* stage.checkLoad(law, handlers);
  if (setup.question.outage !== undefined) yield* stage.outage(law, handlers);
  if (setup.question.bloatSeconds !== undefined) yield* stage.heldXmin(law, handlers);
  if ((setup.servers ?? []).length > 1) yield* stage.partitions(handlers);
}

/** How many cells that will be, before the first. */
export function expectedCells({ question, servers = [] }: Pick<PlanSetup, 'question' | 'servers'>): number {
  const { closed, heldBack } = levelsFor(question);
  const rest =
    2 +
    CATCH_UPS +
    SEARCH_PROBES +
    (question.outage === undefined ? 0 : 1) +
    (question.bloatSeconds === undefined ? 0 : 1) +
    (servers.length > 1 ? servers.length : 0);
  return (closed.length + heldBack.length) * CLOSED_REPEATS + rest;
}

const CLOSED_REPEATS = 2;
/** What a search takes on average. */
const SEARCH_PROBES = 9;
/** Of a cell, what comes before and after its load. */
const AROUND_SECONDS = 6;
/** Seconds that are kept for what comes after something else. */
const RESERVE_SECONDS = {
  catchUps: 30,
  light: 40,
  search: 60,
  check: 42,
  outage: 112,
  bloat: 45,
  report: 10,
} as const;
/** A plan wants to know where the limit is, not to the last percent. */
const RESOLUTION = 0.1;

class Stage {
  readonly #setup: PlanSetup;
  readonly #log: CapacityLog;
  readonly #measured: PlanMeasurements;
  /** Seen in closed loads so far, jobs/s. */
  #fastestPerHandler = 0;

  constructor(setup: PlanSetup, log: CapacityLog, measured: PlanMeasurements) {
    this.#setup = setup;
    this.#log = log;
    this.#measured = measured;
  }

  /**
   * The law, or nothing where it could not be fitted. Once upwards, since the backlog follows what was seen; then shuffled; then once more
   * where two repeats disagree. Where a law can be told already, only while there is time for what comes after.
   */
  *closedLoads(): Generator<PlannedCell, Law | undefined, CellOutcome> {
    const { question, seed, secondsLeft } = this.#setup;
    const { closed, heldBack } = levelsFor(question);
    const upwards = [...closed, ...heldBack].sort((x, y) => x - y);
    const random = randomStream(seed, 'closed loads');
    const rounds = Array.from({ length: CLOSED_REPEATS }, (_, i) =>
      i === 0 ? upwards : shuffled(upwards, random),
    );
    const budgetSeconds = secondsLeft();
    const goesOn = (): boolean => {
      const left = secondsLeft();
      const late = left < Math.max(this.#reserveAfterClosed(), budgetSeconds / 3);
      return left > 0 && !(late && this.#law() !== undefined);
    };
    const purposeOf = (handlers: number) => (heldBack.includes(handlers) ? 'held back' : 'closed');
    for (const [i, handlers] of rounds.flat().entries()) {
      if (i >= upwards.length && !goesOn()) break;
      yield* this.#closedLoad(handlers, purposeOf(handlers));
    }
    for (const handlers of handlersInDoubt(this.#measured.cells)) {
      if (!goesOn()) break;
      yield* this.#closedLoad(handlers, purposeOf(handlers));
    }
    return this.#law();
  }

  *#closedLoad(handlers: number, purpose: 'closed' | 'held back'): Generator<PlannedCell, void, CellOutcome> {
    const { question, pattern } = this.#setup;
    const crew = this.#crewOf(handlers);
    const seconds = closedSeconds(question.jobMs, handlerMoments(pattern.job.handler), handlers);
    const most = mostPerSec(question.jobMs, handlers, this.#fastestPerHandler);
    const backlog = backlogOf(seconds, most, question.payloadBytes);
    const { cell } = yield* this.#cell(closedLoad(pattern, { crew, seconds, backlog }), crew, purpose);
    const perHandler = (cell.throughput?.settledPerSec ?? 0) / handlers;
    this.#fastestPerHandler = Math.max(this.#fastestPerHandler, perHandler);
  }

  /** As it will be recommended: within the connections that the question leaves. */
  #crewOf(handlers: number): Crew {
    return crewOf(handlers, sessionsMaxFor(this.#setup.question.connections));
  }

  #law(): Law | undefined {
    const { contender, seed } = this.#setup;
    return scalingOf(contender.name, this.#measured.cells, seed).law;
  }

  /** The law with what arrivals take away: a backlog, and jobs that come at the peak meanwhile, as after an outage. */
  *catchingUp(law: Law): Generator<PlannedCell, Law, CellOutcome> {
    const { question, pattern } = this.#setup;
    const { handlers } = chooseHandlers(question, law);
    const crew = this.#crewOf(handlers);
    const capacity = uslAt(law.fit, handlers);
    const ratePerSec = roundRate(Math.max(1, Math.min(question.ratePerSec * question.peakFactor, capacity)));
    const { handler } = pattern.job;
    const seconds = Math.max(
      CATCH_UP_SECONDS,
      closedSeconds(question.jobMs, handlerMoments(handler), handlers),
    );
    const backlog = backlogOf(seconds + warmUpSeconds(handler), capacity * 1.2, question.payloadBytes);
    const scenario = openLoad(pattern, { ratePerSec, seconds, crew, backlog, name: 'catch-up' });
    // What a void one saw counts too, where its generator alone was at fault (reports/planning/arrivals.ts).
    for (let i = 0; i < CATCH_UPS; i += 1) yield* this.#cell(scenario, crew, 'catch-up', 0, false);
    return this.#law() ?? law;
  }

  /** The number of handlers, chosen anew when it is known how long claiming itself takes. */
  *lightLoads(law: Law): Generator<PlannedCell, number, CellOutcome> {
    const { question, pattern } = this.#setup;
    let { handlers } = chooseHandlers(question, law);
    const keepSeconds =
      this.#searchSeconds(law, handlers) + RESERVE_SECONDS.check + this.#reserveAfterCheck();
    for (let tries = 0; tries < 2; tries += 1) {
      const crew = this.#crewOf(handlers);
      const ratePerSec = roundRate(lightRate(question, handlers, uslAt(law.fit, handlers)));
      const seconds = openSeconds(ratePerSec);
      const scenario = openLoad(pattern, { ratePerSec, seconds, crew, name: 'light' });
      const light = yield* this.#cell(scenario, crew, 'light', keepSeconds);
      const base = baseOf(law, light);
      if (base === undefined || light.cell.verdict !== 'valid') return handlers;
      const { scv: serviceScv } = handlerMoments(pattern.job.handler);
      const claiming = { base, serviceScv, ahead: aheadOf(light.cell) };
      const stalls = stallsOf({ ...claiming, law, handlers }, light);
      const chosen = chooseHandlers(question, law, { ...claiming, stalls });
      const late = this.#setup.secondsLeft() < totalSeconds(scenario) + AROUND_SECONDS + keepSeconds;
      if (chosen.handlers === handlers) return handlers;
      handlers = chosen.handlers;
      // Those that will be recommended are searched, also where there is no time to load them lightly first.
      if (late) return handlers;
    }
    return handlers;
  }

  *searchFor(law: Law, handlers: number): Generator<PlannedCell, void, CellOutcome> {
    const { question, pattern, contender, secondsLeft } = this.#setup;
    const outage = question.outage && totalSeconds(this.#outageLoad(law, handlers)) + AROUND_SECONDS;
    const reserve = RESERVE_SECONDS.check + this.#reserveAfterCheck(outage);
    const capacity = uslAt(law.fit, handlers);
    const search = searchCells(
      {
        ...{ pattern, contender, slo: question.slo, resolution: RESOLUTION },
        maxProbes: Math.max(16, Math.floor(secondsLeft() / 20)),
        crew: this.#crewOf(handlers),
        startPerSec: roundRate(rateAt(law, capacity, 0.8)),
        maxPerSec: roundRate(capacity * 4),
        outOfTime: (seconds) => secondsLeft() < reserve + seconds + AROUND_SECONDS,
      },
      this.#log,
    );
    // What the search measures counts for the plan as well.
    let step = search.next();
    while (step.done !== true) {
      const outcome = yield step.value;
      this.#measured.cells.push(measuredNow({ purpose: 'probe', handlers }, outcome));
      step = search.next(outcome);
    }
    this.#measured.search = step.value;
  }

  /** An open load that the models know nothing of, long enough for a p99 where that can be had. */
  *checkLoad(law: Law, handlers: number): Generator<PlannedCell, void, CellOutcome> {
    const crew = this.#crewOf(handlers);
    const ratePerSec = roundRate(Math.max(1, rateAt(law, uslAt(law.fit, handlers), CHECK_SHARE)));
    const seconds = openSeconds(ratePerSec);
    const scenario = openLoad(this.#setup.pattern, { ratePerSec, seconds, crew, name: 'check' });
    yield* this.#cell(scenario, crew, 'check', this.#reserveAfterCheck());
  }

  /** Repeats of closed loads leave so much for all that comes after them, and a third of the budget. */
  #reserveAfterClosed(): number {
    const { catchUps, light, search, check } = RESERVE_SECONDS;
    return catchUps + light + search + check + this.#reserveAfterCheck();
  }

  /** A confirmed pass takes a short load and two long ones. */
  #searchSeconds(law: Law, handlers: number): number {
    const ratePerSec = rateAt(law, uslAt(law.fit, handlers), 0.8);
    const around = AROUND_SECONDS + warmUpSeconds(this.#setup.pattern.job.handler);
    return probeSeconds(ratePerSec, false) + 2 * probeSeconds(ratePerSec, true) + 3 * around;
  }

  #reserveAfterCheck(outageSeconds: number = RESERVE_SECONDS.outage): number {
    const { outage, bloatSeconds } = this.#setup.question;
    return (
      RESERVE_SECONDS.report +
      (outage === undefined ? 0 : outageSeconds) +
      (bloatSeconds === undefined ? 0 : RESERVE_SECONDS.bloat)
    );
  }

  /** In miniature, at half of what is held: the backlog of as many seconds without workers as can be made up for in a short while. */
  *outage(law: Law, handlers: number): Generator<PlannedCell, void, CellOutcome> {
    yield* this.#cell(this.#outageLoad(law, handlers), this.#crewOf(handlers), 'outage');
  }

  #outageLoad(law: Law, handlers: number): Scenario {
    const { question, pattern } = this.#setup;
    const crew = this.#crewOf(handlers);
    const capacity = uslAt(law.fit, handlers);
    const held = this.#measured.search?.answer.passPerSec ?? capacity;
    const ratePerSec = roundRate(0.5 * Math.min(held, capacity));
    const outageSeconds = Math.min(OUTAGE_SECONDS, question.outage?.seconds ?? OUTAGE_SECONDS);
    // Where nothing is left beside the arrivals, the drain is watched for as long as it ever is.
    const left = settledBeside(law, handlers, ratePerSec) - ratePerSec;
    const drain = left > 0 ? (ratePerSec * outageSeconds) / left : Number.POSITIVE_INFINITY;
    const beforeSeconds = Math.max(BEFORE_OUTAGE_SECONDS, BEFORE_OUTAGE_JOBS / ratePerSec);
    return openLoad(pattern, {
      ...{ ratePerSec, crew, name: 'outage' },
      seconds: beforeSeconds + outageSeconds + Math.min(90, drain * 3 + 3),
      fault: { fault: 'stall-worker', afterSeconds: beforeSeconds, forSeconds: outageSeconds },
      settleWithinSeconds: 5,
    });
  }

  /** Every handler has a job, and nothing that dies may be removed. */
  *heldXmin(law: Law, handlers: number): Generator<PlannedCell, void, CellOutcome> {
    const { question, pattern } = this.#setup;
    const crew = this.#crewOf(handlers);
    const seconds = Math.min(BLOAT_SECONDS, Math.max(10, question.bloatSeconds ?? BLOAT_SECONDS));
    const backlog = backlogOf(seconds, uslAt(law.fit, handlers) * 1.2, question.payloadBytes);
    const fault = { fault: 'held-xmin', afterSeconds: 0 } as const;
    yield* this.#cell(closedLoad(pattern, { crew, seconds, backlog, name: 'bloat', fault }), crew, 'bloat');
  }

  /** On every server at once what one of them held. */
  *partitions(handlers: number): Generator<PlannedCell, void, StepOutcome> {
    const { pattern, contender, servers = [] } = this.#setup;
    const ratePerSec = this.#measured.search?.answer.passPerSec;
    if (ratePerSec === undefined) return;
    const crew = this.#crewOf(handlers);
    const seconds = probeSeconds(ratePerSec, false);
    const scenario = openLoad(pattern, { ratePerSec, seconds, crew, name: 'partition' });
    for (const outcome of yield* this.#log.everywhere(scenario, contender, crew, servers))
      this.#measured.cells.push(measuredNow({ purpose: 'partition', handlers }, outcome));
  }

  /** What was void is tried once more, while there is time beside the seconds to keep: a plan without it knows less. */
  *#cell(
    scenario: Scenario,
    crew: Crew,
    purpose: MeasuredCell['purpose'],
    keepSeconds = 0,
    again = true,
  ): Generator<PlannedCell, MeasuredCell, CellOutcome> {
    const outcome = yield* this.#log.cell(scenario, this.#setup.contender, crew, purpose);
    const cell = measuredNow({ purpose, handlers: handlersOf(crew) }, outcome);
    this.#measured.cells.push(cell);
    const needed = Math.max(
      totalSeconds(scenario) * 2,
      totalSeconds(scenario) + AROUND_SECONDS + keepSeconds,
    );
    if (cell.cell.verdict !== 'invalid' || !again || this.#setup.secondsLeft() < needed) return cell;
    return yield* this.#cell(scenario, crew, purpose, keepSeconds, false);
  }
}

/** All that follows counts with what these say. */
const CATCH_UPS = 2;
const CATCH_UP_SECONDS = 6;
/** Busy enough for waiting to be seen, and below where the models end. */
const CHECK_SHARE = 0.75;
/** Measured before it, so that what it is held against is level. */
const BEFORE_OUTAGE_SECONDS = 6;
/** And so many jobs at least: recovery is told by a level of fifty. */
const BEFORE_OUTAGE_JOBS = 65;
const OUTAGE_SECONDS = 20;
const BLOAT_SECONDS = 20;

/**
 * Of a light load and of the one that tries what it says: as long as a p99 takes, where that can be had. A disk stops some times a minute, and light
 * loads of 10 to 20 s saw one stop or none, of which p99 was then foretold.
 */
function openSeconds(ratePerSec: number): number {
  return Math.min(30, Math.max(8, 10_500 / ratePerSec + 1));
}
