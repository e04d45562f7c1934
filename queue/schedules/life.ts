// What do racing schedulers fire in a simulated time?

import assert from 'node:assert/strict';
import type { DriverKind } from '../conformance/drivers.ts';
import type { DriverOptions } from '../drivers/options.ts';
import { createQueue, createScheduler, type Queue, type ScheduleOptions } from '../index.ts';
import { firedOf } from './fired.ts';
import { QueueSchedules } from './schedules.ts';
import { SimulatedTime } from './simulated-time.ts';

/** A time that schedulers live through. */
export interface Life {
  readonly strategy: string;
  readonly open: DriverKind['open'];
  readonly schedulers: number;
  /** As the driver's `sessionOptions`. */
  readonly sessionOptions?: string;
  readonly from: string;
  readonly until: string;
  readonly schedules: Readonly<Record<string, Pick<ScheduleOptions, 'cron' | 'timeZone'>>>;
}

/** What came of it. */
export interface Lived {
  /** By the names of the schedules. */
  readonly fired: ReadonlyMap<string, readonly string[]>;
  /** How many events each scheduler has told of. */
  readonly shares: readonly number[];
  readonly errors: readonly unknown[];
}

/** Lets schedulers, each with a pool of its own, live through a time in the database of `settings`, which must be empty. */
export async function live(settings: DriverOptions, life: Life): Promise<Lived> {
  const time = new SimulatedTime(life.from);
  await using closing = new AsyncDisposableStack();
  const errors: unknown[] = [];
  const shares: number[] = [];
  const queues: Queue[] = [];
  for (let n = 0; n < life.schedulers; n += 1) {
    // What a crash of the server would do is not asked here, and days have many commits.
    const sessionOptions = `-c synchronous_commit=off ${life.sessionOptions ?? ''}`;
    const driver = closing.use(life.open({ ...settings, max: 2, sessionOptions }));
    const observe = ({ kind }: { readonly kind: string }): void => {
      if (kind === 'fired') shares[n] = (shares[n] ?? 0) + 1;
    };
    queues.push(closing.use(createQueue({ driver, strategy: life.strategy, wakeup: 'poll', observe })));
  }
  const [first] = queues;
  assert(first !== undefined);
  await first.install();
  const schedules = new QueueSchedules(first.context, time.now);
  for (const [name, when] of Object.entries(life.schedules))
    await schedules.set(name, { ...when, queue: 'q', payload: { name }, stampAs: 'dueAt' });
  const { clock } = time;
  for (const queue of queues)
    closing.use(createScheduler(queue, { everyMs: 60_000, clock, onError: (error) => errors.push(error) }));
  await time.passUntil(life.until, life.schedulers);
  return { fired: await firedOf(first), shares, errors };
}
