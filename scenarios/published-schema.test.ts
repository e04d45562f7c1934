// Is the published JSON Schema of scenarios the one that files are checked with?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { BUILT_IN_SCENARIOS } from './index.ts';
import { publishedScenarioSchema } from './published-schema.ts';

const published = publishedScenarioSchema();

test('docs/scenario.schema.json is what `npm run schema` writes', () => {
  const file = new URL('../docs/scenario.schema.json', import.meta.url);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), published, 'run npm run schema');
});

test('every scenario that comes with claimbench is valid by it, and a misspelt key is not, at any depth', () => {
  const schema = z.fromJSONSchema(published);
  const [first] = BUILT_IN_SCENARIOS;
  for (const scenario of BUILT_IN_SCENARIOS) {
    const plain: unknown = JSON.parse(JSON.stringify(scenario));
    const { error } = schema.safeParse(plain);
    assert.equal(error, undefined, scenario.name);
  }
  assert.ok(schema.safeParse({ ...first, $schema: 'scenario.schema.json' }).success);
  for (const wrong of [
    { preloads: {} },
    { preload: { redy: 1 } },
    { smoke: { leaseMS: 500 } },
    { smoke: { name: 'another' } },
    { phases: [{ label: 'a', seconds: 1, faults: [{ fault: 'held-xmin', knd: 'reader' }] }] },
  ])
    assert.ok(!schema.safeParse({ ...first, ...wrong }).success, JSON.stringify(wrong));
});
