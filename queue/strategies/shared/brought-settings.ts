// How has a statement its settings where the session is lent for one transaction only?

import type { Connection, QueryResult, Statement } from '../../drivers/driver.ts';

/** The connections that bring settings along, by those that they stand on. */
const brought = new WeakMap<Connection, Connection>();

/** What a session uses in place of `connection`, for whoever opens a transaction around what the session does. */
export function usedInPlaceOf(connection: Connection): Connection {
  return brought.get(connection) ?? connection;
}

/**
 * The same connection, on which each statement is a transaction that begins with `settings`: three messages, written together.
 * One that its user opens himself, by a statement BEGIN, has them for as long as it lasts.
 */
export function bringSettings(
  connection: Connection,
  settings: Readonly<Record<string, string>>,
): Connection {
  const begin = { text: beginWith(settings) };
  /** By what was sent, not by what was answered: what is sent next comes after it. */
  let open = false;
  const using: Connection = {
    backendPid: connection.backendPid,
    ...(connection.pooler === undefined ? {} : { pooler: connection.pooler }),
    ended: connection.ended,
    get closed() {
      return connection.closed;
    },
    query<Row>(statement: Statement): Promise<QueryResult<Row>> {
      const { text } = statement;
      if (text === 'BEGIN') {
        open = true;
        return connection.query<Row>(begin);
      }
      if (text === 'COMMIT' || text === 'ROLLBACK') open = false;
      else if (!open) return alone(connection, begin, statement);
      return connection.query<Row>(statement);
    },
    listen: (channel, onNotify) => connection.listen(channel, onNotify),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
  brought.set(connection, using);
  return using;
}

/** One message: its several statements leave the transaction open. */
function beginWith(settings: Readonly<Record<string, string>>): string {
  const { default_transaction_isolation: level, ...others } = settings;
  return [
    `BEGIN ISOLATION LEVEL ${level}`,
    ...Object.entries(others).map(([setting, value]) => `SET LOCAL ${setting} = ${value}`),
  ].join('; ');
}

async function alone<Row>(
  connection: Connection,
  begin: Statement,
  statement: Statement,
): Promise<QueryResult<Row>> {
  const [begun, answered, ended] = await Promise.allSettled([
    connection.query(begin),
    connection.query<Row>(statement),
    connection.query({ text: 'COMMIT' }),
  ]);
  // After a BEGIN that failed the others only say that there is no transaction.
  if (begun.status === 'rejected') throw begun.reason;
  if (answered.status === 'rejected') throw answered.reason;
  if (ended.status === 'rejected') throw ended.reason;
  return answered.value;
}
