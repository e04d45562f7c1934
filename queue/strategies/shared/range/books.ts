// How do jobs come back over which a claim moved the cursor, and then did not live to write their lease?

import type { Database } from '../../../drivers/driver.ts';
import type { ReapResult, UpkeepResult } from '../../../strategy.ts';
import { readCommitted } from '../read-committed.ts';
import { reapResult } from '../upkeep.ts';
import type { RangeTables } from './relations.ts';
import type { Routine } from './routine.ts';

/** Numbers below the cursor that the books do not know, and who was moving the cursor when they were missed. */
interface Missing {
  readonly lane: number;
  readonly lo: number;
  readonly hi: number;
  readonly movers: readonly string[];
}

/** The row that says that somebody looked, and since when the server is up. */
interface NoLane {
  readonly lane: null;
  readonly movers: readonly string[];
}

/** So many leases are worth a look: beside claims a thousand rows at once are a pause, a hundred are none. */
const LEASES_PER_LOOK = 100;
/** How soon the leases are counted again while they come, in ms. */
const COUNT_EVERY_MS = 1_000;
/** They come where there were so many since this worker's last count. */
const LEASES_OF_A_BUSY_QUEUE = 10;
/** Where no lease has come, a look as young as this will do: that of a reap. */
const LOOK_LASTS_MS = 10_000;
/** The pause after a look, as a multiple of what it took: one that has become dear does not take all of a server's time. */
const PAUSE_PER_LOOK = 10;

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
  readonly #tables: Pick<RangeTables, 'leases' | 'tended'>;
  #before: readonly Missing[] = [];
  /** Since when the server was up that they were missed on. */
  #upSince: string | undefined;
  /** Leases of all time, as of this worker's last count. */
  #counted = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(routines: Routines, tables: Pick<RangeTables, 'leases' | 'tended'>) {
    this.#routines = routines;
    this.#tables = tables;
  }

  /** Ends expired leases and tends the books; what comes back by that counts as ended too. */
  async reap(db: Database, most: number): Promise<ReapResult> {
    const books = readCommitted(db);
    const { rows } = await books.query<{ readonly ended: number; readonly died: string | null }>({
      text: `SELECT ended, died FROM ${this.#routines.reap.name}($1)`,
      values: [most],
    });
    const { ended = 0, died = null } = rows[0] ?? {};
    // A transaction of its own: the floor rises over what is committed only.
    const brought = await this.#bringBack(books);
    return reapResult({ ended: ended + brought, dead: died });
  }

  /**
   * Tends the books, and lets tables take turns; early, if there are some leases that nobody has looked at. While leases come,
   * it asks to be called early; where none has come, a young look, as of a reap, will do.
   */
  async tend(db: Database, early: boolean): Promise<UpkeepResult> {
    const books = readCommitted(db);
    const { leases, tended } = this.#tables;
    const { rows } = await books.query<{ readonly taken: number; readonly untended: number }>({
      text: `SELECT leases.last_value::float8 AS taken, (leases.last_value - tended.last_value)::float8 AS untended
FROM ${leases} AS leases, ${tended} AS tended`,
    });
    const { taken, untended } = rows[0] ?? { taken: 0, untended: 0 };
    const busy = taken - this.#counted >= LEASES_OF_A_BUSY_QUEUE;
    this.#counted = taken;
    const startMs = performance.now();
    const young = startMs - this.#lookedMs < LOOK_LASTS_MS;
    const enough = early ? untended < LEASES_PER_LOOK : untended === 0 && young;
    const brought = enough ? 0 : await this.#bringBack(books);
    // The turn is handed on by what the floor has risen to just before.
    if (!(early && enough) && this.#routines.rotate !== undefined) await call(books, this.#routines.rotate);
    const earlyMs = Math.max(COUNT_EVERY_MS, PAUSE_PER_LOOK * (performance.now() - startMs));
    return { ready: brought > 0, ...(busy ? { earlyMs } : {}) };
  }

  async #bringBack(db: Database): Promise<number> {
    await call(db, this.#routines.setHorizons);
    const { rows } = await db.query<Missing | NoLane>({
      text: `SELECT lane, lo::float8, hi::float8, movers FROM ${this.#routines.tend.name}()`,
    });
    const looked = rows.find((row): row is NoLane => row.lane === null);
    // Somebody else is looking, so nothing is known.
    if (looked === undefined) return 0;
    this.#lookedMs = performance.now();
    const now = rows.filter((row): row is Missing => row.lane !== null);
    // A server that was started anew may have lost the move of a cursor, and given its numbers to somebody else since.
    const [upSince] = looked.movers;
    const before = upSince === this.#upSince ? this.#before : [];
    this.#upSince = upSince;
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
