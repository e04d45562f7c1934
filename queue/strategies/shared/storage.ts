// How does autovacuum treat a table through which jobs pass?

/**
 * - A queue turns its whole content over while its size stays the same: a share of the table says nothing about the
 *   number of dead rows, so autovacuum counts rows alone, and does not pause.
 * - Inserted rows are deleted soon: vacuuming for inserts would freeze what is about to die.
 */
export const QUEUE_STORAGE = `
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0`;
