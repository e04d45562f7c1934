// How does an example run where there is no server? `tsx examples/with-server.ts NAME` starts one for it, and removes it afterwards.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { startEmbedded } from '../harness/server/embedded.ts';

const [name = ''] = process.argv.slice(2);
const program = path.join(import.meta.dirname, `${name}.ts`);
if (/^[a-z-]+$/.test(name) && existsSync(program)) process.exitCode = await run(program);
else {
  console.error(`there is no example "${name}": give the name of a program in examples/, without its ending`);
  process.exitCode = 1;
}

async function run(file: string): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  await using server = await startEmbedded({ signal: interruption.signal });
  await using database = await server.openDatabase('example');
  const { host, port, user, password, database: inside } = database.connection;
  const url = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${inside}`;
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: url },
  });
  interruption.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 130)));
}
