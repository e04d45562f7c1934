// Which number tells a claim from an earlier one of the same job, where a claim writes no row?

import { qualify, quoteLiteral } from '../../sql.ts';
import { JOBS_RELATIONS, type JobsTable } from './table.ts';

const SEQUENCE = 'jobs_claim_number';

/** Relations of a strategy that draws claim numbers: the shared ones, and the sequence. */
export const NUMBERED_RELATIONS: readonly string[] = [...JOBS_RELATIONS, SEQUENCE];

/** Creates the sequence where it is missing. */
export function createClaimNumber(table: JobsTable): string {
  return `CREATE SEQUENCE IF NOT EXISTS ${qualify(table.schema, SEQUENCE)}`;
}

/**
 * The next number. Drawn once a job is locked, so that its later claim always has the greater one: CACHE is 1, and a
 * sequence is outside of transactions. It writes WAL once in 32 draws.
 */
export function nextClaimNumber(table: JobsTable): string {
  return `nextval(${quoteLiteral(qualify(table.schema, SEQUENCE))})`;
}
