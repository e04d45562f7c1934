// A queue of a team's own: jobs are leased in place, by columns that no index holds, so that every claim is a HOT update.
//
// Its repository guards it with `claimbench check`; see README.md beside it, and pulls.ts for changes that must not pass.

import { createHash } from 'node:crypto';
import {
  type ClaimedJob,
  type ClaimStrategy,
  type Connection,
  encodePayload,
  type Outcome,
  type SettleResult,
  type Statement,
  type StrategyFactory,
  type WorkerSession,
} from 'claimbench';

const NAME = 'guarded';
/** A statement that each connection prepares once, under a name of its own. */
function named(what: string, text: string): (values: readonly unknown[]) => Statement {
  const name = `${what}_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
  return (values) => ({ name, text, values });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function statementsOf(schema: string) {
  const jobs = `${quoted(schema)}.jobs`;
  const dead = `${quoted(schema)}.dead`;
  return {
    install: [
      `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
      `CREATE TABLE IF NOT EXISTS ${jobs} (
         id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         leased_until timestamptz NOT NULL DEFAULT '-infinity',
         fence integer NOT NULL DEFAULT 0,
         attempt smallint NOT NULL DEFAULT 0,
         max_attempts smallint NOT NULL,
         priority smallint NOT NULL,
         queue text NOT NULL,
         payload jsonb NOT NULL
       ) WITH (fillfactor = 60)`,
      `CREATE INDEX IF NOT EXISTS jobs_next ON ${jobs} (queue, priority, id)`,
      `CREATE TABLE IF NOT EXISTS ${dead} (
         id bigint PRIMARY KEY, queue text NOT NULL, attempt smallint NOT NULL, error text, payload jsonb NOT NULL
       )`,
    ],
    enqueue: named(
      'guarded_enqueue',
      `INSERT INTO ${jobs} (queue, priority, max_attempts, payload)
       SELECT queue, priority, max_attempts, payload
       FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::jsonb[]) WITH ORDINALITY
         AS job (queue, priority, max_attempts, payload, place)
       ORDER BY place
       RETURNING id::text AS id`,
    ),
    // The limit stands in the text: as a parameter it would hide from the planner how few rows are wanted.
    claim: (limit: number) =>
      named(
        `guarded_claim_${limit}`,
        `WITH next AS MATERIALIZED (
         SELECT ctid FROM ${jobs}
         WHERE queue = $1 AND leased_until <= now() AND attempt < max_attempts
         ORDER BY priority, id LIMIT ${limit}
         FOR UPDATE SKIP LOCKED
       ), claimed AS (
         UPDATE ${jobs} AS job
         SET leased_until = now() + $2::float8 * interval '1 ms', fence = fence + 1, attempt = attempt + 1
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM next))
         RETURNING id, priority, attempt, max_attempts, fence, leased_until, payload
       )
       SELECT id::text AS id, priority, attempt, max_attempts, fence::text AS fence,
         extract(epoch FROM leased_until)::float8 * 1000 AS until_ms, payload
       FROM claimed ORDER BY priority, claimed.id`,
      ),
    settle: named(
      'guarded_settle',
      `WITH outcome AS MATERIALIZED (
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[]) AS outcome (id, fence, kind, error)
       ), gone AS (
         DELETE FROM ${jobs} AS job USING outcome
         WHERE job.id = outcome.id AND job.fence = outcome.fence AND kind IN ('ack', 'dead-letter')
         RETURNING job.id, queue, attempt, kind, error, payload
       ), buried AS (
         INSERT INTO ${dead} (id, queue, attempt, error, payload)
         SELECT id, queue, attempt, error, payload FROM gone WHERE kind = 'dead-letter'
       ), back AS (
         UPDATE ${jobs} AS job
         SET leased_until = '-infinity', fence = job.fence + 1,
           attempt = CASE WHEN kind = 'release' THEN attempt - 1 ELSE attempt END
         FROM outcome
         WHERE job.id = outcome.id AND job.fence = outcome.fence AND kind IN ('retry', 'release')
         RETURNING job.id, kind
       )
       SELECT id::text AS id, kind FROM gone UNION ALL SELECT id::text, kind FROM back`,
    ),
    // Exhausted jobs lie where claims walk past them: at the head.
    reap: named(
      'guarded_reap',
      `WITH first AS MATERIALIZED (
         SELECT id FROM ${jobs} ORDER BY id LIMIT 1000
       ), over AS MATERIALIZED (
         SELECT job.id, job.attempt >= job.max_attempts AS dies FROM ${jobs} AS job JOIN first USING (id)
         WHERE leased_until <= now() AND leased_until > '-infinity'
         LIMIT $1 FOR UPDATE OF job SKIP LOCKED
       ), gone AS (
         DELETE FROM ${jobs} AS job USING over WHERE job.id = over.id AND dies
         RETURNING job.id, queue, attempt, payload
       ), buried AS (
         INSERT INTO ${dead} (id, queue, attempt, error, payload)
         SELECT id, queue, attempt, 'its lease ran out', payload FROM gone
       ), back AS (
         UPDATE ${jobs} AS job SET leased_until = '-infinity', fence = job.fence + 1
         FROM over WHERE job.id = over.id AND NOT dies
       )
       SELECT id::text AS id, dies FROM over`,
    ),
    extend: named(
      'guarded_extend',
      `WITH kept AS (
         UPDATE ${jobs} AS job SET leased_until = now() + $3::float8 * interval '1 ms'
         FROM unnest($1::bigint[], $2::integer[]) AS held (id, fence)
         WHERE job.id = held.id AND job.fence = held.fence
         RETURNING job.id
       )
       SELECT id::text AS id FROM unnest($1::bigint[]) AS asked (id) EXCEPT ALL SELECT id::text FROM kept`,
    ),
    stats: named(
      'guarded_stats',
      `SELECT (count(*) FILTER (WHERE leased_until <= now()))::integer AS ready,
         (count(*) FILTER (WHERE leased_until > now()))::integer AS leased,
         (SELECT count(*)::integer FROM ${dead} WHERE queue = $1) AS dead
       FROM ${jobs} WHERE queue = $1`,
    ),
    contents: named(
      'guarded_contents',
      `SELECT id::text AS id, state, payload FROM (
         SELECT id, CASE WHEN leased_until > now() THEN 'leased' ELSE 'ready' END AS state, payload FROM ${jobs}
         UNION ALL SELECT id, 'dead', payload FROM ${dead}
       ) AS held
       WHERE id > $1::bigint ORDER BY held.id LIMIT $2`,
    ),
  };
}

