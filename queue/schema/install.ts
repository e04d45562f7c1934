// How does a schema get all that a queue of this version needs, and how does somebody read what that is?

import type { QueueContext } from '../context.ts';
import { UnsupportedError } from '../errors.ts';
import { layoutSteps, unversioned } from './layout.ts';
import { applySteps, pendingSteps, printSteps, type Step, stepsOf } from './migrations.ts';
import { queueComponent } from './queue-tables.ts';

function queueSteps({ tables }: QueueContext): readonly Step[] {
  return stepsOf([queueComponent(tables)]);
}

/** Applies what the schema has not seen: of the strategy's layout first, then of the tables that every queue has. */
export async function installQueue(context: QueueContext): Promise<void> {
  const { driver, schema, strategy } = context;
  await strategy.install(driver);
  const pending = await pendingSteps(driver, schema, queueSteps(context));
  if (pending.length > 0) await applySteps(driver, schema, pending);
}

/** All of it as one transaction of SQL. Throws UnsupportedError for a strategy that does not say what it installs. */
export function printInstallation(context: QueueContext): string {
  const { schema, strategy } = context;
  const { installation } = strategy;
  if (installation === undefined)
    throw new UnsupportedError(strategy.name, 'printable installation', 'call install()');
  const steps = [...layoutSteps(installation), ...queueSteps(context)];
  return printSteps(schema, steps, unversioned(installation));
}
