// How does a test run one short cell in which something breaks?

import type { TestContext } from 'node:test';
import { runCell } from '../harness/cell/cell.ts';
import type { CellOutcome } from '../harness/cell/result.ts';
import { parseContender } from '../harness/contenders/index.ts';
import type { PostgresServer } from '../harness/server/server.ts';
import { type ScenarioInput, scenarioSchema } from '../scenarios/scenario.ts';
import { temporaryFolder } from './command.ts';

/** One cell of the contender on the server, from a scenario of which only what matters is given. */
export async function faultyCell(
  t: TestContext,
  server: PostgresServer,
  contender: string,
  scenario: Pick<ScenarioInput, 'phases'> & Partial<ScenarioInput>,
  signal: AbortSignal = AbortSignal.timeout(120_000),
): Promise<CellOutcome> {
  return await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'faulty',
        question: 'What does it do?',
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        settleWithinSeconds: 20,
        ...scenario,
      }),
      contender: parseContender(contender, () => ''),
    },
    {
      server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal,
      onProgress: () => undefined,
    },
  );
}
