// Does bench:queue run from end to end, and is every job accounted for in the cells of its peers?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCell } from '../harness/cell/cell.ts';
import { parseContender } from '../harness/contenders/index.ts';
import type { Cell } from '../harness/result/result.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import type { PostgresServer } from '../harness/server/server.ts';
import { type ScenarioInput, scenarioSchema } from '../scenarios/scenario.ts';
import { temporaryFolder } from '../testing/command.ts';

const COMMAND = fileURLToPath(new URL('queue.ts', import.meta.url));
const PEERS = ['pg-boss', 'graphile-worker'].map((name) => ({
  name,
  path: fileURLToPath(new URL(`peers/${name}.ts`, import.meta.url)),
}));
const TRIES = 4;
const JOBS = 5_000;
/** What a machine that other tests keep busy does to a cell; anything else is the peer's fault or ours. */
const SPOILT = /stood still/;

let server: PostgresServer;

before(async () => {
  server = await startEmbedded();
});

after(async () => {
  await server[Symbol.asyncDispose]();
});

/** A valid cell, or the last of a few that the machine has spoilt. */
async function measured(
  folder: string,
  contender: string,
  scenario: Partial<ScenarioInput>,
  tries = TRIES,
): Promise<Cell> {
  for (let tried = 1; ; tried += 1) {
    const plan = {
      ...{ id: 'peer', block: 0, order: 0, repeat: tried, seed: tried },
      scenario: scenarioSchema.parse({
        name: 'peer',
        question: 'Is it valid?',
        // Handlers that wait leave the processor to others: a worker that is always busy stands still beside other tests.
        workers: { agents: 1, connections: 4 },
        job: { handler: { time: 'constant', ms: 2 } },
        warmupSeconds: 0.1,
        warmupCapSeconds: 0.1,
        phases: [{ label: 'drain', seconds: 1 }],
        ...scenario,
      }),
      contender: parseContender(contender, () => ''),
    };
    const { cell } = await runCell(plan, {
      server,
      scratchDir: folder,
      signal: AbortSignal.timeout(60_000),
      ceilingFor: async () => undefined,
      onProgress: () => undefined,
    });
    if (cell.verdict === 'valid' || tried === tries) return cell;
    assert.equal(cell.verdict, 'invalid', cell.reasons.join('; '));
    for (const reason of cell.reasons) assert.match(reason, SPOILT);
  }
}

for (const { name, path } of PEERS) {
  for (const batch of [1, 50]) {
    test(`${name} drains at batch ${batch}, as declared, and nothing is lost or handed out twice`, async (t) => {
      const contender = `${path}?batch=${batch}`;
      const cell = await measured(temporaryFolder(t), contender, { preload: { ready: JOBS } });
      assert.equal(cell.verdict, 'valid', cell.reasons.join('; '));
      assert.equal(cell.jobs.enqueued, JOBS);
      assert.ok(cell.jobs.settled > batch * 4, `${cell.jobs.settled} jobs were settled`);
      assert.equal(cell.jobs.settled + cell.jobs.inFlight, JOBS);
      const { lost, duplicateClaims, duplicateSettlements, unexpected, staleSettles } = cell.audit;
      assert.deepEqual(
        { lost, duplicateClaims, duplicateSettlements, unexpected, staleSettles },
        { lost: 0, duplicateClaims: 0, duplicateSettlements: 0, unexpected: 0, staleSettles: 0 },
      );
      assert.deepEqual(
        cell.fairness?.filter((row) => row.verdict === 'differs'),
        [],
      );
      assert.match(String(cell.contender.effective['libraryVersion']), new RegExp(`^${name} \\d`));
    });
  }

  test(`what is sent through ${name} one at a time is worked off to the last job`, async (t) => {
    const scenario: Partial<ScenarioInput> = {
      phases: [{ label: 'steady', seconds: 1, arrival: { model: 'poisson', ratePerSec: 100 } }],
      settleWithinSeconds: 10,
    };
    // Sent late or not: it is the jobs that count here, not their latency.
    const cell = await measured(temporaryFolder(t), `${path}?batch=10&pollMs=500`, scenario, 1);
    assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
    assert.ok(cell.jobs.offered > 50, `${cell.jobs.offered} jobs were offered`);
    assert.equal(cell.jobs.settled, cell.jobs.offered);
  });
}

test('the command prints a figure for each thing that it measures, and ends by what they say', async () => {
  const words = ['--smoke', '--rounds', '1', '--only', 'peers', '--only', 'wal'];
  const child = spawn(process.execPath, ['--import', 'tsx', COMMAND, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    timeout: 150_000,
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const stdout = await text(child.stdout);
  const code = await ended;
  assert.match(stdout, /^peers: .*\?$/m);
  assert.match(stdout, /drain, batch\?batch=100&prefetch=100&claimsAtOnce=1000: /);
  assert.match(stdout, /drain, pg-boss\?batch=100: /);
  assert.match(stdout, /batch\?batch=100&prefetch=100&claimsAtOnce=1000 ÷ pg-boss\?batch=100: .*target ≥ 1/);
  assert.match(stdout, /advisory ÷ Que: not measured \(not run: /);
  assert.match(
    stdout,
    / WAL, skip-locked: \d+ bytes per job; target ≤ 850 \(most of it .*Btree\/INSERT_LEAF/,
  );
  assert.match(stdout, / commits, skip-locked: 0\.03 per job; target ≤ 0\.03 \(and 0\.0\d+ of signals/);
  assert.doesNotMatch(stdout, /incorrect| failed: /);
  assert.equal(code, stdout.includes('no target missed') ? 0 : 1);
});

test('a yardstick that does not exist is refused with those that do', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', COMMAND, '--only', 'wall'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    timeout: 30_000,
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  assert.match(await text(child.stderr), /^no yardstick wall: give one of fastest, batch-1, peers, wal/m);
  assert.equal(await ended, 1);
});
