// What can one agent reach on this machine without a database?

import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellContext } from '../cell/cell.ts';
import { runCell } from '../cell/cell.ts';

/**
 * The null contender, drained by one agent with eight sessions that claim `batch` jobs at a time. Jobs per second;
 * absent, with the reasons, when that cell was void. One job per claim is the dearest for the harness.
 */
export async function measureCeiling(
  context: Omit<CellContext, 'server' | 'ceilingFor'>,
  batch = 1,
): Promise<{ readonly ceilingPerSec: number | undefined; readonly reasons: readonly string[] }> {
  const { cell } = await runCell(
    {
      id: `ceiling-${batch}`,
      block: 0,
      order: 0,
      repeat: 0,
      scenario: ceilingScenario(batch),
      contender: { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: { batch } },
      seed: 1,
    },
    { ...context, server: undefined, ceilingFor: async () => undefined },
  );
  const ceilingPerSec = cell.verdict === 'valid' ? cell.throughput?.settledPerSec : undefined;
  return { ceilingPerSec, reasons: cell.reasons };
}

/** Enough jobs for some tenths of a second on a fast machine; the cell ends with the last of them. */
function ceilingScenario(batch: number): Scenario {
  return scenarioSchema.parse({
    name: 'ceiling',
    question: 'How many jobs per second can one agent hand out, run and record without a database?',
    preload: { ready: batch < 10 ? 150_000 : 600_000 },
    workers: { agents: 1, connections: 8 },
    warmupSeconds: 0.05,
    phases: [{ label: 'drain', seconds: 5 }],
  });
}
