// What becomes of the network proxy when its owner dies? A program for tests: it owns one, in front of nothing, and waits to be killed.

import { startProxy } from '../harness/network/proxy-process.ts';

const { pid, port } = await startProxy({ host: '127.0.0.1', port: 1 }, 1);
console.log(JSON.stringify({ pid, port }));
// Longer than any test waits; then the owner ends by itself, whoever forgot it.
setTimeout(() => {}, 300_000);
