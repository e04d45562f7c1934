// How does the server grant starts, so that no window and no instant ever sees more than the limit?
//
// RATE. A start takes a token, and a token comes back one period after it was used: a bucket that refills by the clock
// would let twice the limit through in one window, what it holds and what comes meanwhile. A row of `starts` says how many
// jobs have started *by* an instant, its slot: never before their handlers did. It is a slot's end that counts, so that
// grants of about the same time share a row. All instants here are of one clock, the server's.
//
// A token may be granted ahead, for the instant `at` when it comes back. The worker starts the handler neither before `at`,
// nor later than `tolerance` after it (see server-clock.ts for how it knows), and the slot is not before
// at + tolerance. What it did not start by then it never starts under this grant, and gives the token back. What it did
// start it says, the latest instant that it can have been, and the token moves to the slot of that: so tolerance costs
// nothing while workers live. (Should a thread be stopped by its system between its last look at the clock and the handler,
// for longer than the tolerance, that moves the token back; the worker says it at once, long before the token is due.)
//
// Why no half-open window of one period sees more than N starts: a token is granted for `at` only while at most N − 1
// tokens have a slot after at − period. Take any N + 1 starts, and of them the one that was granted last, for `at`. Of
// the N others, granted before, one then had a slot at or before at − period; its handler had started by then, and a slot
// never moves to before that. The last one started at `at` or later, so those two are a period apart, and no half-open window
// of that length holds both. "Granted last" and "only while" have a meaning as grants of one queue go one after another:
// each is made under the queue's advisory lock, and read by statements that begin after the lock was taken. The clock is
// read there too.
//
// CONCURRENCY. A handler at work has a permit, unless it started before there was a limit; what counts is each permit that
// has not expired. It is taken before the handler starts and ends after it, or with the lease if nobody prolongs it. Permits are
// taken and prolonged under the same lock: whoever counts an expired one as free knows that nobody is prolonging it. It belongs to
// one lease of its job. A job whose lease is another by now waits beside the permit of the one before, whose handler may be at
// work still.
//
// A refusal writes nothing and takes no lock. Most asks are refused, and a commit that waits for the disk under the lock
// would hold up the others.

import { ROUTINE_PLANS } from '../strategies/shared/planner.ts';
import { type Routine, routine } from '../strategies/shared/range/routine.ts';

/** The qualified, quoted names of what grants are made of. */
export interface LimitTables {
  readonly schema: string;
  readonly settings: string;
  readonly starts: string;
  readonly permits: string;
  readonly jobKeys: string;
}

/** Slots per period: a token comes back late by at most that share. */
const SLOTS = 200;
/**
 * What lies so far ahead no worker has asked for: the clock was set back, and the tokens would be gone for as long. A slot's end is
 * up to its width ahead.
 */
const AHEAD_US = 'greatest(60000000, 2 * width_us)';

/** In the order of the arguments. Instants are µs since the Unix epoch by the server's clock. */
const ARGUMENTS = `(
  asked_queue text, asker text, lease_ms bigint, tolerance_us bigint, horizon_us bigint,
  wanted bigint[], wanted_tokens text[],
  adopted bigint[], adopted_tokens text[],
  renewed bigint[], renewed_tokens text[],
  ended bigint[], ended_tokens text[],
  used_slots bigint[], used_jobs integer[], used_by bigint[],
  OUT limited boolean, OUT paused boolean, OUT stamp_us double precision, OUT waited_us double precision,
  OUT started bigint[], OUT delays_us double precision[], OUT slots bigint[], OUT with_permit boolean[],
  OUT postponed bigint[], OUT postponed_keys text[], OUT keyed bigint[], OUT held integer[], OUT token_us double precision
)`;
const TYPES = [
  ...['text', 'text', 'bigint', 'bigint', 'bigint'],
  ...Array.from({ length: 4 }, () => ['bigint[]', 'text[]']).flat(),
  ...['bigint[]', 'integer[]', 'bigint[]'],
].join(', ');

