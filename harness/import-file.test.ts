// Is TypeScript that Node alone refuses loaded, with the modules that are there already, and is an error in it told?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../testing/command.ts';

const at = (file: string): string => new URL(file, import.meta.url).href;

/** What a program prints that Node alone runs, as it runs the command and its agents. */
function printed(program: string): string {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env });
  return ran.status === 0 ? ran.stdout.trim() : ran.stderr;
}

test('a file with an enum, and an import of a type that does not say so, has the modules that we have', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'own.ts');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    path,
    `import { UsageError } from '${at('./errors.ts')}';
     import { TestContext } from 'node:test';
     enum Colour { red = 'red' }
     export default { error: new UsageError(Colour.red), context: undefined as TestContext | undefined };`,
  );
  assert.match(printed(`await import('${pathToFileURL(path).href}')`), /SyntaxError/, 'Node alone loads it');
  const own = printed(`
    const { UsageError } = await import('${at('./errors.ts')}');
    const { importFile } = await import('${at('./import-file.ts')}');
    const { default: { error } } = await importFile('${path}');
    console.log(error instanceof UsageError, error.message);
  `);
  assert.equal(own, 'true red');
});

test('a folder that says nothing of its modules will do, for what Node loads and for what it refuses', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'plain.ts'), `export default 'plain' as string;`);
  writeFileSync(join(folder, 'enum.ts'), `enum Colour { red = 'red' }\nexport default Colour.red;`);
  const program = `
    const { importFile } = await import('${at('./import-file.ts')}');
    for (const name of ['plain', 'enum']) console.log((await importFile('${folder}/' + name + '.ts')).default);
  `;
  assert.equal(printed(program), 'plain\nred');
});

test('what a file throws is what it rejects with', (t) => {
  const path = join(temporaryFolder(t), 'throws.mts');
  writeFileSync(path, `throw new Error('no such queue')`);
  const program = `
    const { importFile } = await import('${at('./import-file.ts')}');
    await importFile('${path}').catch(({ message }) => console.log(message));
  `;
  assert.equal(printed(program), 'no such queue');
});
