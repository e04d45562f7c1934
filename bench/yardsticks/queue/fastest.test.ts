// Is a rival whose cells were void left in doubt, unless the most that they can hide changes nothing?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Standing } from './contest.ts';
import { isOutrun } from './fastest.ts';

const standing = (over: Partial<Standing>): Standing => ({
  entrant: { name: 'x', axes: '' },
  perSec: new Map(),
  problems: [],
  incorrect: [],
  voidAtMostPerSec: 0,
  generatorBound: false,
  again: 0,
  ...over,
});

test('a void rival is outrun when the slowest round of the best is so many times what it can have reached', () => {
  const best = standing({ perSec: new Map([0, 1].map((round) => [round, [900, 700][round] ?? 0])) });
  const rival = (over: Partial<Standing>): boolean => isOutrun(standing(over), best, 2);
  assert.equal(rival({ voidAtMostPerSec: 350 }), true);
  assert.equal(rival({ voidAtMostPerSec: 351 }), false);
  assert.equal(rival({ voidAtMostPerSec: undefined }), false, 'nothing bounds it');
  assert.equal(
    rival({ voidAtMostPerSec: 1, incorrect: ['lost 1 job'] }),
    false,
    'a wrong cell is no slow one',
  );
  assert.equal(isOutrun(standing({ voidAtMostPerSec: 1 }), undefined, 2), false);
  assert.equal(isOutrun(standing({ voidAtMostPerSec: 1 }), standing({}), 2), false, 'no round of the best');
});
