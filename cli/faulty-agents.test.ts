// Does an agent that dies, hangs, stalls, lies or has a wrong clock void its cell by name, and nothing but its cell?

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { type RunResult, resultSchema } from '../harness/result/result.ts';
import type { ScenarioInput } from '../scenarios/scenario.ts';
import { start, temporaryFolder, testServer } from '../testing/command.ts';

const PLANTED = resolve(import.meta.dirname, '../testing/planted');

const SCENARIO: ScenarioInput = {
  name: 'short',
  question: 'Is the harness told when one of its own processes cannot be believed?',
  workers: { agents: 1, connections: 4 },
  warmupSeconds: 0.1,
  phases: [{ label: 'steady', seconds: 2, arrival: { model: 'uniform', ratePerSec: 150 } }],
  settleWithinSeconds: 1,
};

const FAULTS = {
  'agent-exits': /^worker agent 1: ended unasked \(exit code 0\)$/m,
  'agent-is-killed': /^worker agent 1: ended unasked \(SIGKILL\)$/m,
  'agent-hangs': /^worker agent 1: did not stop in time and was killed$/m,
  'agent-stalls':
    /^generator: worker agent 1 stood still for \d+ % of the time \(limit 2\.0 %; longest \d+ ms\)/m,
  'agent-lies':
    /^the counts of worker agent 1 and its ledger disagree: finished \d+ by its report, \d+ by its ledger$/m,
  'clock-goes-back': /^the clock of worker agent 1 went back by (?:4\d{3}|5000)\.\d ms$/m,
  'clock-is-ahead':
    /^the clock of worker agent 1 is (?:39|40)\d\.\d ms ahead of the coordinator's, ± [\d.]+ ms \(limit 1\.000 ms\)$/m,
  'agent-cannot-start':
    /^the contender failed: .* agent \d: .*agent-cannot-start\.ts could not be loaded: not in here$/m,
} as const;

test('each voids its own cell with the reason, exit code 4; the cell after it is measured; nothing takes long', async (t) => {
  const folder = temporaryFolder(t);
  const scenario = join(folder, 'short.json');
  writeFileSync(scenario, JSON.stringify(SCENARIO));
  const out = join(folder, 'bundle');
  const faults = Object.keys(FAULTS);
  const running = start(
    [
      ...['run', '--scenario', scenario, '--repeats', '1', '--server', testServer(), '--out', out],
      ...[...faults.map((fault) => join(PLANTED, `${fault}.ts`)), 'skip-locked'].flatMap((name) => [
        '--contender',
        name,
      ]),
    ],
    150_000,
  );
  const ran = await running.finished;
  assert.equal(ran.code, 4, ran.stderr);
  const result: RunResult = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.equal(result.complete, true, 'the run went on to its end');
  for (const [fault, reason] of Object.entries(FAULTS)) {
    const cell = result.cells.find((c) => c.contender.name.endsWith(`${fault}.ts`));
    const said = cell?.reasons.join('\n') ?? '';
    t.diagnostic(`${fault}: ${said}`);
    assert.equal(cell?.verdict, 'invalid', `${fault}: ${said}`);
    assert.match(said, reason, fault);
    // Two seconds of load, one to settle, one for a clock that nobody answers for, ten until a hung agent is killed.
    assert.ok(cell.window.totalSeconds < 25, `${fault}: ${cell.window.totalSeconds} s`);
  }
  const sound = result.cells.find((c) => c.contender.name === 'skip-locked');
  const said = sound?.reasons.join('\n') ?? '';
  assert.notEqual(sound?.verdict, 'incorrect', said);
  assert.doesNotMatch(said, /clock|counts|agent \d: /);
  assert.ok(sound?.generator.clockOffsetUs !== undefined && sound.generator.clockUncertaintyUs !== undefined);
});
