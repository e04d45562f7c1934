// How does a claim get one prepared statement for each batch size?

import type { Statement } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';

/**
 * Makes each statement once, when its size is first asked for. LIMIT must be a literal: a parameter would hide the size
 * of the batch from the planner. A worker asks for few sizes.
 */
export function claimsByLimit(
  text: (limit: number) => string,
): (limit: number) => (values: readonly unknown[]) => Statement {
  const claims = new Map<number, (values: readonly unknown[]) => Statement>();
  return (limit) => {
    let statement = claims.get(limit);
    if (statement === undefined) {
      statement = prepared(text(limit));
      claims.set(limit, statement);
    }
    return statement;
  };
}