/**
 * One turn of a worker: what it has to say of grants before, then what it wants.
 *
 * - `ended`: permits that it gives up. `renewed`: those that it keeps for so long again; `held` answers which it still has, by
 *   their places from 1 on.
 *   `adopted`: handlers that run without a permit, and take one over the limit.
 * - `used_*`: of the tokens of a slot so many were used by an instant, or not at all (NULL).
 * - `wanted`: jobs to start, in their order. `started`, each `delays_us` after the stamp, under a token of `slots` (NULL
 *   without a rate), with a permit or not. `postponed`: jobs whose key is at its limit, each with that. The others wait: for `token_us`, counted
 *   from the stamp, where a token is missing.
 *
 * `waited_us` lay between the arrival of the statement and its stamp.
 */
export function turnRoutine(tables: LimitTables): Routine {
  return routine(
    { schema: tables.schema, jobs: tables.settings },
    'limits_turn',
    ARGUMENTS,
    TYPES,
    `DECLARE
  setting record;
  stamp timestamptz;
  now_us bigint;
  width_us bigint;
  locked boolean := false;
  writes boolean := cardinality(ended) + cardinality(renewed) + cardinality(adopted) + cardinality(used_slots) > 0;
  free bigint[];
  free_tokens text[];
  free_keys text[];
  room integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the limits of a queue need READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  LOOP
    SELECT tableoid::integer AS lock, id, paused_at, rate_jobs, rate_period_ms * 1000 AS period_us, concurrency, key_concurrency
    INTO setting FROM ${tables.settings} WHERE queue = asked_queue;
    paused := setting.paused_at IS NOT NULL;
    limited := coalesce(setting.rate_jobs, setting.concurrency, setting.key_concurrency) IS NOT NULL;
    width_us := greatest(setting.period_us / ${SLOTS}, 1);
    stamp := clock_timestamp();
    now_us := extract(epoch FROM stamp) * 1000000;
    stamp_us := now_us;
    waited_us := greatest(extract(epoch FROM stamp - statement_timestamp()) * 1000000, 0);
    started := '{}'; delays_us := '{}'; slots := '{}'; with_permit := '{}'; postponed := '{}'; postponed_keys := '{}'; keyed := '{}'; token_us := NULL;
    IF locked AND writes THEN
      ${sayWhatWas(tables)}
      writes := false;
    END IF;
    IF NOT locked AND (writes OR setting.id IS NOT NULL AND EXISTS (
      SELECT FROM ${tables.starts} WHERE queue = asked_queue AND slot > now_us + ${AHEAD_US}
    )) THEN
      writes := true;
    ELSIF paused OR cardinality(wanted) = 0 THEN
      EXIT;
    ELSIF NOT limited THEN
      started := wanted;
      EXIT;
    ELSE
      ${choose(tables)}
      EXIT WHEN cardinality(started) = 0;
      IF locked THEN
        ${write(tables)}
        RETURN;
      END IF;
    END IF;
    IF setting.id IS NULL THEN
      -- Nobody has ever limited this queue: there is nothing to say anything of.
      writes := false;
      held := ARRAY (SELECT generate_series(1, cardinality(renewed)));
    ELSE
      PERFORM pg_advisory_xact_lock(setting.lock, setting.id);
      locked := true;
    END IF;
  END LOOP;
END`,
    ROUTINE_PLANS,
  );
}

