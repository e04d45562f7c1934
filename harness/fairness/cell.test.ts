// Are the check's own commits taken out of the costs, and are sessions counted only where that can tell something?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { Load } from '../load/load.ts';
import type { ServerAccount } from '../telemetry/server-watch.ts';
import { countSessions, withoutReading } from './cell.ts';

const account = (commits: number) =>
  ({ spent: { commits, walBytes: 7 }, notes: [], samples: () => [] }) as unknown as ServerAccount;

test('commits of reading back, in agents and by the coordinator, are not the load’s', () => {
  const load = {
    agents: [
      { role: 'producer', report: { sessions: { ownCommits: 4 } } },
      { role: 'worker', report: { sessions: { ownCommits: 16 } } },
      { role: 'worker', report: undefined },
    ],
  } as unknown as Load;
  const sessions = { byName: undefined, why: '', ownCommits: 2 };
  const read = { found: undefined, sessions, stored: undefined };
  const { spent } = withoutReading(account(1_022), load, read);
  assert.equal(spent?.commits, 1_000);
  assert.equal(spent?.walBytes, 7);
  assert.equal(withoutReading(account(3), load, read).spent?.commits, 0, 'never below nothing');
  const nothing = { ...account(0), spent: undefined };
  assert.equal(withoutReading(nothing, load, read).spent, undefined);
});

test('without a database, or a contender that says whose its sessions are, none are counted', async () => {
  const scenario = scenarioSchema.parse({
    name: 'x',
    question: 'q?',
    preload: { ready: 1 },
    phases: [{ label: 'a', seconds: 1 }],
  });
  await using counting = countSessions(scenario, undefined, {
    declared: { batch: 1 },
    sessionRole: () => 'worker',
  });
  counting.start();
  assert.equal(await counting.stop(), undefined);
});
