// What is asked of a measurement on a machine that may not be able to make it? It is made again, and then said not to have been made.

import type { TestContext } from 'node:test';
import { oneLine, RuntimeFailure } from '../harness/errors.ts';

const ATTEMPTS = 3;

/** What the harness says of a cell whose load generator stood still, or was late. */
const MACHINE = /\bvoid: .*generator/;

/** What `measure` resolves with; undefined, and the test skipped with the reason, where the machine voided it each time. All else rejects. */
export async function whereMeasurable<T>(t: TestContext, measure: () => Promise<T>): Promise<T | undefined> {
  let reason = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1)
    try {
      return await measure();
    } catch (error) {
      if (!(error instanceof RuntimeFailure) || !MACHINE.test(error.message)) throw error;
      reason = oneLine(error);
    }
  t.skip(`not measured in ${ATTEMPTS} attempts: ${reason}`);
  return undefined;
}
