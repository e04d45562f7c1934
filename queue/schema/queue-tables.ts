// Which tables does every queue have beside those of its strategy, whatever that is?

import { turnRoutine } from '../limits/turn-sql.ts';
import { qualify } from '../sql.ts';
import type { VersionlessRoutine } from './layout.ts';
import type { Component } from './migrations.ts';

/** The qualified, quoted names of what each feature stands on. No job passes through any of them that does not use it. */
export interface QueueTables {
  readonly schema: string;
  /** One row for each queue that somebody has paused or limited. */
  readonly settings: string;
  /** Jobs started under a rate limit, by slots of time. */
  readonly starts: string;
  /** Jobs that run under a limit of concurrency. */
  readonly permits: string;
  /** The concurrency keys of jobs that have one. */
  readonly jobKeys: string;
  readonly uniqueKeys: string;
  /** What enqueues with an idempotency key have answered. */
  readonly requests: string;
  readonly progress: string;
  /** Running jobs that somebody has cancelled. */
  readonly cancellations: string;
  readonly schedules: string;
  /** Jobs that are done, by day, where they are kept. */
  readonly finished: string;
  /** Takes what finishes on a day that has no partition yet. */
  readonly finishedDefault: string;
}

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function queueTables(schema: string): QueueTables {
  const name = (relation: string): string => qualify(schema, `queue_${relation}`);
  return {
    schema,
    settings: name('settings'),
    starts: name('starts'),
    permits: name('permits'),
    jobKeys: name('job_keys'),
    uniqueKeys: name('unique_keys'),
    requests: name('requests'),
    progress: name('progress'),
    cancellations: name('cancellations'),
    schedules: name('schedules'),
    finished: name('finished'),
    finishedDefault: name('finished_default'),
  };
}

/** Names of queues are compared byte by byte. */
const QUEUE = 'queue text NOT NULL COLLATE "C"';

function features(tables: QueueTables): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${tables.settings} (
  ${QUEUE} PRIMARY KEY,
  id              integer GENERATED ALWAYS AS IDENTITY,
  paused_at       timestamptz,
  rate_jobs       integer,
  rate_period_ms  bigint,
  concurrency     integer,
  key_concurrency integer
)`,
    `CREATE TABLE IF NOT EXISTS ${tables.starts} (
  ${QUEUE},
  slot bigint  NOT NULL,
  jobs integer NOT NULL,
  PRIMARY KEY (queue, slot)
) WITH (fillfactor = 50)`,
    `CREATE TABLE IF NOT EXISTS ${tables.permits} (
  job_id     bigint      NOT NULL,
  ${QUEUE},
  key        text        COLLATE "C",
  worker     text        NOT NULL,
  token      text        NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (job_id, token)
) WITH (fillfactor = 50)`,
    // Dead rows of permits long gone lie before those that count, and are not read with them.
    `CREATE INDEX IF NOT EXISTS queue_permits_expires_at ON ${tables.permits} (queue, expires_at)`,
    `CREATE INDEX IF NOT EXISTS queue_permits_key ON ${tables.permits} (queue, key, expires_at) WHERE key IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS ${tables.jobKeys} (
  job_id bigint NOT NULL PRIMARY KEY,
  ${QUEUE},
  key    text   NOT NULL COLLATE "C"
)`,
    `CREATE TABLE IF NOT EXISTS ${tables.uniqueKeys} (
  ${QUEUE},
  key    text        NOT NULL COLLATE "C",
  job_id bigint,
  since  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (queue, key)
) WITH (fillfactor = 70)`,
    `CREATE TABLE IF NOT EXISTS ${tables.requests} (
  key        text        NOT NULL COLLATE "C" PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  digest     text        NOT NULL,
  ids        bigint[]
) WITH (fillfactor = 70)`,
    `CREATE INDEX IF NOT EXISTS queue_requests_expires_at ON ${tables.requests} (expires_at)`,
    `CREATE TABLE IF NOT EXISTS ${tables.progress} (
  job_id bigint      NOT NULL PRIMARY KEY,
  at     timestamptz NOT NULL DEFAULT now(),
  value  jsonb       NOT NULL
) WITH (fillfactor = 50)`,
    `CREATE TABLE IF NOT EXISTS ${tables.cancellations} (
  job_id bigint      NOT NULL PRIMARY KEY,
  ${QUEUE},
  at     timestamptz NOT NULL DEFAULT now()
)`,
    `CREATE INDEX IF NOT EXISTS queue_cancellations_queue ON ${tables.cancellations} (queue)`,
    `CREATE TABLE IF NOT EXISTS ${tables.schedules} (
  name         text        NOT NULL COLLATE "C" PRIMARY KEY,
  ${QUEUE},
  cron         text        NOT NULL,
  time_zone    text        NOT NULL,
  catch_up     text        NOT NULL DEFAULT 'one',
  stamp_as     text,
  paused_at    timestamptz,
  next_at      timestamptz,
  last_at      timestamptz,
  priority     smallint    NOT NULL DEFAULT 0,
  max_attempts smallint    NOT NULL,
  payload      jsonb       NOT NULL
)`,
    `CREATE INDEX IF NOT EXISTS queue_schedules_next_at ON ${tables.schedules} (next_at)`,
    `CREATE TABLE IF NOT EXISTS ${tables.finished} (
  finished_at timestamptz NOT NULL,
  started_at  timestamptz,
  job_id      bigint      NOT NULL,
  attempt     smallint    NOT NULL,
  priority    smallint    NOT NULL,
  outcome     text        NOT NULL,
  worker      text,
  ${QUEUE},
  error       text,
  payload     jsonb
) PARTITION BY RANGE (finished_at)`,
    `CREATE INDEX IF NOT EXISTS queue_finished_at ON ${tables.finished} (finished_at, job_id)`,
    `CREATE INDEX IF NOT EXISTS queue_finished_queue ON ${tables.finished} (queue, finished_at, job_id)`,
    `CREATE INDEX IF NOT EXISTS queue_finished_job ON ${tables.finished} (job_id)`,
    `CREATE TABLE IF NOT EXISTS ${tables.finishedDefault} PARTITION OF ${tables.finished} DEFAULT`,
  ];
}

/** What runs on the server beside those tables. */
export function queueRoutines(tables: QueueTables): readonly VersionlessRoutine[] {
  return [turnRoutine(tables)];
}

/** Those tables, with their versions. */
export function queueComponent(tables: QueueTables): Component {
  return {
    name: 'queue',
    migrations: [{ version: 1, name: 'tables of the features', statements: features(tables) }],
  };
}
