// How does the data of a COPY get onto a connection on which statements otherwise follow each other unasked?

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Statement } from './driver.ts';
import type { CopyIn, Send, Ways } from './transaction.ts';

/** Characters of one write: enough that writes cost nothing beside the rows, and few enough that memory holds them lightly. */
const PART_LENGTH = 65_536;

/**
 * Sends as `send` and `copy` do, but so that a COPY has the connection to itself: it begins when all that was sent before it is
 * answered, and what is sent meanwhile waits for its end. The server takes a statement amid the data for a breach of protocol.
 */
export function withTurns(send: Send, copy: CopyIn): Ways {
  let last: Promise<unknown> | undefined;
  let copying: Promise<void> | undefined;
  return {
    send<Row>(statement: Statement) {
      const answer = copying === undefined ? send<Row>(statement) : copying.then(() => send<Row>(statement));
      last = answer;
      return answer;
    },
    copyIn(text, rows) {
      // Answers come in the order of the statements: behind the last there is none.
      const copied = settled(last).then(() => copy(text, rows));
      last = copied;
      const over = settled(copied);
      copying = over;
      void over.then(() => {
        if (copying === over) copying = undefined;
      });
      return copied;
    },
  };
}

/** Resolves when `promise` has come to its end, whichever. */
async function settled(promise: Promise<unknown> | undefined): Promise<void> {
  await promise?.catch(() => undefined);
}

/**
 * Writes `rows` to `stream`, no faster than it takes them, and ends it. Resolves when `stream` has finished, which is to say
 * that the server has answered; rejects with its error, or that of `rows`, or that of `failed`.
 */
export async function fill(stream: Writable, rows: Iterable<string>, failed?: Promise<never>): Promise<void> {
  const finished = Promise.withResolvers<void>();
  stream.once('finish', finished.resolve);
  // For good: an error that nobody listens for ends the process.
  stream.on('error', finished.reject);
  failed?.catch(finished.reject);
  const ended = finished.promise;
  ended.catch(() => undefined);
  try {
    for (const part of parts(rows))
      if (!stream.write(part)) await Promise.race([once(stream, 'drain'), ended]);
  } catch (error) {
    // Tells the server that the rest is not to come. Where the error is the server's own, it takes no notice.
    stream.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
  stream.end();
  await ended;
}

function* parts(rows: Iterable<string>): Generator<string> {
  let part = '';
  for (const row of rows) {
    part += row;
    if (part.length < PART_LENGTH) continue;
    yield part;
    part = '';
  }
  if (part !== '') yield part;
}
