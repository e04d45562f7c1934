// What becomes of an embedded server when its owner dies? A program for tests: it owns one, and waits to be killed.
//
// Prints one line of JSON when the server is ready. With the argument `tidy` it answers SIGINT as the command line does:
// it asks the server a last question, disposes it, and leaves with 130. With `standby` the server has one.

import { withConnection } from '../harness/server/connect.ts';
import { startEmbedded } from '../harness/server/embedded.ts';

const server = await startEmbedded();
const database = await server.openDatabase('owned');
if (process.argv[2] === 'tidy') {
  process.once('SIGINT', async () => {
    await withConnection(database.connection, { applicationName: 'last question' }, (client) =>
      client.query('SELECT 1'),
    );
    await server[Symbol.asyncDispose]();
    process.exit(130);
  });
}
if (process.argv[2] === 'standby') await server.openStandby?.({ feedback: true });
// Last: whoever reads this line may send a signal at once.
console.log(
  JSON.stringify({ pid: server.pid, dataDirectory: server.dataDirectory, uid: process.getuid?.() }),
);
// Longer than any test waits; then the owner ends by itself, whoever forgot it.
setTimeout(() => {}, 300_000);
