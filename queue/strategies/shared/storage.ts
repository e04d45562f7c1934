// How does autovacuum treat a table through which jobs pass?

/**
 * Storage parameters of a table that is vacuumed after `deadRows`.
 *
 * - A queue turns its whole content over while its size stays the same: a share of the table says nothing about the
 *   number of dead rows, so autovacuum counts rows alone, and does not pause.
 * - Inserted rows are deleted soon: vacuuming for inserts would freeze what is about to die.
 */
export function vacuumedAfter(deadRows: number): string {
  return `
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = ${deadRows},
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0`;
}

/** Of a table of jobs. */
export const QUEUE_STORAGE = vacuumedAfter(5000);
