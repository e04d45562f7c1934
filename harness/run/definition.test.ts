// Is the declared workload kept whole, and no trace of a million jobs with it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { declaredOf } from './definition.ts';

const base = { name: 'one', question: 'Is it?', preload: { ready: 5 } };

test('defaults are filled in, and a share of a rate stays a share', () => {
  const scenario = scenarioSchema.parse({
    ...base,
    phases: [
      {
        label: 'load',
        seconds: 5,
        arrival: { model: 'poisson', ratePerSec: { share: 0.7, of: 'drain' } },
      },
    ],
  });
  const declared = declaredOf(scenario);
  assert.deepEqual(declared, scenario);
  assert.deepEqual(declared['producers'], { agents: 1, connections: 4 });
  assert.match(JSON.stringify(declared), /"ratePerSec":\{"share":0\.7,"of":"drain"\}/);
});

test('a trace is stated by its length, its end and a digest, which tells two apart', () => {
  const traced = (ats: readonly number[]): string =>
    JSON.stringify(
      declaredOf(
        scenarioSchema.parse({
          ...base,
          phases: [
            { label: 'load', seconds: 5, arrival: { model: 'trace', jobs: ats.map((at) => ({ at })) } },
          ],
        }),
      ),
    );
  assert.match(
    traced([0, 1, 2]),
    /"arrival":\{"model":"trace","speed":1,"trace":\{"jobs":3,"lastAt":2,"sha256":"[0-9a-f]{64}"\}\}/,
  );
  assert.equal(traced([0, 1, 2]), traced([0, 1, 2]));
  assert.notEqual(traced([0, 1, 2]), traced([0, 1.5, 2]));
});
