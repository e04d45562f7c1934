// Can Node read each source of the image as it is? There is no tsx in it, and Node's own reader takes a little less.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '..');

test('Node leaves the types out of each source that goes into the image', () => {
  const allowed = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').matchAll(/^!(\w+)$/gm);
  const folders = [...allowed].map(([, folder = '']) => folder).filter((folder) => folder !== 'LICENSE');
  assert.deepEqual(folders.sort(), ['cli', 'harness', 'queue', 'reports', 'scenarios', 'stats']);
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }));
  for (const file of files.filter((name) => !name.endsWith('.test.ts'))) {
    try {
      stripTypeScriptTypes(readFileSync(path.join(ROOT, file), 'utf8'));
    } catch (error) {
      assert.fail(`${file}: ${String(error)}`);
    }
  }
  assert.ok(files.length > 100);
});
