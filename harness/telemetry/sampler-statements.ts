// What does the sampler ask the server, on which version?

import { BYSTANDER_NAME } from '../neighbours/bystander-protocol.ts';

/** Shown in pg_stat_activity; whoever counts the load's backends leaves this one out. */
export const SAMPLER_NAME = 'claimbench sampler';

/** Begins the comment that every statement of the harness bears, by which those of the load are told from them. */
export const OWN_MARK = '/* claimbench ';

/** An answer of `readingStatement`; counters are absolute. */
export interface ReadingRow {
  readonly wal: number;
  readonly commits: number;
  readonly live: number | null;
  readonly dead: number | null;
  readonly xmin_age: number | null;
  readonly xmin_holder: string | null;
  readonly waits: Readonly<Record<string, number>> | null;
  readonly autovacuums: number;
  readonly checkpoints: number;
  readonly retained_wal: number | null;
}

/**
 * One statement, one snapshot of activity, and statistics of one schema's few tables by function instead of through
 * pg_stat_user_tables, which would sum up the indexes as well.
 *
 * Horizon: what keeps VACUUM from removing rows of this database. Sessions of other databases do not hold it, WAL
 * senders (no database), prepared transactions and slots do; a VACUUM's own xmin is ignored by other VACUUMs, an
 * ANALYZE's is not. A slot's catalog_xmin holds back catalogs only (procarray.c, ComputeXidHorizons).
 *
 * Waits: `idle` sessions wait for their client, which is no wait for the server; `idle in transaction` ones are
 * kept: they hold locks and the horizon while the client thinks. Those of the bystander are somebody else's.
 *
 * Checkpoints: counted as they begin. The counters moved to the checkpointer's own in 17. From 15 on a backend may be
 * told to report at once; its own commits are then known exactly at each reading.
 */
export function readingStatement(version: number): string {
  const checkpoints =
    version >= 170_000
      ? 'pg_stat_get_checkpointer_num_timed() + pg_stat_get_checkpointer_num_requested()'
      : 'pg_stat_get_bgwriter_timed_checkpoints() + pg_stat_get_bgwriter_requested_checkpoints()';
  const flush = version >= 150_000 ? ', pg_stat_force_next_flush()::text AS flushed' : '';
  return `
WITH activity AS MATERIALIZED (
  SELECT pid, datid, application_name, backend_type, state, wait_event_type, wait_event, backend_xmin, backend_xid
    FROM pg_stat_activity
   WHERE pid <> pg_backend_pid() AND application_name <> '${SAMPLER_NAME}'),
horizon AS (
  SELECT age, holder FROM (
    SELECT greatest(age(a.backend_xmin), age(a.backend_xid)) AS age,
           CASE a.backend_type WHEN 'walsender' THEN 'standby ' || a.application_name
                WHEN 'autovacuum worker' THEN 'autoanalyze' ELSE 'backend ' || a.application_name END AS holder
      FROM activity a
     WHERE (a.datid IS NOT DISTINCT FROM (SELECT oid FROM pg_database WHERE datname = current_database())
            OR a.backend_type = 'walsender')
       AND a.pid NOT IN (SELECT v.pid FROM pg_stat_progress_vacuum v)
    UNION ALL
    SELECT age(p.transaction), 'prepared ' || p.gid FROM pg_prepared_xacts p WHERE p.database = current_database()
    UNION ALL
    SELECT age(s.xmin), 'slot ' || s.slot_name FROM pg_replication_slots s) held
   WHERE age IS NOT NULL ORDER BY age DESC LIMIT 1)
SELECT /* ${SAMPLER_NAME} */
  (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal,
  pg_stat_get_db_xact_commit(me.oid)::float8 AS commits,
  (SELECT sum(pg_stat_get_live_tuples(c.oid))::float8 FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'm')) AS live,
  (SELECT sum(pg_stat_get_dead_tuples(c.oid))::float8 FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'm')) AS dead,
  (SELECT age FROM horizon)::float8 AS xmin_age,
  (SELECT holder FROM horizon) AS xmin_holder,
  (SELECT json_object_agg(w.event, w.backends) FROM (
     SELECT coalesce(a.wait_event_type || ':' || a.wait_event, 'CPU') AS event, count(*) AS backends
       FROM activity a
      WHERE a.datid = me.oid AND a.state <> 'idle' AND a.application_name <> '${BYSTANDER_NAME}' AND a.backend_type IN ('client backend', 'parallel worker')
      GROUP BY 1) w) AS waits,
  (SELECT count(*) FROM activity a WHERE a.datid = me.oid AND a.backend_type = 'autovacuum worker')::float8 AS autovacuums,
  (${checkpoints})::float8 AS checkpoints,
  (SELECT max(pg_current_wal_insert_lsn() - s.restart_lsn) FROM pg_replication_slots s)::float8 AS retained_wal${flush}
FROM (SELECT oid FROM pg_database WHERE datname = current_database()) me`;
}

