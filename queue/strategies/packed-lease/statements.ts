// Which statements do the sessions of one schema share?

import type { Statement } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';
import { claimSql } from './claim-sql.ts';
import { extendSql } from './heartbeat-sql.ts';
import { type SettleShape, settleSql, turnSql } from './settle-sql.ts';
import type { PackedTables } from './tables.ts';

type Prepared = (values: readonly unknown[]) => Statement;

/** Made once for each schema, when first needed. */
export interface PackedStatements {
  claim(limit: number): Prepared;
  settle(shape: SettleShape): Prepared;
  turn(shape: SettleShape, limit: number): Prepared;
  readonly extend: Prepared;
}

/** Makes the statements of `tables`. */
export function packedStatements(tables: PackedTables): PackedStatements {
  const made = new Map<string, Prepared>();
  const once = (key: string, text: () => string): Prepared => {
    let statement = made.get(key);
    if (statement === undefined) {
      statement = prepared(text());
      made.set(key, statement);
    }
    return statement;
  };
  return {
    claim: (limit) => once(`claim ${limit}`, () => claimSql(tables, limit)),
    settle: (shape) => once(`settle ${shape}`, () => settleSql(tables, shape)),
    turn: (shape, limit) => once(`turn ${shape} ${limit}`, () => turnSql(tables, shape, limit)),
    extend: prepared(extendSql(tables)),
  };
}
