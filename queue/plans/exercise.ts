// What do a queue's users send, one statement after another, and what did each touch?

import type { Driver } from '../drivers/driver.ts';
import type { ClaimedJob, ClaimStrategy, NewJob, Outcome, WorkerSession } from '../strategy.ts';
import type { PlanReader, Touched } from './touched.ts';

/** What can be sent; `plans: <step>` excuses a strategy from one. */
export const STEPS = [
  'enqueue one',
  'enqueue many',
  'claim one',
  'claim many',
  'ack one',
  'ack many',
  'settle mixed',
  'heartbeat',
  'turn',
  'promote',
  'reap',
  'upkeep',
] as const;
export type Step = (typeof STEPS)[number];

/** Sent by a worker's session, prepared: what the plan of an empty queue is, it keeps. The others are planned as they are sent. */
export const LASTING: ReadonlySet<Step> = new Set<Step>([
  'claim one',
  'claim many',
  'ack one',
  'ack many',
  'settle mixed',
  'heartbeat',
  'turn',
]);

/**
 * The least that each step touched, in pages, over the rounds; rows and sorts of the last, and every table read whole.
 * `mostRows` are those of the round that looked at the most: a claim need not find as many jobs each time.
 */
export type Seen = Map<Step, Touched & { readonly mostRows: number }>;

const QUEUE = 'q';
const LEASE_MS = 600_000;
const MANY = 100;
/** A prepared statement may get its generic plan from the sixth execution on. */
const ROUNDS = 7;

/** A strategy at work in one schema. */
export interface Yard {
  readonly strategy: ClaimStrategy;
  /** Whose plans are read. */
  readonly driver: Driver;
  readonly reader: PlanReader;
}

const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });
const release = (job: ClaimedJob): Outcome => ({ kind: 'release', job });
const retry = (job: ClaimedJob): Outcome => ({ kind: 'retry', job, delayMs: 0, error: 'x' });

/** Jobs for the queue that `exercise` works on. */
export function plainJobs(count: number): readonly NewJob[] {
  return Array.from({ length: count }, (_, n) => ({ queue: QUEUE, payload: { n } }));
}

/** Claims `count` jobs and keeps them. */
export function hold(session: WorkerSession, count: number): Promise<readonly ClaimedJob[]> {
  return session.claim(QUEUE, count, LEASE_MS);
}

/** Sends every kind of statement often enough for it to have its lasting plan. Jobs are as many afterwards, but for a few acks. */
export async function exercise({ strategy, driver, reader }: Yard, session: WorkerSession): Promise<Seen> {
  const seen: Seen = new Map();
  const see = async <T>(step: Step, work: () => Promise<T>): Promise<T> => {
    const { answer, touched } = await reader.during(work);
    const known = seen.get(step);
    seen.set(step, {
      ...touched,
      mostRows: Math.max(touched.rows, known?.mostRows ?? 0),
      buffers: Math.min(touched.buffers, known?.buffers ?? Number.POSITIVE_INFINITY),
      seqScans: [...(known?.seqScans ?? []), ...touched.seqScans],
    });
    return answer;
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    await see('enqueue one', () => strategy.enqueue(driver, plainJobs(1)));
    await see('enqueue many', () => strategy.enqueue(driver, plainJobs(20)));
    if (strategy.upkeep !== undefined) await see('upkeep', async () => strategy.upkeep?.run(driver));
    const one = await see('claim one', () => session.claim(QUEUE, 1, LEASE_MS));
    if (one.length > 0) await see('ack one', () => session.settle(one.map(ack)));
    const many = await see('claim many', () => session.claim(QUEUE, MANY, LEASE_MS));
    if (many.length > 1) await see('ack many', () => session.settle(many.slice(0, 10).map(ack)));
    const rest = many.length > 1 ? many.slice(10) : many;
    const { heartbeat, turn } = session;
    if (heartbeat !== undefined && rest.length > 0)
      await see('heartbeat', () => heartbeat.extend(rest, LEASE_MS));
    const mixed = [...rest.slice(0, 10).map(retry), ...rest.slice(10).map(release)];
    if (mixed.length > 0) await see('settle mixed', () => session.settle(mixed));
    if (turn !== undefined) {
      const first = await session.claim(QUEUE, 10, LEASE_MS);
      const { jobs } = await see('turn', () => turn.settleAndClaim(first.map(ack), QUEUE, 10, LEASE_MS));
      await session.settle(jobs.map(release));
    }
    const { delay } = strategy;
    if (delay !== undefined) await see('promote', () => delay.promote(driver, MANY));
    if (strategy.guarantees.lease === 'timed') await see('reap', () => strategy.reap(driver, MANY));
  }
  return seen;
}