type Statements = ReturnType<typeof statementsOf>;

interface ClaimedRow {
  readonly id: string;
  readonly priority: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly fence: string;
  readonly until_ms: number;
  readonly payload: unknown;
}

function openSession(statements: Statements, connection: Connection): WorkerSession {
  const heldBy = (jobs: readonly ClaimedJob[]) => [
    jobs.map(({ id }) => id),
    jobs.map(({ lease }) => Number(lease.fencingToken)),
  ];
  return {
    heartbeat: {
      async extend(jobs, leaseMs) {
        const { rows } = await connection.query<{ readonly id: string }>(
          statements.extend([...heldBy(jobs), leaseMs]),
        );
        return rows.map(({ id }) => id);
      },
    },
    async claim(queue, limit, leaseMs) {
      const { rows } = await connection.query<ClaimedRow>(statements.claim(limit)([queue, leaseMs]));
      return rows.map(
        ({ id, priority, attempt, max_attempts, fence, until_ms, payload }): ClaimedJob => ({
          ...{ id, queue, payload, priority, attempt, maxAttempts: max_attempts },
          lease: { fencingToken: fence, expiresAtMs: until_ms },
        }),
      );
    },
    async settle(outcomes) {
      if (outcomes.length === 0) return resultOf([], []);
      const { rows } = await connection.query<Settled>(
        statements.settle([
          ...heldBy(outcomes.map(({ job }) => job)),
          outcomes.map(({ kind }) => kind),
          outcomes.map((outcome) => ('error' in outcome ? outcome.error.replaceAll('\0', '') : null)),
        ]),
      );
      return resultOf(outcomes, rows);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

interface Settled {
  readonly id: string;
  readonly kind: Outcome['kind'];
}

function resultOf(outcomes: readonly Outcome[], settled: readonly Settled[]): SettleResult {
  const count = (kind: Outcome['kind']): number => settled.filter((one) => one.kind === kind).length;
  const ids = new Set(settled.map(({ id }) => id));
  return {
    ...{
      acked: count('ack'),
      retried: count('retry'),
      deadLettered: count('dead-letter'),
      released: count('release'),
    },
    stale: outcomes.map(({ job }) => job.id).filter((id) => !ids.has(id)),
  };
}

const PRIORITY = { min: -32_768, max: 32_767 } as const;
const ATTEMPTS = 20;

function create({ schema }: { readonly schema: string }): ClaimStrategy {
  const statements = statementsOf(schema);
  return {
    name: NAME,
    guarantees: {
      ...{ delivery: 'at-least-once', order: 'priority-then-enqueue', lease: 'timed' },
      ...{ crashCountsAttempt: true, transactionPooler: true },
    },
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    fixed: { fillfactor: 'its pages keep room for one more version of each job' },
    relations: ['jobs', 'jobs_id_seq', 'jobs_pkey', 'jobs_next', 'dead', 'dead_pkey'],
    priorities: PRIORITY,
    async install(db) {
      for (const text of statements.install) await db.query({ text });
    },
    async enqueue(db, jobs) {
      if (jobs.length === 0) return [];
      const { rows } = await db.query<{ readonly id: string }>(
        statements.enqueue([
          jobs.map(({ queue }) => queue),
          jobs.map(({ priority = 0 }) => priority),
          jobs.map(({ maxAttempts = ATTEMPTS }) => maxAttempts),
          jobs.map(({ payload }) => encodePayload(payload)),
        ]),
      );
      return rows.map(({ id }) => id);
    },
    async openWorker(connection) {
      return openSession(statements, connection);
    },
    async reap(db, limit) {
      const { rows } = await db.query<{ readonly id: string; readonly dies: boolean }>(
        statements.reap([limit]),
      );
      return { ended: rows.length, dead: rows.filter(({ dies }) => dies).map(({ id }) => id) };
    },
    async stats(db, queue) {
      const { rows } = await db.query<{ ready: number; leased: number; dead: number }>(
        statements.stats([queue]),
      );
      return { ...(rows[0] ?? { ready: 0, leased: 0, dead: 0 }), delayed: 0 };
    },
    async contents(db, afterId, limit) {
      const { rows } = await db.query<{ id: string; state: 'ready' | 'leased' | 'dead'; payload: unknown }>(
        statements.contents([afterId ?? '0', limit]),
      );
      return rows;
    },
  };
}

const guarded: StrategyFactory = {
  strategyName: NAME,
  summary: 'leases jobs in place, by columns that no index holds',
  create,
};

export default guarded;
