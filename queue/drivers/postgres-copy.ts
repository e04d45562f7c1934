// How does a COPY FROM STDIN go through postgres.js?

import assert from 'node:assert/strict';
import type postgres from 'postgres';
import { fill } from './copying.ts';

/**
 * Sends `rows` as the data of `text`. Nothing else may be sent on the connection meanwhile.
 *
 * postgres.js lets nobody know of an error that comes when the data has been sent: its stream would never finish, and the
 * transaction never end (https://github.com/porsager/postgres/issues/1173). But it tells the query, which has been answered
 * by then with the stream, and there the error is caught.
 */
export async function copyThroughPostgres(
  sql: Pick<postgres.ISql<Record<string, unknown>>, 'unsafe'>,
  text: string,
  rows: Iterable<string>,
): Promise<void> {
  const query = sql.unsafe(text);
  const reject: unknown = Reflect.get(query, 'reject');
  assert(typeof reject === 'function', 'postgres.js does not tell its queries of errors any more');
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  Reflect.set(query, 'reject', (error: unknown) => {
    failed.reject(error);
    Reflect.apply(reject, query, [error]);
  });
  await fill(await query.writable(), rows, failed.promise);
}
