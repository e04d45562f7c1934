// Which rows of a table of dead letters does a filter mean?

import type { DeadLetterFilter, JobId } from '../../strategy.ts';

/** A condition over `id`, `queue` and `died_at`, and the values of its parameters, $1 the first. */
export interface DeadCondition {
  readonly where: string;
  readonly values: readonly unknown[];
}

/** The condition of `filter`, for rows after `afterId`. Each part stands in the text only when it was given, so that the planner sees what is asked. */
export function deadCondition(filter: DeadLetterFilter, afterId: JobId | undefined): DeadCondition {
  const { queue, ids, diedBefore } = filter;
  const parts: string[] = [];
  const values: unknown[] = [];
  const add = (value: unknown, part: (parameter: string) => string): void => {
    if (value === undefined) return;
    values.push(value);
    parts.push(part(`$${values.length}`));
  };
  add(queue, (parameter) => `queue = ${parameter}::text`);
  add(ids, (parameter) => `id = ANY (${parameter}::bigint[])`);
  add(diedBefore?.toISOString(), (parameter) => `died_at < ${parameter}::timestamptz`);
  add(afterId, (parameter) => `id > ${parameter}::bigint`);
  return { where: parts.length === 0 ? 'true' : parts.join(' AND '), values };
}
