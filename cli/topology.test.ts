// Is a topology that cannot be had refused in one line, before anything is measured?

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimbench, temporaryFolder, testServer } from '../testing/command.ts';

const AT_TEST_SERVER = ['--contender', 'skip-locked', '--repeats', '1', '--server'];

test('a standby of a server at an address', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const words = ['--scenario', 'drain', '--scenario', 'standby-query', ...AT_TEST_SERVER, testServer()];
  const { code, stderr } = await claimbench('run', '--out', out, ...words);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^claimbench: scenario standby-query needs a standby, and claimbench cannot give one to the server \(PostgreSQL .*\): take --server embedded, or docker with an image that has pg_basebackup of its version, or leave the scenario out$/m,
  );
  assert.ok(!existsSync(join(out, 'result.json')), 'drain was not measured either');
});

test('a pooler where no PgBouncer is', async (t) => {
  const saved = process.env['CLAIMBENCH_PGBOUNCER'];
  process.env['CLAIMBENCH_PGBOUNCER'] = '/no/such/pgbouncer';
  t.after(() => {
    if (saved === undefined) delete process.env['CLAIMBENCH_PGBOUNCER'];
    else process.env['CLAIMBENCH_PGBOUNCER'] = saved;
  });
  const out = join(temporaryFolder(t), 'bundle');
  const words = ['--scenario', 'through-pooler', ...AT_TEST_SERVER, testServer()];
  const { code, stderr } = await claimbench('run', '--out', out, ...words);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^claimbench: scenario through-pooler goes through PgBouncer, and there is no pgbouncer: install it \(apt-get install pgbouncer, .*\), or give its path in CLAIMBENCH_PGBOUNCER$/m,
  );
  assert.ok(!existsSync(join(out, 'result.json')));
});
