// Does the network of a cell really break, and does the queue lose nothing by it and go on by itself?

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { FaultInput } from '../../scenarios/fault.ts';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { withoutPooler } from '../../testing/pooler.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { breakNetwork } from '../faults/network-faults.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { openNetwork } from './cell-network.ts';

let server: PostgresServer;
before(async () => {
  server = await openServer(testServer());
});
after(() => server[Symbol.asyncDispose]());

const LEASE_MS = 1_000;
const RATE = 50;

async function ran(
  t: TestContext,
  seconds: number,
  faults: readonly FaultInput[],
  contender = 'skip-locked',
  over: Partial<ScenarioInput> = {},
): Promise<CellOutcome> {
  return await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'network',
        question: 'What does it do?',
        producers: { agents: 1, connections: 4 },
        workers: { agents: 1, connections: 3 },
        leaseMs: LEASE_MS,
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        phases: [
          { label: 'a', seconds, arrival: { model: 'uniform', ratePerSec: RATE }, faults: [...faults] },
        ],
        settleWithinSeconds: contender === 'null' ? 0 : 20,
        ...over,
      }),
      contender: parseContender(contender, () => ''),
    },
    {
      server: contender === 'null' ? undefined : server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal: AbortSignal.timeout(90_000),
      onProgress: () => undefined,
    },
  );
}

const said = ({ cell }: CellOutcome): string =>
  JSON.stringify([cell.reasons, cell.notes, cell.jobs, cell.audit]);

const faultsOf = ({ cell }: CellOutcome) => cell.window.faults.map(({ label }) => label);

/** What was settled between two instants of the load, s. */
function settledBetween({ samples }: CellOutcome, from: number, to: number): number {
  return samples
    .filter((sample) => sample.kind === 'load')
    .filter(({ t: at }) => at > from && at <= to)
    .reduce((sum, { settled }) => sum + settled, 0);
}

/** Nothing lost, nothing twice, and all that got in was settled before the cell ended. */
function assertWhole(outcome: CellOutcome): void {
  const { cell } = outcome;
  assert.notEqual(cell.verdict, 'incorrect', said(outcome));
  const { lost, duplicateClaims, duplicateSettlements, acceptedStaleSettles, unexpected } = cell.audit;
  assert.deepEqual(
    { lost, duplicateClaims, duplicateSettlements, acceptedStaleSettles, unexpected },
    { lost: 0, duplicateClaims: 0, duplicateSettlements: 0, acceptedStaleSettles: 0, unexpected: 0 },
    said(outcome),
  );
  assert.equal(cell.jobs.settled, cell.jobs.enqueued, said(outcome));
  assert.equal(cell.jobs.inFlight, 0, said(outcome));
  assert.equal(cell.contender.effective['proxy'], 'in the path');
  assert.match(cell.window.loadModel, /, through a TCP proxy/);
  assert.ok(!cell.reasons.some((reason) => /^fault |proxy (ended|has ended)/.test(reason)), said(outcome));
}

for (const contender of ['skip-locked', 'skip-locked?driver=postgres'])
  describe(contender, () => {
    test('a cut: workers and producers connect anew by themselves', async (t) => {
      const outcome = await ran(
        t,
        6,
        [{ fault: 'cut-network', afterSeconds: 1, forSeconds: 1.5 }],
        contender,
      );
      assertWhole(outcome);
      assert.deepEqual(faultsOf(outcome), ['cut-network', 'cut-network ends']);
      assert.equal(settledBetween(outcome, 1.5, 2.5), 0, 'nothing passes');
      assert.ok(outcome.cell.jobs.failed > 0, said(outcome));
      assert.match(said(outcome), /the network proxy; it reset \d+ of them and refused [1-9]/);
      // How soon is a matter of the machine; that all of it was settled, none was started again for it.
      assert.ok(outcome.cell.jobs.enqueued > RATE * 2, said(outcome));
    });

    test('a black hole longer than the lease: all goes on, and nobody is started again', async (t) => {
      const outcome = await ran(
        t,
        7,
        [{ fault: 'black-hole', afterSeconds: 1, forSeconds: 2.5 }],
        contender,
        {
          job: { handler: { time: 'constant', ms: 100 } },
        },
      );
      assertWhole(outcome);
      assert.deepEqual(faultsOf(outcome), ['black-hole', 'black-hole ends']);
      assert.equal(settledBetween(outcome, 1.5, 3.5), 0, 'nothing passes');
      assert.equal(outcome.cell.jobs.failed, 0, said(outcome));
      assert.equal(outcome.cell.jobs.settled, 7 * RATE, said(outcome));
      assert.match(said(outcome), /it reset 0 of them and refused 0 more/);
    });
  });

