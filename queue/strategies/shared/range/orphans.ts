// How do jobs come back over which a claim moved the cursor, and then did not live to write their lease?

import type { Database } from '../../../drivers/driver.ts';
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

/**
 * Looks at each call for what is missing, and takes for orphaned what was missing before too, once none of the
 * transactions lives any more that were moving the lane's cursor then: whoever has a lease has committed it by now.
 */
export class Orphans {
  readonly #tables: RangeTables;
  readonly #tend: Routine;
  #before: readonly Missing[] = [];

  constructor(tables: RangeTables, tend: Routine) {
    this.#tables = tables;
    this.#tend = tend;
  }

  /** Tends the books, and returns how many jobs it brought back. */
  async bringBack(db: Database): Promise<number> {
    const { rows } = await db.query<{ lane: number; lo: string; hi: string; movers: string[] }>({
      text: `SELECT lane, lo::text, hi::text, movers FROM ${this.#tend.name}()`,
    });
    const now = rows.map((row) => ({ ...row, lo: Number(row.lo), hi: Number(row.hi) }));
    const before = this.#before;
    this.#before = now.map((missing) => older(missing, before));
    let jobs = 0;
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
