// What becomes of a pooler when its owner dies? A program for tests: it owns one, in front of nothing, and waits to be killed.

import { findPgBouncer, startPgBouncer } from '../harness/topology/pgbouncer.ts';

const binary = findPgBouncer();
if (binary === undefined) throw new Error('there is no pgbouncer');
const server = { host: '127.0.0.1', port: 1, user: 'nobody', password: 'secret' };
const { pid } = await startPgBouncer(binary, { server, mode: 'transaction', poolSize: 1 });
console.log(JSON.stringify({ pid }));
// Longer than any test waits; then the owner ends by itself, whoever forgot it.
setTimeout(() => {}, 300_000);
