// How do jobs come back over which a claim moved the cursor, and then did not live to write their lease?

import type { Database } from '../../../drivers/driver.ts';
import { readCommitted } from '../read-committed.ts';
import type { Routine } from './routine.ts';

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
  readonly setHorizons: Routine;
  readonly tend: Routine;
  readonly adoptOrphans: Routine;
  readonly rotate: Routine | undefined;
}

/**
 * Looks at each call for what is missing, and takes for orphaned what was missing before too, once none of the
 * transactions lives any more that were moving the lane's cursor then: whoever has a lease has committed it by now.
 */
export class Books {
  readonly #routines: Routines;
  #before: readonly Missing[] = [];
  /** Not a first look any more: what others left undone was cleared away. */
  #looked = false;

  constructor(routines: Routines) {
    this.#routines = routines;
  }

  /** Ends expired leases and tends the books; returns how many jobs came back. */
  async reap(db: Database, most: number): Promise<number> {
    const books = readCommitted(db);
    const reaped = await call<number>(books, this.#routines.reap, most);
    // A transaction of its own: the floor rises over what is committed only.
    const brought = await this.#bringBack(books);
    return reaped + brought;
  }

  /** Tends the books, and lets tables take turns. */
  async tend(db: Database): Promise<{ readonly ready: boolean }> {
    const books = readCommitted(db);
    const brought = await this.#bringBack(books);
    // The turn is handed on by what the floor has risen to just before.
    if (this.#routines.rotate !== undefined) await call(books, this.#routines.rotate);
    return { ready: brought > 0 };
  }

  async #bringBack(db: Database): Promise<number> {
    await call(db, this.#routines.setHorizons);
    const { rows } = await db.query<{ lane: number; lo: string; hi: string; movers: string[] }>({
      text: `SELECT lane, lo::text, hi::text, movers FROM ${this.#routines.tend.name}($1)`,
      values: [!this.#looked],
    });
    this.#looked = true;
    const now = rows.map((row) => ({ ...row, lo: Number(row.lo), hi: Number(row.hi) }));
    const before = this.#before;
    this.#before = now.map((missing) => older(missing, before));
    let jobs = 0;
    for (const { lane, lo, hi } of orphaned(before, now))
      jobs += await call<number>(db, this.#routines.adoptOrphans, lane, lo, hi);
    return jobs;
  }
}

async function call<T>(db: Database, routine: Routine, ...values: readonly number[]): Promise<T> {
  const parameters = values.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await db.query<{ readonly answer: T }>({
    text: `SELECT ${routine.name}(${parameters}) AS answer`,
    values,
  });
  const [row] = rows;
  if (row === undefined) throw new Error(`${routine.name} answered nothing`);
  return row.answer;
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
