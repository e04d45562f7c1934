// How do jobs come back over which a claim moved the cursor, and then did not live to write their lease?

import type { Database, Statement } from '../../../drivers/driver.ts';
import type { RangeTables } from './relations.ts';
import type { Routine } from './take-sql.ts';
import { adoptOrphansSql } from './upkeep-sql.ts';

/** Numbers below the cursor that the books do not know, and who was moving the cursor when they were missed. */
interface Missing {
  readonly lane: number;
  readonly lo: number;
  readonly hi: number;
  readonly movers: readonly string[];
}

/** The routines that keep the books. `rotate` is absent where settled jobs are deleted. */
interface Routines {
  readonly reap: Routine;
  readonly tend: Routine;
  readonly rotate: Routine | undefined;
}

/** A row of both statements; `missing` is NULL when nothing is. */
interface BooksRow {
  readonly reaped: number;
  readonly missing: readonly Missing[] | null;
}

/**
 * Looks at each call for what is missing, and takes for orphaned what was missing before too, once none of the
 * transactions lives any more that were moving the lane's cursor then: whoever has a lease has committed it by now.
 */
export class Books {
  readonly #tables: RangeTables;
  readonly #reap: string;
  readonly #tend: string;
  #before: readonly Missing[] = [];

  constructor(tables: RangeTables, { reap, tend, rotate }: Routines) {
    this.#tables = tables;
    const missing = `(
  SELECT json_agg(json_build_object('lane', lane, 'lo', lo, 'hi', hi, 'movers', movers)) FROM ${tend.name}()
)`;
    this.#reap = `SELECT ${reap.name}($1) AS reaped, ${missing} AS missing`;
    // The turn is handed on by what the floor has risen to just before.
    const turned =
      rotate === undefined
        ? ''
        : `, (SELECT ${rotate.name}() FROM (SELECT tended.missing OFFSET 0) AS after)`;
    this.#tend = `SELECT 0 AS reaped, tended.missing${turned} FROM (SELECT ${missing} AS missing OFFSET 0) AS tended`;
  }

  /** Ends expired leases and tends the books; returns how many jobs came back. */
  reap(db: Database, most: number): Promise<number> {
    return this.#look(db, { text: this.#reap, values: [most] });
  }

  /** Tends the books, and lets tables take turns. */
  async tend(db: Database): Promise<{ readonly ready: boolean }> {
    return { ready: (await this.#look(db, { text: this.#tend })) > 0 };
  }

  async #look(db: Database, statement: Statement): Promise<number> {
    const { rows } = await db.query<BooksRow>(statement);
    const now = rows[0]?.missing ?? [];
    const before = this.#before;
    this.#before = now.map((missing) => older(missing, before));
    let jobs = rows[0]?.reaped ?? 0;
    for (const { lane, lo, hi } of orphaned(before, now)) {
      const found = await db.query<{ readonly jobs: number }>({
        text: adoptOrphansSql(this.#tables),
        values: [lane, lo, hi],
      });
      jobs += found.rows[0]?.jobs ?? 0;
    }
    return jobs;
  }
}

/** What was missing before with nobody of then left to claim it. */
function orphaned(before: readonly Missing[], now: readonly Missing[]): readonly Missing[] {
  return now.flatMap((missing) =>
    before
      .filter((old) => old.lane === missing.lane && old.lo <= missing.hi && old.hi >= missing.lo)
      .filter((old) => !old.movers.some((mover) => missing.movers.includes(mover)))
      .map((old) => ({ ...missing, lo: Math.max(old.lo, missing.lo), hi: Math.min(old.hi, missing.hi) })),
  );
}

/** The same numbers keep the movers of when they were first missed: later ones have nothing to do with them. */
function older(missing: Missing, before: readonly Missing[]): Missing {
  const same = before.find(
    (old) => old.lane === missing.lane && old.lo <= missing.lo && old.hi >= missing.hi,
  );
  return same === undefined ? missing : { ...missing, movers: same.movers };
}
