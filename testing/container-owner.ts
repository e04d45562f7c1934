// A process that starts a server in a container and then waits, to be killed.

import { startContainer } from '../harness/server/container/start.ts';
import { parseWishes } from '../harness/server/container/wishes.ts';

const [image] = process.argv.slice(2);
const server = await startContainer({ wishes: parseWishes({ image }) });
process.stdout.write(`${JSON.stringify({ pid: server.pid, dataDirectory: server.dataDirectory })}\n`);
setInterval(() => undefined, 60_000);
