// Does the doctor say what it found, in words and for programs?

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { z } from 'zod';
import { claimbench, testServer } from '../testing/command.ts';
import { type Finding, findingSchema } from './doctor/finding.ts';

const UNCOMPARED = [
  ...[
    'Node.js',
    'cores',
    'SMT and turbo',
    'pinning',
    'producer priority',
    'CPU governor',
    'load average',
    'memory',
    'clock',
  ],
  ...['timers', 'Docker engine', 'server', 'durability', 'fsync', 'steal time'],
];

function named(findings: readonly Finding[], what: string): NonNullable<Finding['values']> {
  const found = findings.find((finding) => finding.what === what);
  assert.ok(found?.values !== undefined, `${what} has no values`);
  return found.values;
}

test('doctor --quick --json: stable names, figures in fields, nothing compared', async () => {
  const ran = await claimbench('doctor', '--quick', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const findings = z.array(findingSchema).parse(JSON.parse(ran.stdout));
  assert.deepEqual(
    findings.map((finding) => finding.what).filter((what) => what !== 'not readable'),
    UNCOMPARED,
  );
  assert.equal(named(findings, 'cores')['cores'], availableParallelism());
  const clock = named(findings, 'clock');
  assert.ok(Number(clock['typicalStepUs']) > 0 && Number(clock['typicalStepUs']) < 100);
  assert.ok(Number(clock['readNs']) > 0);
  assert.ok(Number(named(findings, 'timers')['p99LateUs']) > 0);
  assert.ok(Number(named(findings, 'fsync')['fsyncUs']) > 0);
  assert.equal(named(findings, 'server')['sharedMachine'], true);
  assert.equal(named(findings, 'durability')['durable'], true);
  if (process.platform === 'linux') {
    const stolen = Number(named(findings, 'steal time')['stealShare']);
    assert.ok(stolen >= 0 && stolen <= 1);
    assert.equal(typeof named(findings, 'cores')['allowedCpus'], 'string');
  }
});

test('doctor --quick in words: one line each; a server at an address hides its disk, which is a warning', async () => {
  const ran = await claimbench('doctor', '--quick', '--server', testServer());
  assert.equal(ran.code, 0, ran.stderr);
  const lines = ran.stdout.trimEnd().split('\n');
  for (const line of lines) assert.match(line, /^(ok {2}|warn|fail) {2}\S/);
  for (const what of UNCOMPARED)
    assert.ok(
      lines.some((line) => line.slice(6).startsWith(what)),
      what,
    );
  assert.match(ran.stdout, /^warn {2}fsync +the data folder cannot be reached from here$/m);
  assert.ok(!ran.stdout.includes(new URL(testServer()).password));
});

test('a server that is not there fails, with exit code 2, and the rest is told all the same', async () => {
  const url = new URL(testServer());
  url.port = '1';
  const ran = await claimbench('doctor', '--quick', '--json', '--server', url.href);
  assert.equal(ran.code, 2, ran.stderr);
  const findings = z.array(findingSchema).parse(JSON.parse(ran.stdout));
  assert.deepEqual(
    findings.filter((finding) => finding.level === 'fail').map((finding) => finding.what),
    ['server'],
  );
  assert.ok(findings.some((finding) => finding.what === 'steal time'));
});

test('an address that cannot be read is refused before anything is looked at, with exit code 1', async () => {
  for (const [address, said] of [
    ['foo', /^claimbench: --server takes embedded, docker, or postgres:\/\/.*\n$/],
    ['postgres://me:se/cret@host/db', /^claimbench: the server address cannot be read.*\n$/],
  ] as const) {
    const ran = await claimbench('doctor', '--quick', '--server', address);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, said);
    assert.ok(!ran.stderr.includes('cret'));
    assert.equal(ran.stdout, '');
  }
});
