// Does a run find contenders that do not run as they declare, and accuse none that does?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Cell, type FairnessSetting, type RunResult, resultSchema } from '../harness/result/result.ts';
import { claimbench, SHORT_DRAIN, temporaryFolder, testServer } from '../testing/command.ts';

const PLANTED = resolve(import.meta.dirname, '../testing/planted');

async function run(t: TestContext, ...words: string[]) {
  const out = join(temporaryFolder(t), 'bundle');
  const ran = await claimbench('run', ...words, '--repeats', '1', '--server', testServer(), '--out', out);
  const result: RunResult = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  return { ...ran, result, report: readFileSync(join(out, 'report.md'), 'utf8') };
}

function row(cell: Cell | undefined, setting: FairnessSetting) {
  return cell?.fairness?.find((one) => one.setting === setting);
}

for (const { plant, setting, effective, title } of [
  { plant: 'claims-singly', setting: 'batch', effective: 1, title: 'claims less than it declares in drain' },
  {
    plant: 'commits-asynchronously',
    setting: 'durability',
    effective: 'not durable',
    title: 'is not durable in drain',
  },
  {
    plant: 'keeps-unlogged-tables',
    setting: 'durability',
    effective: 'not durable',
    title: 'is not durable in drain',
  },
] as const) {
  test(`a strategy that ${plant.replaceAll('-', ' ')} is found: in the bundle, the report and the terminal`, async (t) => {
    const ran = await run(
      t,
      ...[...SHORT_DRAIN, '--duration', '1', '--contender', join(PLANTED, `${plant}.ts`)],
    );
    const [cell] = ran.result.cells;
    assert.notEqual(cell?.verdict, 'incorrect', ran.stderr);
    const found = row(cell, setting);
    assert.equal(found?.verdict, 'differs', JSON.stringify(cell?.fairness));
    assert.equal(found?.effective, effective);
    assert.equal(String(cell?.contender.effective['strategySha256']).length, 64);
    assert.ok(ran.report.includes(title), 'the report does not say so');
    const shown = `${ran.stdout}${ran.stderr}`.replace(/\s+/g, ' ');
    assert.ok(shown.includes(title), 'the terminal does not say so');
  });
}

test('the built-in contenders run as they declare, idle or busy', async (t) => {
  const contenders = ['skip-locked', 'batch', 'advisory', 'notify', 'skip-locked?wakeup=poll'];
  const { result, stderr } = await run(
    t,
    ...['--scenario', 'drain', '--scenario', 'steady', '--scale', 'smoke', '--duration', '1.5'],
    ...contenders.flatMap((name) => ['--contender', name]),
  );
  assert.equal(result.cells.length, 2 * contenders.length, stderr);
  for (const cell of result.cells) {
    const said = `${cell.contender.name} in ${cell.scenario}: ${JSON.stringify(cell.fairness)}`;
    const verdicts = (cell.fairness ?? []).map((one) => one.verdict);
    assert.ok(verdicts.length >= 6, said);
    assert.ok(!verdicts.includes('differs'), said);
    assert.equal(row(cell, 'connections')?.effective, 8, said);
    assert.equal(row(cell, 'durability')?.effective, 'durable', said);
    assert.equal(row(cell, 'statementMode')?.effective, 'prepared', said);
    if (cell.scenario === 'drain') assert.equal(row(cell, 'batch')?.verdict, 'matches', said);
    else assert.equal(row(cell, 'producerConnections')?.verdict, 'matches', said);
  }
});
