// Is the CPU time of server processes told by kind, with what ended in between?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf, type ServerProcess } from '../server/process-titles.ts';
import { CpuByKind, ENDED } from './cpu-by-kind.ts';

test('kinds are read from titles', () => {
  assert.equal(kindOf('postgres: walwriter'), 'walwriter');
  assert.equal(kindOf('postgres: io worker 2'), 'io worker');
  assert.equal(kindOf('postgres: autovacuum worker jobs'), 'autovacuum worker');
  assert.equal(kindOf('postgres: me mine 127.0.0.1(4711) idle in transaction'), 'client backend');
  assert.equal(kindOf('/usr/lib/postgresql/18/bin/postgres -D data'), undefined);
});

test('what rose is told by kind; what began and ended unseen is the rest', () => {
  let living: ServerProcess[] = [
    { pid: 1, kind: 'walwriter', cpuUs: 100 },
    { pid: 2, kind: 'client backend', cpuUs: 50 },
  ];
  let total = 1_000;
  const meter = new CpuByKind(
    () => living,
    () => total,
  );
  living = [
    { pid: 1, kind: 'walwriter', cpuUs: 130 },
    { pid: 3, kind: 'client backend', cpuUs: 500 },
    { pid: 4, kind: 'client backend', cpuUs: 20 },
  ];
  meter.look();
  living = [{ pid: 1, kind: 'walwriter', cpuUs: 140 }];
  total = 1_640;
  meter.look();
  assert.deepEqual(meter.byKind([4]), { 'client backend': 500, [ENDED]: 80, walwriter: 40, sampler: 20 });
  assert.equal(meter.usOf([4, 99]), 20);
});
