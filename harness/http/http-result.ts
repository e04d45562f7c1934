// What is told of a load over HTTP: answers, latencies from the intended instant, and what the front itself needed?

import type { Scenario } from '../../scenarios/scenario.ts';
import type { Load } from '../load/load.ts';
import type { FigureInput } from '../measure/figures.ts';
import { LatencyHistogram } from '../measure/histogram.ts';
import { ENQUEUE } from '../measure/ledger.ts';
import type { HttpPart } from '../result/result.ts';
import { frontConnections } from './scenario.ts';

/** Share of one core above which the front may be what limits the load. */
const BUSY_FRONT = 0.8;

/** Undefined for a scenario without a front. */
export function httpPart(
  scenario: Scenario,
  load: Pick<Load, 'agents'>,
  input: FigureInput,
): HttpPart | undefined {
  const { http } = scenario.producers;
  if (http === undefined || !input.openLoop) return undefined;
  const answers = answersOf(load);
  const front = frontOf(scenario, load);
  return {
    ...http,
    ...(answers === undefined ? {} : { answers }),
    latencyUs: latencies(input),
    ...(front === undefined ? {} : { front }),
  };
}

function answersOf({ agents }: Pick<Load, 'agents'>): HttpPart['answers'] {
  const producers = agents.filter((agent) => agent.role === 'producer');
  const posts = producers.flatMap((agent) => agent.report?.posts ?? []);
  if (posts.length < producers.length) return undefined;
  const sum = (of: (post: (typeof posts)[number]) => number): number =>
    posts.reduce((total, post) => total + of(post), 0);
  const withStatus = (is: (status: number) => boolean): number =>
    sum(({ statuses }) =>
      Object.entries(statuses).reduce((total, [status, n]) => total + (is(Number(status)) ? n : 0), 0),
    );
  return {
    created: withStatus((status) => status === 201),
    tooMany: withStatus((status) => status === 429),
    withoutRetryAfter: sum((post) => post.withoutRetryAfter),
    otherClientErrors: withStatus((status) => status >= 400 && status < 500 && status !== 429),
    serverErrors: withStatus((status) => status >= 500),
    timeouts: sum((post) => post.timeouts),
    brokenConnections: sum((post) => post.brokenConnections),
  };
}

function latencies({ ledger, preloaded, measured, endUs }: FigureInput): HttpPart['latencyUs'] {
  const accepted = new LatencyHistogram();
  const rejected = new LatencyHistogram();
  const service = new LatencyHistogram();
  for (let key = preloaded; key < ledger.size; key += 1) {
    const intendedUs = ledger.intendedUs[key] ?? Number.NaN;
    if (!measured.some((s) => intendedUs >= s.fromUs && intendedUs < s.toUs)) continue;
    const answeredUs = ledger.enqueuedUs[key] ?? Number.NaN;
    const state = ledger.enqueueState[key];
    if (state === ENQUEUE.rejected) rejected.record(answeredUs - intendedUs);
    else if (state === ENQUEUE.confirmed) {
      accepted.record(answeredUs - intendedUs);
      const carriedUs = ledger.carriedUs(key);
      if (!Number.isNaN(carriedUs)) service.record(carriedUs);
    } else if (intendedUs <= endUs) accepted.recordUnfinished(endUs - intendedUs);
  }
  const told = (name: string, histogram: LatencyHistogram): object => {
    const percentiles = histogram.percentiles();
    return percentiles === undefined ? {} : { [name]: percentiles };
  };
  return { ...told('accepted', accepted), ...told('rejected', rejected), ...told('service', service) };
}

function frontOf(scenario: Scenario, { agents }: Pick<Load, 'agents'>): HttpPart['front'] {
  const report = agents.find((agent) => agent.role === 'front')?.report;
  if (report?.front === undefined) return undefined;
  const { backlog } = report.front;
  const { cpuShare, eventLoopP99Us, eventLoopMaxUs } = report.health;
  return {
    connections: frontConnections(scenario),
    cpuShare: Math.round(cpuShare * 1000) / 1000,
    eventLoopP99Us: Math.round(eventLoopP99Us),
    eventLoopMaxUs: Math.round(eventLoopMaxUs),
    backlogReadings: backlog.readings,
    failedReadings: backlog.failedReadings,
    meanReadingMs: backlog.meanReadingMs,
    longestReadingMs: backlog.longestReadingMs,
    backlogPeak: backlog.peak,
  };
}

/** What is worth knowing of such a load; none of it voids a cell, since the front is part of what is measured. */
export function httpNotes(part: HttpPart | undefined): string[] {
  if (part === undefined) return [];
  const { answers, front, backlogLimit, retryAfterSeconds } = part;
  const notes: string[] = [];
  if (answers !== undefined && answers.tooMany > 0) {
    const all = Object.values(answers).reduce((sum, n) => sum + n, -answers.withoutRetryAfter);
    const told =
      answers.withoutRetryAfter === 0
        ? `each with Retry-After: ${retryAfterSeconds}`
        : `${answers.withoutRetryAfter} of them without a Retry-After`;
    notes.push(
      `${answers.tooMany} of ${all} posts (${((answers.tooMany / all) * 100).toFixed(1)} %) were answered 429 at a backlog of ${backlogLimit}, ${told}: they are in jobs.failed and jobs.rejected, and neither in pickup nor in response`,
    );
  }
  if (front !== undefined && front.cpuShare > BUSY_FRONT) {
    notes.push(
      `the HTTP front used ${Math.round(front.cpuShare * 100)} % of a core: it, and not the queue, may be what limits this load`,
    );
  }
  return notes;
}
