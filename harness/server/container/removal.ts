// What the watchdog runs: remove the containers of the server that is named.

import { setTimeout as sleep } from 'node:timers/promises';

import { findEngine, removeServer } from './engine.ts';

const ATTEMPTS = 20;

const [serverId] = process.argv.slice(2);
if (serverId === undefined) throw new Error('give the id of a server');
const engine = await findEngine();
// A container that was being made when the harness died turns up a moment later.
for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
  await removeServer(engine, serverId).catch(() => undefined);
  await sleep(250);
}
