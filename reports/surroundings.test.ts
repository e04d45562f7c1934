// Is every difference named that forbids a comparison, and none that does not?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../harness/result/result.ts';
import { sameSurroundings } from './surroundings.ts';
import { STANDARD } from './testing-fixture-data.ts';

const one: Environment = STANDARD.environment;

test('the same surroundings differ in nothing', () => {
  assert.deepEqual(sameSurroundings(one, structuredClone(one)), []);
});

test('what is of the hour does not forbid a comparison', () => {
  const other: Environment = {
    ...one,
    fsyncUs: 9_000,
    stealShare: 0.2,
    loadAverageAtStart: 3,
    nullCeilingPerSec: 1,
    nullCeilings: { '1': 1 },
    clockResolutionUs: 1,
    missing: ['something'],
    memoryBytes: Math.round(one.memoryBytes * 0.99),
    server: { ...one.server, description: 'on another port' },
  };
  assert.deepEqual(sameSurroundings(one, other), []);
});

test('each thing that decides figures is named with both its values', () => {
  const pinned = { server: [0, 1], agents: [2] };
  const changes: [Partial<Environment>, RegExp][] = [
    [{ cpuModel: 'Z80' }, /^CPU: AMD EPYC 9R14 and Z80$/],
    [{ cores: 4 }, /^cores: 16 and 4$/],
    [{ cpuQuota: 2 }, /^CPU time granted by control groups: no limit and 2 processors$/],
    [{ memoryBytes: one.memoryBytes / 2 }, /^memory: 32/],
    [{ os: 'Linux 5' }, /^operating system: Linux 6\.12 and Linux 5$/],
    [{ arch: 'arm64' }, /^architecture: x64 and arm64$/],
    [{ container: false }, /^in a container: yes and no$/],
    [{ node: '26.0.0' }, /^Node\.js: /],
    [{ governor: 'powersave' }, /^CPU frequency governor: not visible and powersave$/],
    [{ sharedMachine: false }, /^generator and server on one machine: yes and no$/],
    [{ pinned }, /^pinned cores: none and 2 for the server, 1 for the agents$/],
    [{ server: { ...one.server, kind: 'url' } }, /^kind of server: embedded and url$/],
    [{ server: { ...one.server, version: '14.1' } }, /^PostgreSQL: 18\.4 and 14\.1$/],
    [{ server: { ...one.server, durable: false } }, /^durable: yes and no$/],
    [
      { server: { ...one.server, extensions: { pg_cron: '1.6', hstore: '1.8' } } },
      /^extensions: none and hstore 1\.8, pg_cron 1\.6$/,
    ],
    [
      { server: { ...one.server, settings: { ...one.server.settings, shared_buffers: '2GB' } } },
      /^shared_buffers: 1GB and 2GB$/,
    ],
  ];
  for (const [change, said] of changes) {
    for (const [a, b, pattern] of [
      [one, { ...one, ...change }, said],
      [{ ...one, ...change }, one, /./],
    ] as const) {
      const found = sameSurroundings(a, b);
      assert.equal(found.length, 1, found.join('; '));
      assert.match(found[0] ?? '', pattern);
    }
  }
});

test('which cores they were pinned to is chance, how many is not', () => {
  const apart = (server: number[], agents: number[]): Environment => ({ ...one, pinned: { server, agents } });
  assert.deepEqual(sameSurroundings(apart([0], [1]), apart([1], [0])), []);
  assert.equal(sameSurroundings(apart([0], [1]), apart([0, 1], [2])).length, 1);
});

test('a setting that one side does not report is a difference', () => {
  const { jit: _, ...settings } = one.server.settings;
  assert.deepEqual(sameSurroundings(one, { ...one, server: { ...one.server, settings } }), [
    'jit: off and not reported',
  ]);
});
