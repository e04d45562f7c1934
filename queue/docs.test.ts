// Does every example of the manual compile, run and print what it says, and is nothing that the queue exports left out of it?

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { testDatabase } from '../testing/database.ts';
import { brokenPromise, type Page, readPage } from '../testing/pages.ts';
import * as library from './index.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);
const FILES = ['queue/README.md', ...(await pageFiles())];
/** Programs that run until they are told to stop, as their pages say, and what they print when it is time to tell them. */
const STOPPED_AFTER: Readonly<Record<string, string>> = {
  'queue/README.md': 'later@',
  'queue/docs/production.md': 'ada@',
};
/** Within the project, so that packages are found and the compiler knows its options. */
let folder: string;
const pages: Page[] = [];

before(async () => {
  await mkdir(path.join(ROOT, 'out'), { recursive: true });
  folder = await mkdtemp(path.join(ROOT, 'out/manual-'));
  for (const file of FILES) pages.push(await readPage(ROOT, file, '../../queue/index.ts'));
  for (const page of pages) await writeFile(programOf(page.name), page.program);
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noUnusedLocals: false },
    include: ['*.ts'],
  };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
});
after(() => rm(folder, { recursive: true, force: true }));

async function pageFiles(): Promise<string[]> {
  const found: string[] = [];
  for await (const file of glob('queue/docs/*.md', { cwd: ROOT })) found.push(file);
  return found.sort();
}

function programOf(name: string): string {
  return path.join(folder, `${name.replaceAll('/', '-')}.ts`);
}

test('every page compiles', { timeout: 120_000 }, async () => {
  const compiler = path.join(ROOT, 'node_modules/.bin/tsc');
  try {
    await run(compiler, ['-p', folder], { cwd: ROOT });
  } catch (error) {
    assert.fail(
      typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : String(error),
    );
  }
});

for (const file of FILES)
  test(`${file} runs`, { timeout: 60_000 }, async (t) => {
    const database = await testDatabase(t);
    const child = spawn(process.execPath, ['--import', 'tsx', programOf(file.replace(/\.md$/, ''))], {
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    const [said, complained] = [text(child.stdout), text(child.stderr)];
    const stoppedAfter = STOPPED_AFTER[file];
    if (stoppedAfter !== undefined)
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes(stoppedAfter)) child.kill('SIGTERM');
      });
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(await complained, '', await said);
    assert.equal(code, 0, await said);
    const page = pages.find(({ name }) => `${name}.md` === file);
    assert(page !== undefined, `${file} was read`);
    const broken = brokenPromise(page.promises, await said);
    assert.equal(broken, undefined, `${file} says that it prints ${broken}, and prints:\n${await said}`);
  });

test('every program of the manual is marked as ts, so that it is compiled and run', () => {
  for (const { name, text: page } of pages)
    assert.deepEqual(page.match(/^```(?:typescript|tsx|javascript|js|mjs|mts)$/gm) ?? [], [], name);
});

const missing = (names: readonly string[], from: string): readonly string[] =>
  names.filter((name) => !new RegExp(`\\b${name}\\b`).test(from));

test('all that can be called is used in an example', () => {
  const programs = pages.map(({ program }) => program).join('\n');
  assert.deepEqual(missing(Object.keys(library), programs), [], 'exports without an example');
});

test('every type is named where it is explained', async () => {
  const index = await readFile(path.join(ROOT, 'queue/index.ts'), 'utf8');
  const lists = [...index.matchAll(/export (type )?\{([^}]*)\}/g)];
  const types = lists.flatMap(([, type, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && (type !== undefined || name.startsWith('type ')))
      .map((name) => name.replace(/^type /, '')),
  );
  assert(types.length > 50, `${types.length} types`);
  assert.deepEqual(missing(types, pages.map((page) => page.text).join('\n')), [], 'types that no page names');
});
