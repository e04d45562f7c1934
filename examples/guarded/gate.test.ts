// Does a gate let the good pull request pass, and stop the bad ones for the right reason?

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkDocumentSchema } from '../../reports/check/document.ts';
import { claimbenchIn, temporaryFolder, testServer } from '../../testing/command.ts';
import { makeGuardedRepository } from '../../testing/guarded-repository.ts';
import { BAD, GOOD } from './pulls.ts';

/** Counted metrics are clear after five blocks of some six seconds; a busy machine is given more. */
const BUDGET = '90s';
const NAMES = ['dropped-index', 'lost-skip-locked', 'sorted-backlog', 'extra-round-trip'];
/** What is timed says nothing beside other tests. */
const SOFT_OFF = {
  'throughput.settledPerSec': 'off',
  'cost.clientCpuUsPerJob': 'off',
  'cost.serverCpuUsPerJob': 'off',
};

for (const pull of [GOOD, ...BAD.filter(({ name }) => NAMES.includes(name))]) {
  test(`${pull.name} ${pull.found === undefined ? 'passes' : 'is stopped'}`, async (t) => {
    const folder = join(temporaryFolder(t), 'guarded');
    makeGuardedRepository(folder, pull.name);
    writeFileSync(join(folder, 'counted.json'), JSON.stringify({ check: { limits: SOFT_OFF } }));
    const { code, stdout, stderr } = await claimbenchIn(
      folder,
      ...[
        'check',
        '--base',
        'HEAD',
        '--scenario',
        './backlog.yaml',
        '--budget',
        BUDGET,
        '--server',
        testServer(),
      ],
      ...['--config', 'counted.json', '--contender', './strategy.ts', '--out', 'out/check', '--json'],
    );
    const document = checkDocumentSchema.parse(JSON.parse(stdout));
    const worse = document.rows.filter(({ verdict }) => verdict === 'worse');
    const told = `${document.headline}\n${worse.map(({ metric }) => metric).join(', ')}\n${stderr}`;
    if (code === 4) {
      // Cells are void where other tests take the processors; that is no verdict, and not a wrong one.
      assert.ok(document.blocks.valid < document.blocks.measured, told);
      t.diagnostic(document.headline);
      return;
    }
    if (pull.found === undefined) {
      assert.equal(code, 0, told);
      assert.deepEqual(document.causes, []);
      return;
    }
    assert.equal(code, 99, told);
    assert.ok(
      worse.some(({ metric }) => pull.found?.metrics.includes(metric)),
      told,
    );
    assert.ok(
      document.causes.some(({ text }) => pull.found?.cause.test(text)),
      JSON.stringify(document.causes),
    );
    assert.match(readFileSync(join(folder, 'out/check/check/check.md'), 'utf8'), /^## REGRESSION: /);
  });
}
