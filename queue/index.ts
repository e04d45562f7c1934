// What does the queue offer to who uses it? Everything else under queue/ is its own affair.

export type { QueueContext } from './context.ts';
export type {
  Connection,
  CopyingDatabase,
  Database,
  Driver,
  PoolerMode,
  QueryResult,
  Statement,
} from './drivers/driver.ts';
export type { DriverAddress, DriverOptions, DriverSettings, Sending } from './drivers/options.ts';
export { pgDriver, pgTransaction } from './drivers/pg.ts';
export { postgresDriver, postgresTransaction } from './drivers/postgres.ts';
export type { DriverSession, OnSession } from './drivers/session.ts';
export type { EnqueueOptions } from './enqueue/enqueue.ts';
export {
  DuplicateJobError,
  IdempotencyError,
  InvalidArgumentError,
  NotInstalledError,
  PayloadTooLargeError,
  UnsupportedError,
} from './errors.ts';
export type { CancelResult } from './jobs/cancel.ts';
export type { DeadLetterListOptions, DeadLetterSelection, DeadLetters } from './jobs/dead-letters.ts';
export type { JobDetails, JobProgress } from './jobs/inspect.ts';
export type { LimitChanges, QueueLimits } from './limits/operators.ts';
export type { Limits, Rate } from './limits/settings.ts';
export { encodePayload } from './payload.ts';
export { createQueue, type Queue, type QueueOptions } from './queue.ts';
export {
  DeadLetterError,
  type ExponentialRetry,
  exponentialRetry,
  type Failure,
  fixedRetry,
  type RetryPolicy,
} from './retry.ts';
export type { CatchUp } from './schedules/firing.ts';
export type { ScheduleOptions } from './schedules/options.ts';
export {
  createScheduler,
  type Scheduler,
  type SchedulerClock,
  type SchedulerOptions,
} from './schedules/scheduler.ts';
export type { ScheduleRecord, Schedules } from './schedules/schedules.ts';
export type { InstallSqlOptions } from './schema/install.ts';
export { prepared, qualify, quoteIdentifier } from './sql.ts';
export { strategies } from './strategies/index.ts';
export { sessionSettings } from './strategies/shared/planner.ts';
export type {
  AttemptError,
  BulkEnqueue,
  Cancellation,
  ClaimedJob,
  ClaimStrategy,
  DeadLetterFilter,
  DeadLetterStore,
  Delay,
  Guarantees,
  Heartbeat,
  Inspection,
  JobId,
  JobRecord,
  Lease,
  NewJob,
  Outcome,
  QueueStats,
  Redriven,
  SettleResult,
  StoredJob,
  StrategyAxis,
  StrategyContract,
  StrategyFactory,
  StrategyOptions,
  Turn,
  UniqueJob,
  UniquePolicy,
  Upkeep,
  WorkerDefaults,
  WorkerSession,
} from './strategy.ts';
export { wakeups } from './wakeup/index.ts';
export type { Listener, Signaller, WakeupContext, WakeupFactory, WakeupName } from './wakeup/wakeup.ts';
export type { Observer, QueueEvent } from './watch/events.ts';
export type { FinishedFilter, FinishedJob, FinishedJobs } from './watch/finished.ts';
export type { FinishedOutcome } from './watch/history.ts';
export { type EventLogger, type LogLevel, type LogOptions, logEvents } from './watch/log.ts';
export { observers } from './watch/observers.ts';
export type { Retention } from './watch/retention.ts';
export type { Alert, AlertRule } from './watch/rules.ts';
export { type QueueWatch, type WatchOptions, watchQueue } from './watch/watch-queue.ts';
export { type AbortCause, JobAbortedError } from './worker/aborted.ts';
export { claimsAtOnce } from './worker/claim-gate.ts';
export { defaultPrefetch } from './worker/claim-size.ts';
export type {
  AdaptiveConcurrency,
  ErrorSource,
  Handler,
  JobContext,
  RedactError,
  ResolvedOptions,
  WorkerEvents,
  WorkerOptions,
  WorkerState,
} from './worker/options.ts';
export { type IdleOptions, type IdleReport, runUntilIdle } from './worker/until-idle.ts';
export { createWorker, type StopOptions, type StopReport, type Worker } from './worker.ts';
