// What does a user read when an embedded server cannot start, and is anything left behind?

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { RuntimeFailure, UsageError } from '../errors.ts';
import { PINS } from './binary-pins.ts';
import { startEmbedded } from './embedded.ts';

/** A folder for temporary files of this file's own, so that what is left in it is ours. */
let base: string;
const systemTmp = process.env['TMPDIR'];

before(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'claimbench-test-'));
  await chmod(base, 0o777);
  process.env['TMPDIR'] = base;
});

after(async () => {
  restore('TMPDIR', systemTmp);
  await rm(base, { recursive: true, force: true });
});

async function leftovers(): Promise<readonly string[]> {
  return (await readdir(base)).filter((name) => name.startsWith('claimbench-pg-'));
}

describe('a start that fails', () => {
  test('says which setting the server refused, and leaves nothing', async () => {
    await assert.rejects(startEmbedded({ settings: { no_such_setting: '1' } }), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /no_such_setting/);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    assert.deepEqual(await leftovers(), []);
  });

  test('refuses settings that are its own', async () => {
    await assert.rejects(startEmbedded({ settings: { port: '5432' } }), UsageError);
    await assert.rejects(startEmbedded({ settings: { 'a b': '1' } }), UsageError);
  });

  test('can be abandoned', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('abandoned')), 150);
    await assert.rejects(startEmbedded({ signal: abort.signal }), /abandoned/);
    assert.deepEqual(await leftovers(), []);
  });

  /** A cache with a package whose initdb is this script. */
  async function withInitdb(script: string, work: () => Promise<void>): Promise<void> {
    const cache = path.join(base, 'cache');
    const bin = path.join(
      cache,
      `postgres-${PINS['17'].version}-${process.platform}-${process.arch}`,
      'native',
      'bin',
    );
    await mkdir(bin, { recursive: true });
    await writeFile(path.join(bin, 'initdb'), script, { mode: 0o755 });
    const saved = process.env['CLAIMBENCH_CACHE'];
    process.env['CLAIMBENCH_CACHE'] = cache;
    try {
      await work();
    } finally {
      if (saved === undefined) delete process.env['CLAIMBENCH_CACHE'];
      else process.env['CLAIMBENCH_CACHE'] = saved;
      await rm(cache, { recursive: true, force: true });
    }
    assert.deepEqual(await leftovers(), []);
  }

  for (const [name, script, words] of [
    ['a broken initdb', '#!/bin/sh\necho boom >&2\nexit 1\n', /initdb failed.*boom/],
    [
      'a missing library',
      '#!/bin/sh\necho "x: error while loading shared libraries: libfoo.so.1: cannot open" >&2\nexit 127\n',
      /library libfoo\.so\.1/,
    ],
    ['a missing loader, as on musl', '#!/no/such/loader\n', /glibc/],
  ] as const) {
    test(`names ${name}`, async () => {
      await withInitdb(script, async () => {
        await assert.rejects(startEmbedded({ version: '17' }), (error: unknown) => {
          assert.ok(error instanceof RuntimeFailure);
          assert.match(error.message, words);
          return true;
        });
      });
    });
  }

  test('offline, says so in one line', async () => {
    const saved = { cache: process.env['CLAIMBENCH_CACHE'], registry: process.env['npm_config_registry'] };
    const cache = await mkdtemp(path.join(base, 'empty cache '));
    process.env['CLAIMBENCH_CACHE'] = cache;
    process.env['npm_config_registry'] = 'http://127.0.0.1:9/';
    try {
      await assert.rejects(startEmbedded({ version: '16' }), (error: unknown) => {
        assert.ok(error instanceof RuntimeFailure);
        assert.match(
          error.message,
          /^PostgreSQL 16 is not in the cache and npm could not fetch .*ECONNREFUSED/,
        );
        return true;
      });
      assert.deepEqual(await readdir(cache), []);
    } finally {
      restore('CLAIMBENCH_CACHE', saved.cache);
      restore('npm_config_registry', saved.registry);
    }
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
