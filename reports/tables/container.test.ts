// Does a report say in what container a server ran, and do two such runs compare only when their containers were alike?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../../harness/result/result.ts';
import { sameSurroundings } from '../surroundings.ts';
import { STANDARD } from '../testing-fixture-data.ts';
import { containerCaveats, containerText, limitsText } from './container.ts';

type Container = NonNullable<Environment['server']['container']>;

const container: Container = {
  image: 'postgres:18',
  imageId: `sha256:${'0123456789abcdef'.repeat(4)}`,
  standIn: false,
  engine: '28.2.2',
  storageDriver: 'overlay2',
  storage: 'volume',
  route: 'container address',
  limits: { cpus: 1.5, cpuset: '0-1', memoryBytes: 2 ** 29 },
};

function within(changes: Partial<Container>): Environment {
  const { server } = STANDARD.environment;
  return { ...STANDARD.environment, server: { ...server, container: { ...container, ...changes } } };
}

test('a container is told by what it is, not by its name alone', () => {
  assert.equal(
    containerText(container),
    'postgres:18 (sha256:0123456789ab), Docker 28.2.2, container address, data in a volume (overlay2)',
  );
  assert.match(limitsText(container), /^time of 1\.5 processors, processors 0-1, memory 512/);
  assert.equal(limitsText({ ...container, limits: {} }), 'no limit of time, no limit of memory');
  assert.equal(limitsText({ ...container, limits: undefined }), 'cannot be read');
});

test('what weakens its figures is a caveat, and nothing else is', () => {
  const titles = (changes: Partial<Container>) =>
    containerCaveats(within(changes).server).map(([title]) => title);
  assert.deepEqual(titles({}), []);
  assert.deepEqual(titles({ standIn: true }), ['The image is a stand-in']);
  assert.deepEqual(titles({ route: 'published port' }), ["Sessions passed through the engine's proxy"]);
  assert.deepEqual(titles({ limits: undefined }), ['The limits of the container are not known']);
});

for (const [what, changes] of [
  ['image', { imageId: `sha256:${'f'.repeat(64)}` }],
  ['Docker', { engine: '20.10' }],
  ['way to the container', { route: 'published port' }],
  ['storage of the container', { storage: 'tmpfs' }],
  ['limits of the container', { limits: { cpus: 1 } }],
] as const) {
  test(`two runs of another ${what} do not stand side by side`, () => {
    const [said, ...others] = sameSurroundings(within({}), within(changes));
    assert.match(said ?? '', new RegExp(`^${what}: .+ and .+$`));
    assert.deepEqual(others, []);
    assert.deepEqual(sameSurroundings(within(changes), within(changes)), []);
  });
}
