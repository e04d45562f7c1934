// Does a run say which expectation failed, end with 99 for it, and refuse one that means nothing before it starts?

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resultSchema } from '../harness/result/result.ts';
import type { ScenarioInput } from '../scenarios/scenario.ts';
import { claimbench, start, temporaryFolder, testServer } from '../testing/command.ts';

/** A drain that no machine empties, whose only worker stands still for a second. */
const STALLED: ScenarioInput = {
  name: 'stalled',
  question: 'What is left of the rate while the worker stands still?',
  preload: { ready: 60_000 },
  workers: { agents: 1, connections: 2 },
  warmupSeconds: 0.2,
  warmupCapSeconds: 0.2,
  phases: [
    { label: 'clean', seconds: 1.8 },
    { label: 'stall', seconds: 1, faults: [{ fault: 'stall-worker', forSeconds: 0.9 }] },
    { label: 'after it', seconds: 1.7 },
  ],
};

async function run(t: { after(release: () => void): void }, name: string, expect: readonly string[]) {
  const folder = temporaryFolder(t);
  const scenario = join(folder, `${name}.json`);
  writeFileSync(scenario, JSON.stringify({ ...STALLED, name, expect }));
  const out = join(folder, 'bundle');
  const words = ['--scenario', scenario, '--contender', 'skip-locked', '--repeats', '1', '--out', out];
  const ran = await start(['run', ...words, '--server', testServer()], 60_000).finished;
  const result = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  const [cell] = result.cells;
  assert.equal(cell?.verdict, 'valid', cell?.reasons.join('; '));
  return { ran, cell };
}

test('a failed expectation is printed with what was found, ends with 99, and stands in the result', async (t) => {
  const { ran, cell } = await run(t, 'stalled', [
    'lost = 0',
    'stall.settled >= 0.95 x clean.settled',
    'after-it.settled > 1',
  ]);
  assert.equal(ran.code, 99, ran.stderr);
  assert.match(
    ran.stderr,
    /^claimbench: stalled × skip-locked, repeat 1: expected stall\.settled >= 0\.95 x clean\.settled, found [\d.]+ \/s, where [\d.]+ \/s was the limit$/m,
  );
  assert.deepEqual(
    cell?.expectations?.map(({ state }) => state),
    ['met', 'failed', 'met'],
  );
  const { recovery, phases } = cell ?? {};
  t.diagnostic(JSON.stringify({ recovery, phases }));
  assert.ok((recovery?.during.share ?? 1) < 0.6, `during ${recovery?.during.share}`);
  assert.ok(Math.abs((recovery?.faultsFromSeconds ?? 0) - 1.8) < 0.4);
  assert.ok((recovery?.observedSeconds ?? 0) > 1);
  assert.deepEqual(
    phases?.map(({ label }) => label),
    ['clean', 'stall', 'after it'],
  );
  assert.ok((phases?.[1]?.settledPerSec ?? 0) < (phases?.[0]?.settledPerSec ?? 0) / 2);
});

test('one that a valid cell cannot tell is no pass: 4, and the reason is printed', async (t) => {
  const { ran, cell } = await run(t, 'untold', ['pickup.p99 < 50 ms', 'settled < 1']);
  assert.equal(ran.code, 4, ran.stderr);
  assert.match(ran.stderr, /expected pickup\.p99 < 50 ms, which cannot be told: pickup\.p99 is absent/);
  assert.deepEqual(
    cell?.expectations?.map(({ state }) => state),
    ['untold', 'failed'],
  );
});

test('one that means nothing is refused before anything starts, with the nearest right figure', async (t) => {
  const scenario = join(temporaryFolder(t), 'wrong.json');
  const refused = async (text: string): Promise<string> => {
    writeFileSync(scenario, JSON.stringify({ ...STALLED, expect: ['lost = 0', text] }));
    const ran = await claimbench('run', '--scenario', scenario, '--contender', 'skip-locked');
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal(ran.stderr.trim().split('\n').length, 1);
    return ran.stderr;
  };
  assert.match(
    await refused('pikup.p99 < 50 ms'),
    /expect\.1: 'pikup\.p99 < 50 ms': there is no figure pikup\.p99; did you mean pickup\.p99\?/,
  );
  assert.match(await refused('clean.setled > 1'), /did you mean clean\.settled\?/);
  assert.match(
    await refused('zzzzzzzzzz > 1'),
    /there is no figure zzzzzzzzzz; there are settled, lost, .*docs\/expectations\.md/,
  );
  assert.match(
    await refused('pickup.p99 < 50'),
    /behind 'pickup\.p99 <': pickup\.p99 is a time in µs, ms or s/,
  );
  writeFileSync(
    scenario,
    JSON.stringify({ ...STALLED, phases: [{ label: 'a', seconds: 3 }], expect: ['drained < 1 s'] }),
  );
  const ran = await claimbench('run', '--scenario', scenario, '--contender', 'skip-locked');
  assert.match(ran.stderr, /'drained < 1 s' is about recovery, and no phase has a fault/);
});
