// Is every planted fault of a strategy found by its name, under an open loop with several workers, and no sound one accused?

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Cell, resultSchema } from '../harness/result/result.ts';
import type { ScenarioInput } from '../scenarios/scenario.ts';
import { claimbench, temporaryFolder, testServer } from '../testing/command.ts';

const PLANTED = resolve(import.meta.dirname, '../testing/planted');

/** More than six slow sessions can carry for a second, so that a backlog forms; then time to get rid of it. */
const OVERLOAD: ScenarioInput = {
  name: 'overload',
  question: 'Is what is wrong with a strategy found while several workers and producers are at it?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 3 },
  job: { priorities: [0, 5, 9], handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.1,
  phases: [
    { label: 'overload', seconds: 1.2, arrival: { model: 'poisson', ratePerSec: 450 } },
    { label: 'rest', seconds: 1, measured: false },
  ],
  settleWithinSeconds: 4,
};

async function cellsOf(t: TestContext, contenders: readonly string[]) {
  const folder = temporaryFolder(t);
  const scenario = join(folder, 'overload.json');
  writeFileSync(scenario, JSON.stringify(OVERLOAD));
  const out = join(folder, 'bundle');
  const ran = await claimbench(
    ...['run', '--scenario', scenario, '--repeats', '1', '--seed', '5', '--server', testServer()],
    ...['--out', out, ...contenders.flatMap((name) => ['--contender', name])],
  );
  const { cells } = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.equal(cells.length, contenders.length, ran.stderr);
  return { ran, cells, report: readFileSync(join(out, 'report.md'), 'utf8') };
}

interface Planted {
  readonly fault: string;
  /** The audit's count that names it, the fewest that must be found, and what the verdict says. */
  readonly count: keyof Cell['audit'];
  readonly least: number;
  readonly said: RegExp;
}

const FAULTS: readonly Planted[] = [
  { fault: 'inverts-priorities', count: 'priorityInversions', least: 50, said: /after a job of lower prio/ },
  {
    fault: 'starves-a-priority',
    count: 'starved',
    least: 20,
    said: /jobs were starved: ready for over a s/,
  },
  { fault: 'reorders-a-fifo', count: 'orderViolations', least: 50, said: /against the order enqueue/ },
  { fault: 'acks-without-deleting', count: 'settledButPresent', least: 3, said: /and still in the database/ },
  { fault: 'settles-twice', count: 'duplicateSettlements', least: 3, said: /settled twice with effect/ },
  { fault: 'drops-enqueues', count: 'lost', least: 5, said: /lost: enqueued, never settled, and gone/ },
  { fault: 'denies-its-acks', count: 'lost', least: 3, said: /lost: enqueued, never settled, and gone/ },
  { fault: 'acks-for-others', count: 'lost', least: 3, said: /lost: enqueued, never settled, and gone/ },
  { fault: 'invents-jobs', count: 'unexpected', least: 1, said: /without having been offered/ },
];

for (const faults of [FAULTS.slice(0, 5), FAULTS.slice(5)]) {
  const names = faults.map(({ fault }) => fault.replaceAll('-', ' '));
  test(`incorrect by name, exit code 3, no figures: a strategy that ${names.join(', ')}`, async (t) => {
    const { ran, cells, report } = await cellsOf(
      t,
      // What starves is seen by an idle session that asks while it is there: often enough for a cell of seconds.
      faults.map(({ fault }) => join(PLANTED, `${fault}.ts?pollMs=1000`)),
    );
    assert.equal(ran.code, 3, ran.stderr);
    for (const { fault, count, least, said } of faults) {
      const cell = cells.find((c) => c.contender.name.includes(`${fault}.ts`));
      assert.ok(cell !== undefined);
      const about = `${fault}: ${cell.reasons.join('; ')} ${JSON.stringify(cell.audit)}`;
      t.diagnostic(about);
      assert.equal(cell.verdict, 'incorrect', about);
      assert.ok((cell.audit[count] ?? 0) >= least, about);
      assert.match(cell.reasons.join('\n'), said, about);
      assert.equal(cell.throughput, undefined, about);
      assert.equal(cell.latencyUs, undefined, about);
      assert.match(report, said, about);
    }
  });
}

test('no sound strategy is accused of anything under the same load', async (t) => {
  const { ran, cells } = await cellsOf(t, ['skip-locked', 'batch?batch=20', 'advisory', 'notify']);
  assert.notEqual(ran.code, 3, ran.stderr);
  for (const { contender, verdict, reasons, audit, jobs } of cells) {
    const about = `${contender.name}: ${reasons.join('; ')}`;
    assert.notEqual(verdict, 'incorrect', about);
    assert.deepEqual(
      [audit.orderViolations, audit.priorityInversions, audit.starved, audit.unclaimedSettles, audit.lost],
      [0, 0, 0, 0, 0],
      about,
    );
    assert.equal(jobs.settled, jobs.offered, about);
  }
});
