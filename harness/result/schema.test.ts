// Is the published JSON Schema of the bundle the one that the code validates with?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { publishedSchema } from './schema.ts';

test('docs/result.schema.json is what `npm run schema` writes', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../../docs/result.schema.json', import.meta.url), 'utf8'),
  );
  assert.deepEqual(
    published,
    publishedSchema(),
    'run npm run schema, and raise SCHEMA_VERSION if readers must change',
  );
});