/** Under the lock: what the worker says of before. */
function sayWhatWas({ starts, permits, jobKeys }: LimitTables): string {
  return `
      DELETE FROM ${permits} AS permit USING unnest(ended, ended_tokens) AS gone (job_id, token)
      WHERE permit.job_id = gone.job_id AND permit.token = gone.token AND permit.worker = asker;
      WITH kept AS (
        UPDATE ${permits} AS permit SET expires_at = stamp + lease_ms * interval '1 millisecond'
        FROM unnest(renewed, renewed_tokens) WITH ORDINALITY AS kept (job_id, token, place)
        WHERE permit.job_id = kept.job_id AND permit.token = kept.token AND permit.worker = asker AND permit.expires_at > stamp
        RETURNING kept.place
      )
      SELECT coalesce(array_agg(place), '{}') INTO held FROM kept;
      INSERT INTO ${permits} AS permit (job_id, queue, key, worker, token, expires_at)
      SELECT running.job_id, asked_queue, job.key, asker, running.token, stamp + lease_ms * interval '1 millisecond'
      FROM unnest(adopted, adopted_tokens) AS running (job_id, token) LEFT JOIN ${jobKeys} AS job ON job.job_id = running.job_id
      ON CONFLICT (job_id, token) DO NOTHING;
      UPDATE ${starts} AS start SET jobs = start.jobs - used.jobs
      FROM (
        SELECT told.slot, sum(told.jobs) AS jobs FROM unnest(used_slots, used_jobs) AS told (slot, jobs) GROUP BY told.slot
      ) AS used
      WHERE start.queue = asked_queue AND start.slot = used.slot;
      INSERT INTO ${starts} AS start (queue, slot, jobs)
      SELECT asked_queue, (told.by_us / width_us + 1) * width_us, sum(told.jobs)
      FROM unnest(used_jobs, used_by) AS told (jobs, by_us)
      WHERE told.by_us > now_us - setting.period_us
      GROUP BY 2
      ON CONFLICT (queue, slot) DO UPDATE SET jobs = start.jobs + excluded.jobs;
      WITH ahead AS (
        DELETE FROM ${starts} AS start WHERE start.queue = asked_queue AND start.slot > now_us + ${AHEAD_US} RETURNING jobs
      )
      INSERT INTO ${starts} AS start (queue, slot, jobs)
      SELECT asked_queue, (now_us / width_us + 1) * width_us, sum(ahead.jobs) FROM ahead HAVING count(*) > 0
      ON CONFLICT (queue, slot) DO UPDATE SET jobs = start.jobs + excluded.jobs;`;
}

/** Which jobs may start, and when. Writes nothing. */
function choose({ starts, permits, jobKeys }: LimitTables): string {
  return `
      -- A lease that has a permit already, by a turn whose answer was lost, needs no other room than that.
      IF setting.key_concurrency IS NULL THEN
        free := wanted;
        free_tokens := wanted_tokens;
        free_keys := NULL;
      ELSE
        SELECT coalesce(array_agg(one.job_id ORDER BY one.place) FILTER (WHERE one.fits), '{}'),
          coalesce(array_agg(one.token ORDER BY one.place) FILTER (WHERE one.fits), '{}'),
          coalesce(array_agg(one.key ORDER BY one.place) FILTER (WHERE one.fits), '{}'),
          coalesce(array_agg(one.job_id ORDER BY one.place) FILTER (WHERE NOT one.fits), '{}'),
          coalesce(array_agg(one.key ORDER BY one.place) FILTER (WHERE NOT one.fits), '{}'),
          coalesce(array_agg(one.job_id ORDER BY one.place) FILTER (WHERE one.key IS NOT NULL), '{}')
        INTO free, free_tokens, free_keys, postponed, postponed_keys, keyed
        FROM (
          -- The permits of a key are counted once, at its first job.
          SELECT asked.job_id, asked.token, asked.place, asked.key,
            asked.key IS NULL OR max(asked.busy) OVER alike - count(asked.own) OVER alike + asked.nth <= setting.key_concurrency AS fits
          FROM (
            SELECT asked.*, CASE WHEN asked.nth = 1 THEN (
              SELECT count(*) FROM ${permits} AS permit
              WHERE permit.queue = asked_queue AND permit.key = asked.key AND permit.expires_at > stamp
            ) END AS busy
            FROM (
              SELECT asked.job_id, asked.token, asked.place, job.key, own.job_id AS own,
                row_number() OVER (PARTITION BY job.key ORDER BY asked.place) AS nth
              FROM unnest(wanted, wanted_tokens) WITH ORDINALITY AS asked (job_id, token, place)
              LEFT JOIN ${jobKeys} AS job ON job.job_id = asked.job_id
              LEFT JOIN ${permits} AS own ON own.job_id = asked.job_id AND own.token = asked.token
                AND own.queue = asked_queue AND own.key = job.key AND own.expires_at > stamp
            ) AS asked
          ) AS asked
          WINDOW alike AS (PARTITION BY asked.key)
        ) AS one;
      END IF;
      room := cardinality(free);
      IF setting.concurrency IS NOT NULL THEN
        SELECT greatest(least(room, setting.concurrency - (
          SELECT count(*) FROM ${permits} AS permit WHERE permit.queue = asked_queue AND permit.expires_at > stamp
        ) + (
          SELECT count(*) FROM unnest(wanted, wanted_tokens) AS asked (job_id, token) JOIN ${permits} AS own USING (job_id, token)
          WHERE own.queue = asked_queue AND own.expires_at > stamp
        )), 0) INTO room;
      END IF;
      IF setting.rate_jobs IS NULL THEN
        started := free[1:room];
        delays_us := array_fill(0, ARRAY[room]);
        slots := array_fill(NULL::bigint, ARRAY[room]);
      ELSE
        WITH past AS (
          SELECT start.slot, start.jobs, sum(start.jobs) OVER (ORDER BY start.slot DESC) AS upto
          FROM ${starts} AS start
          WHERE start.queue = asked_queue AND start.slot > now_us - setting.period_us
        ), chance (at_us, tokens) AS (
          SELECT now_us, setting.rate_jobs - coalesce((SELECT max(past.upto) FROM past), 0)
          UNION ALL
          -- Of the tokens of a slot those come back to somebody that are among the latest N: more are out after a limit was lowered.
          SELECT past.slot + setting.period_us, least(past.jobs, setting.rate_jobs - past.upto + past.jobs) FROM past
        ), turn AS (
          SELECT chance.at_us, chance.tokens, sum(chance.tokens) OVER (ORDER BY chance.at_us) - chance.tokens AS before
          FROM chance WHERE chance.tokens > 0
        ), token AS (
          SELECT turn.at_us, turn.at_us <= now_us + horizon_us AS near
          FROM turn CROSS JOIN LATERAL generate_series(1, least(turn.tokens, room - turn.before)::integer)
          WHERE turn.before < room
        )
        SELECT coalesce(array_agg(token.at_us - now_us ORDER BY token.at_us) FILTER (WHERE token.near), '{}'),
          coalesce(array_agg(((token.at_us + tolerance_us) / width_us + 1) * width_us ORDER BY token.at_us)
            FILTER (WHERE token.near), '{}'),
          min(token.at_us - now_us) FILTER (WHERE NOT token.near)
        INTO delays_us, slots, token_us
        FROM token;
        started := free[1:cardinality(slots)];
        -- Where no token is out but those of this turn, the first of them is the next to come back.
        IF token_us IS NULL AND cardinality(started) < room THEN token_us := delays_us[1] + setting.period_us; END IF;
      END IF;`;
}

