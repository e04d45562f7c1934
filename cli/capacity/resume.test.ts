// Is a sweep gone on with only where, and as, it was begun?

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../harness/errors.ts';
import { type Environment, METHOD_VERSION, SCHEMA_VERSION } from '../../harness/result/result.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { readEarlier, requireSamePlace } from './resume.ts';
import { digestOfContender } from './sweep-words.ts';

const SERVER = {
  kind: 'embedded',
  description: 'x',
  version: '18.4',
  settings: { jit: 'off' },
  durable: true,
};
const HERE: Environment = {
  ...{ claimbenchVersion: '0', node: 'v24', os: 'x', arch: 'x', cpuModel: 'x', cores: 2 },
  ...{ memoryBytes: 8e9, container: false, sharedMachine: true, missing: [], server: SERVER },
};

test('the same machine and server may be another boot, another minute; nothing else', () => {
  const same = (now: Partial<Environment>) => requireSamePlace('out/b', HERE, { ...HERE, ...now });
  same({ memoryBytes: 8.05e9, loadAverageAtStart: 3, stealShare: 0.1, fsyncUs: 800, nullCeilingPerSec: 5 });
  const differing: readonly (readonly [Partial<Environment>, RegExp])[] = [
    [{ cpuModel: 'y' }, /out\/b was measured elsewhere or otherwise: cpuModel was x and is y; go on/],
    [{ cores: 4, node: 'v26' }, /node was v24 and is v26 \(and 1 more\)/],
    [{ memoryBytes: 16e9 }, /memoryBytes was 8000000000/],
    [{ allowedCpus: [0] }, /allowedCpus was not reported and is \[0\]/],
    [{ server: { ...SERVER, version: '17.1' } }, /server version was 18\.4 and is 17\.1/],
    [{ server: { ...SERVER, settings: { jit: 'on' } } }, /jit was off and is on/],
    [{ server: { ...SERVER, settings: { jit: 'off', fsync: 'off' } } }, /fsync was not reported and is off/],
    [{ servers: [{ ...SERVER, label: 'jit=on' }] }, /there is no server/],
  ];
  for (const [now, said] of differing) assert.throws(() => same(now), said);
});

const WORDS = {
  ...{ contender: 'batch', axis: ['workers=1'], seconds: 1, repeats: 1, refine: 0, seed: 1 },
  ...{ server: 'postgres://me@db:5432/x', pin: 'off', producerPriority: 'auto', sampling: true },
};

function bundle(change: object): object {
  const sweep = { contender: 'batch', axes: [], repeats: 1, load: 'drain', words: WORDS };
  return {
    ...{ schemaVersion: SCHEMA_VERSION, methodVersion: METHOD_VERSION, runId: 'r', seed: 1 },
    ...{ startedAt: '2024-01-01T00:00:00.000Z', finishedAt: '2024-01-01T00:00:00.000Z', command: ['sweep'] },
    ...{ complete: false, environment: HERE, scenarios: [], contenders: [], cells: [], comparisons: [] },
    capacity: { cells: [], sweep: { ...sweep, points: [{ at: { workers: 1 }, cells: [] }] } },
    ...change,
  };
}

test('words come from the bundle; another method, no sweep, other words and a changed contender are refused', async (t) => {
  const folder = temporaryFolder(t);
  const at = (change: object): string => {
    const path = join(folder, String(Math.random()));
    mkdirSync(path);
    writeFileSync(join(path, 'result.json'), JSON.stringify(bundle(change)));
    return path;
  };
  const read = await readEarlier(at({}), 'postgres://me:secret@db:5432/x');
  assert.deepEqual(read.points, [{ workers: 1 }]);
  assert.equal(read.words.contender, 'batch');
  assert.equal(read.words.server, 'postgres://me:secret@db:5432/x');
  const refused = (change: object, said: RegExp, server?: string) =>
    assert.rejects(readEarlier(at(change), server), (error) => {
      return error instanceof UsageError && said.test(error.message) && !error.message.includes('secret');
    });
  await refused({ methodVersion: 1 }, /measured by method 1, and this claimbench measures by method/);
  await refused({ capacity: undefined }, /holds no sweep/);
  await refused({}, /password of the same address alone/, 'postgres://me:secret@elsewhere:5432/x');
  const worded = (words: object) => ({
    capacity: {
      cells: [],
      sweep: { contender: 'x', axes: [], repeats: 1, load: 'drain', points: [], words },
    },
  });
  await refused(worded({ ...WORDS, seconds: 'long' }), /words of its sweep cannot be read \(seconds\)/);
  const contender = join(folder, 'mine.ts');
  writeFileSync(contender, 'export default 1;');
  const begun = { ...WORDS, contender, contenderSha256: digestOfContender(contender) };
  assert.equal((await readEarlier(at(worded(begun)), undefined)).words.contender, contender);
  writeFileSync(contender, 'export default 2;');
  await refused(worded(begun), /the file of the contender .* has changed/);
});
