// What do the parts of one queue object share?

import type { Driver } from './drivers/driver.ts';
import type { ScheduleChanges } from './schedules/changes.ts';
import type { QueueTables } from './schema/queue-tables.ts';
import type { ClaimStrategy } from './strategy.ts';
import type { QueueEvent } from './watch/events.ts';
import type { Retention } from './watch/retention.ts';

/** One queue object, as its parts see it. */
export interface QueueContext {
  readonly driver: Driver;
  readonly schema: string;
  readonly strategy: ClaimStrategy;
  readonly tables: QueueTables;
  /** How long finished jobs are kept; absent: not at all. */
  readonly retention: Retention | undefined;
  /** Largest payload, in bytes of JSON text in UTF-8. */
  readonly maxPayloadBytes: number;
  /** For how long the idempotency keys of this object's requests are kept, in ms. */
  readonly idempotencyMs: number;
  /** Of the schedules, made through this queue object. */
  readonly scheduleChanges: ScheduleChanges;
  /** Tells idle workers that `queue` has jobs, or other settings. Returns at once. */
  signal(queue: string): void;
  /** Tells the observer, when there is one. Never throws. */
  emit(event: QueueEvent): void;
  /** Whether somebody observes: without, no event need be made. */
  readonly observed: boolean;
}