/** An answer of `SLOW_STATEMENT`. */
export interface SlowRow {
  readonly notify: number;
  readonly locks: Readonly<Record<string, number>> | null;
  readonly vacuums: readonly string[] | null;
}

/**
 * Asked every few readings only: pg_locks holds all partitions of the lock table at once while it copies them, which is
 * exactly what a queue that lives by locks is waiting for. Counted are locks on the schema's relations by mode, and those without a
 * relation that queues use, by kind.
 */
export const SLOW_STATEMENT = `
SELECT /* ${SAMPLER_NAME} */
  pg_notification_queue_usage()::float8 AS notify,
  (SELECT json_object_agg(h.mode, h.held) FROM (
     SELECT CASE l.locktype WHEN 'relation' THEN l.mode ELSE l.locktype END AS mode, count(*) AS held
       FROM pg_locks l
      WHERE l.granted AND l.database = me.oid
        AND (l.locktype IN ('advisory', 'tuple')
             OR l.locktype = 'relation' AND l.relation IN (
                  SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace($1)))
      GROUP BY 1) h) AS locks,
  (SELECT json_agg(c.relname || ': ' || p.phase
            || coalesce(' ' || round(100.0 * p.heap_blks_scanned / nullif(p.heap_blks_total, 0)) || ' %', ''))
     FROM pg_stat_progress_vacuum p JOIN pg_class c ON c.oid = p.relid
    WHERE p.datid = me.oid) AS vacuums
FROM (SELECT oid FROM pg_database WHERE datname = current_database()) me`;

/** An answer of `FREE_STATEMENT`; null where nothing limits the connections, as for a superuser. */
export interface FreeRow {
  readonly free: number | null;
}

/**
 * How many connections this role can still open to this database, all limits considered. Of other people's sessions
 * the kind is hidden from a plain role, the user is not; background processes have none. Reserved connections came
 * with 16.
 */
export const FREE_STATEMENT = `
SELECT /* ${SAMPLER_NAME} */ least(
         CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - count(*) FILTER (WHERE a.usesysid = r.oid) END,
         CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - count(*) FILTER (WHERE a.datid = d.oid) END,
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*)
           - CASE WHEN EXISTS (SELECT FROM pg_roles p WHERE p.rolname = 'pg_use_reserved_connections'
                                  AND pg_has_role(current_user, p.oid, 'USAGE'))
                  THEN 0 ELSE coalesce(current_setting('reserved_connections', true)::int, 0) END
       )::float8 AS free
  FROM pg_roles r, pg_database d, pg_stat_activity a
 WHERE r.rolname = current_user AND NOT r.rolsuper AND d.datname = current_database() AND a.usesysid IS NOT NULL
 GROUP BY r.oid, r.rolconnlimit, d.oid, d.datconnlimit`;
