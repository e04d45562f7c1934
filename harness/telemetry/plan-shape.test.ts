// Are plans told from other messages, and shapes from each other?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstWords, parsePlan, shapeOf } from './plan-shape.ts';

const MESSAGE = `duration: 0.018 ms  plan:
Query Text: /* claim */
SELECT *
  FROM t WHERE x = $1
Limit  (cost=0.29..282.29 rows=1 width=44)
  ->  Index Scan using t_x_idx on t  (cost=0.29..282.29 rows=1 width=44)
        Index Cond: (x = 7)
Settings: jit = 'off'`;

test('query and plan come apart, whatever lines the query has', () => {
  const seen = parsePlan(MESSAGE);
  assert.equal(seen?.query, '/* claim */\nSELECT *\n  FROM t WHERE x = $1');
  assert.match(seen.plan, /^Limit {2}\(cost[\s\S]*Settings: jit = 'off'$/);
  assert.equal(firstWords(seen.query), 'SELECT * FROM t WHERE x = $1');
  assert.equal(parsePlan('relation "jobs" already exists, skipping'), undefined);
  assert.equal(parsePlan('duration: 1.0 ms  plan:\nno plan at all'), undefined);
});

test('a shape forgets estimates and values, not which values, relations or nodes are there', () => {
  const custom = `Index Scan using jobs_1_idx on t  (cost=0.29..8.30 rows=1 width=4)\n  Index Cond: (q = 'it''s'::text AND x = 12)`;
  const other = custom.replace('8.30 rows=1', '9.90 rows=55').replace("it''s", 'b').replace('12', '-3.5');
  assert.equal(shapeOf(custom), shapeOf(other));
  assert.match(shapeOf(custom), /jobs_1_idx/);
  const generic = custom.replace("'it''s'::text", '$1').replace('12', '$2');
  assert.notEqual(shapeOf(custom), shapeOf(generic));
  assert.notEqual(shapeOf(generic), shapeOf(generic.replace('$2', '$1')));
  assert.notEqual(shapeOf(custom), shapeOf(custom.replace('Index Scan using jobs_1_idx', 'Seq Scan')));
});

test('texts are cut', () => {
  const long = MESSAGE.replace('SELECT *', `SELECT ${'a, '.repeat(5_000)} *`);
  assert.equal(parsePlan(long)?.query.length, 4_000);
  assert.ok(firstWords('x'.repeat(500)).length <= 100);
});