test('resets again and again, until the phase ends', async (t) => {
  const outcome = await ran(t, 4, [{ fault: 'reset-connections', afterSeconds: 0.5, everySeconds: 0.5 }]);
  assertWhole(outcome);
  assert.deepEqual(faultsOf(outcome), ['reset-connections', 'reset-connections ends']);
  const [, resets] = /it reset (\d+) of them/.exec(said(outcome)) ?? [];
  assert.ok(Number(resets) > 15, said(outcome));
});

test('a slow network, through a pooler as well', { skip: withoutPooler }, async (t) => {
  const slow: FaultInput = {
    fault: 'slow-network',
    afterSeconds: 1.5,
    forSeconds: 2,
    delayMs: 60,
    jitterMs: 20,
  };
  const outcome = await ran(t, 5, [slow, { fault: 'reset-connections', afterSeconds: 4 }], 'skip-locked', {
    topology: { pooler: { mode: 'transaction', poolSize: 8 } },
  });
  assertWhole(outcome);
  assert.deepEqual(faultsOf(outcome), ['slow-network', 'slow-network ends', 'reset-connections']);
  assert.match(outcome.cell.window.loadModel, /, through a TCP proxy, through PgBouncer/);
  // An enqueue, a claim and a settle take a round trip each: 80 ms at the least.
  const slowest = outcome.samples
    .filter((sample) => sample.kind === 'load')
    .filter(({ t: at }) => at > 2 && at <= 3.5)
    .map(({ responseMaxUs }) => responseMaxUs ?? Number.POSITIVE_INFINITY);
  assert.ok(slowest.length > 0 && Math.min(...slowest) > 160_000, JSON.stringify(slowest));
});

test('a fault that finds no connection voids the cell', async (t) => {
  const outcome = await ran(
    t,
    3,
    [
      { fault: 'cut-network', afterSeconds: 0.5, forSeconds: 1.5 },
      { fault: 'reset-connections', afterSeconds: 1 },
    ],
    'skip-locked',
  );
  assert.equal(outcome.cell.verdict, 'invalid');
  assert.match(
    said(outcome),
    /fault reset-connections at 1 s: no connection was open that could have been reset/,
  );
});

test('a contender without a database has no network to break', async (t) => {
  const outcome = await ran(t, 1, [{ fault: 'black-hole', afterSeconds: 0.2, forSeconds: 0.2 }], 'null');
  assert.match(said(outcome), /fault black-hole at 0\.2 s: the contender has no database/);
});

test('a proxy that dies voids the cell', async () => {
  const connection = { host: '127.0.0.1', port: 1, user: 'u', password: 'p', database: 'd' };
  await using network = await openNetwork('x', connection, 1);
  await network.begin();
  const fault = { fault: 'black-hole' } as const;
  const held = await breakNetwork(fault, network.proxy);
  assert.ok(network.proxy.pid !== undefined);
  process.kill(network.proxy.pid, 'SIGKILL');
  await assert.rejects(
    Promise.resolve(held[Symbol.asyncDispose]()),
    /the network proxy (has )?ended/,
    'the fault did not last',
  );
  await assert.rejects(breakNetwork(fault, network.proxy), /the network proxy (has )?ended/);
  network.loadOver();
  assert.match((await network.end(true)).failures.join(), /the network proxy (has )?ended/);
});

test('a certificate that is to be verified is not that of the proxy', async () => {
  const connection = { host: 'db.example', port: 5432, user: 'u', password: 'p', database: 'd', ssl: true };
  await assert.rejects(openNetwork('slow-net', connection, 1), {
    name: 'UsageError',
    message: /^scenario slow-net goes through a TCP proxy, .*: give the address sslmode=require$/,
  });
});