/** Under the lock, by what was chosen under it. */
function write({ starts, permits }: LimitTables): string {
  return `
        INSERT INTO ${permits} AS permit (job_id, queue, key, worker, token, expires_at)
        SELECT one.job_id, asked_queue, one.key, asker, one.token, stamp + lease_ms * interval '1 millisecond'
        FROM unnest(free[1:cardinality(started)], free_tokens[1:cardinality(started)], free_keys[1:cardinality(started)])
          AS one (job_id, token, key)
        WHERE setting.concurrency IS NOT NULL OR one.key IS NOT NULL
        ON CONFLICT (job_id, token) DO UPDATE SET queue = excluded.queue, key = excluded.key, worker = excluded.worker,
          expires_at = excluded.expires_at;
        SELECT array_agg(setting.concurrency IS NOT NULL OR free_keys[place] IS NOT NULL ORDER BY place) INTO with_permit
        FROM generate_series(1, cardinality(started)) AS place;
        IF setting.rate_jobs IS NOT NULL THEN
          INSERT INTO ${starts} AS start (queue, slot, jobs)
          SELECT asked_queue, granted.slot, count(*) FROM unnest(slots) AS granted (slot) GROUP BY granted.slot
          ON CONFLICT (queue, slot) DO UPDATE SET jobs = start.jobs + excluded.jobs;
          -- Only just below what counts: further down lie rows that a held-back VACUUM cannot remove.
          DELETE FROM ${starts} AS start
          WHERE start.queue = asked_queue AND start.slot <= now_us - setting.period_us
            AND start.slot > now_us - 3 * setting.period_us;
        END IF;`;
}
