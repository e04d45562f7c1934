// What do a contender's own sessions say of their settings, and how are its statements really sent?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Statement } from '../../queue/index.ts';
import type { SessionsReport, StatementMode } from '../contender.ts';

/** In every statement by which the fairness check reads something back; such statements are the harness's, not the load's. */
export const FAIRNESS_MARK = '/* claimbench fairness */';

/** What a commit that was confirmed depends on. */
export const DURABILITY_SETTINGS = ['synchronous_commit', 'fsync', 'full_page_writes'] as const;

/**
 * What the session has set for itself and a plan may depend on: neither deadlines, nor what is one transaction's, nor names
 * with a dot, which are an application's own and may hold its secrets.
 */
const OWN_SETTINGS = `SELECT json_object_agg(name, setting) FROM pg_settings
  WHERE source = 'session' AND name !~ '[.]|_timeout$|^transaction_'`;

/** Sent as a simple query, so that it leaves no prepared statement behind and its session as it was. */
const READ_BACK = `SELECT ${FAIRNESS_MARK}
  ${DURABILITY_SETTINGS.map((name) => `current_setting('${name}') AS ${name}`).join(', ')},
  (SELECT count(*)::int FROM pg_prepared_statements) AS prepared, (${OWN_SETTINGS}) AS own`;
/** As long as it takes that no session of a pool answers for two. */
const READ_BACK_SLOWLY = `${READ_BACK} FROM pg_sleep(0.02)`;

const READ_WITHIN_MS = 1_000;
const STRINGS_AND_COMMENTS = /('(?:[^']|'')*'|"[^"]*")|--[^\n]*|\/\*[\s\S]*?\*\//g;

/** SQL with its comments taken out: what is only talked of is not done. */
export function withoutComments(sql: string): string {
  return sql.replace(STRINGS_AND_COMMENTS, (_, kept?: string) => kept ?? ' ');
}

const TEXTS_KEPT = 10_000;
const SUSPICIOUS_KEPT = 3;
const SUSPICIOUS_LENGTH = 200;

/** Transactions and sessions are controlled by plain text everywhere: it says nothing of how jobs travel. */
const CONTROL =
  /^\s*(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|RESET|SHOW|LISTEN|UNLISTEN|DISCARD)\b/i;
const DURABILITY = new RegExp(DURABILITY_SETTINGS.join('|'), 'i');
/** The reference queue's lone signal: nothing but a NOTIFY hangs on that commit, see queue/wakeup/channel.ts. */
const LONE_SIGNAL =
  /^\s*SELECT pg_notify\(\$1, \$2\)\s+FROM \(SELECT set_config\('synchronous_commit', 'off', true\) OFFSET 0\) AS setting\s*$/;

/** `reading` is the harness's own, `control` is neither a job nor part of one. */
type TextKind = 'reading' | 'control' | 'job';

type ReadBack = Readonly<Record<(typeof DURABILITY_SETTINGS)[number], string>> & {
  readonly prepared: number;
  readonly own: Readonly<Record<string, string>> | null;
};

/** Collects what one process's sessions say and send. Reading back never throws: what cannot be read is not counted. */
export class SessionWatch {
  #sessions = 0;
  #leastPrepared: number | undefined;
  #ownCommits = 0;
  #own: Readonly<Record<string, string>> = {};
  readonly #settings = new Map<string, Set<string>>();
  readonly #statements: Record<StatementMode, number> = { prepared: 0, extended: 0, simple: 0 };
  readonly #suspicious = new Set<string>();
  /** What each text is: a queue has few, and sends each very often. */
  readonly #kinds = new Map<string, TextKind>();

  /**
   * Looks at a statement that was sent, and counts it when it is `ofJobs`: of a session that claims and settles, or an
   * enqueue. Maintenance is sent otherwise, and often by comparison where a claim takes thousands. Returns whether it was
   * the contender's: false for the reading back itself.
   */
  sent(statement: Statement, ofJobs: boolean): boolean {
    const kind = this.#kinds.get(statement.text) ?? this.#classify(statement.text);
    if (ofJobs && kind === 'job') this.#statements[modeOf(statement)] += 1;
    return kind !== 'reading';
  }

  #classify(text: string): TextKind {
    const kind = text.includes(FAIRNESS_MARK) ? 'reading' : CONTROL.test(text) ? 'control' : 'job';
    if (this.#kinds.size < TEXTS_KEPT) this.#kinds.set(text, kind);
    const said = DURABILITY.test(text) ? withoutComments(text) : '';
    const named = kind !== 'reading' && DURABILITY.test(said) && !LONE_SIGNAL.test(text);
    if (named && this.#suspicious.size < SUSPICIOUS_KEPT)
      this.#suspicious.add(said.replace(/\s+/g, ' ').trim().slice(0, SUSPICIOUS_LENGTH));
    return kind;
  }

  /** Reads a worker's session back, in that session. */
  async read(session: Database, when: 'opening' | 'end'): Promise<void> {
    const found = await readWithin(session, READ_BACK);
    if (found === undefined) return;
    this.#note(found);
    this.#ownCommits += 1;
    if (when === 'opening') this.#sessions += 1;
    else this.#leastPrepared = Math.min(this.#leastPrepared ?? found.prepared, found.prepared);
  }

  /** Reads the sessions of a pool of `size` back, all at once so that each answers for itself. */
  async readPool(pool: Database, size: number, when: 'before the load' | 'end'): Promise<void> {
    const text = when === 'end' ? READ_BACK : READ_BACK_SLOWLY;
    const found = await Promise.all(Array.from({ length: size }, () => readWithin(pool, text)));
    for (const one of found) {
      if (one === undefined) continue;
      this.#note(one);
      if (when === 'end') this.#ownCommits += 1;
      else this.#sessions += 1;
    }
  }

  #note(found: ReadBack): void {
    for (const name of DURABILITY_SETTINGS)
      this.#settings.set(name, (this.#settings.get(name) ?? new Set()).add(found[name]));
    this.#own = { ...this.#own, ...found.own };
  }

  /** What was found so far. */
  report(): SessionsReport {
    return {
      sessions: this.#sessions,
      settings: Object.fromEntries(
        [...this.#settings].map(([name, values]) => [name, [...values].toSorted()]),
      ),
      ...(this.#leastPrepared === undefined ? {} : { leastPrepared: this.#leastPrepared }),
      own: this.#own,
      statements: { ...this.#statements },
      suspicious: [...this.#suspicious],
      ownCommits: this.#ownCommits,
    };
  }
}

/** As every driver decides: a name makes a prepared statement, values the extended protocol, text alone the simple one. */
function modeOf({ name, values }: Statement): StatementMode {
  if (name !== undefined && name !== '') return 'prepared';
  return values !== undefined && values.length > 0 ? 'extended' : 'simple';
}

/** A session that is lost, or busy for ever, must not hold up the end of a load. */
async function readWithin(session: Database, text: string): Promise<ReadBack | undefined> {
  const read = session.query<ReadBack>({ text }).then(
    ({ rows }) => rows[0],
    () => undefined,
  );
  return await Promise.race([read, sleep(READ_WITHIN_MS, undefined, { ref: false })]);
}
