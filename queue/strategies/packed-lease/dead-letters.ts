// How are the dead letters of packed leases told, and made ready again?

import type { DeadLetterStore } from '../../strategy.ts';
import { deadLetterStore } from '../shared/dead-letters.ts';
import { msOf } from '../shared/job-record.ts';
import type { PackedTables } from './tables.ts';

/** Of a job's enqueue nothing is kept. */
const RECORD = `
  id::text AS id, 'dead' AS state, payload, queue, priority, attempt, max_attempts, NULL::float8 AS enqueued_ms,
  NULL::float8 AS run_ms, NULL::float8 AS lease_ms, NULL::text AS worker, ${msOf('died_at')} AS died_ms, error AS errors`;

/** Under its id a job finds its old place, where the next walk of a claim from the start sees it. A later lease has the greater token. */
function reviveSql(tables: PackedTables): string {
  return `
revived AS (
  INSERT INTO ${tables.ready} (id, max_attempts, priority, queue, last_error, payload)
  SELECT id, max_attempts, priority, queue, error, payload
  FROM risen
  ORDER BY id
)`;
}

/** The dead letters of `tables`. */
export function deadLettersOnPacked(tables: PackedTables): DeadLetterStore {
  return deadLetterStore(tables.dead, reviveSql(tables), RECORD);
}
