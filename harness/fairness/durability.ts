// Would what a contender confirmed have survived a crash, as its own sessions and tables say?

import { isDurable } from '../measure/environment.ts';
import type { FairnessRow } from '../result/result.ts';

/** What was found of one contender's durability. */
export interface DurabilityFacts {
  /** Settings of the server as the run found them; absent without a database. */
  readonly found: Readonly<Record<string, string>> | undefined;
  /** Every value that any session of its workers and producers had, by setting; empty when none was read. */
  readonly sessions: Readonly<Record<string, readonly string[]>>;
  /** Its tables that a crash would empty. */
  readonly unlogged: readonly string[];
  /** Statements and functions that name a setting of durability. */
  readonly suspicious: readonly string[];
}

/** `off` as the value of synchronous_commit, in any of the ways to write it into a statement. */
const SWITCHED_OFF = /synchronous_commit\b["'\s]*(?:,|=|\bto\b)?\s*["']?(?:off|false|no|0|f|n)\b/i;

/**
 * The server as found is the yardstick: where its owner gave durability up, a contender is not blamed for it. One that is
 * weaker than its server differs, whether by session, by role or database, or by table.
 */
export function durabilityRow(facts: DurabilityFacts): FairnessRow {
  const { found, sessions, unlogged, suspicious } = facts;
  const row = { setting: 'durability' } as const;
  if (found === undefined) return { ...row, verdict: 'not observed', why: 'there is no database' };
  const said = { ...row, declared: isDurable(found) ? 'durable' : 'not durable, as the server' };
  const weak = weakerThan(found, sessions);
  const off = suspicious.filter((text) => SWITCHED_OFF.test(text));
  const problems = [
    ...weak,
    ...(unlogged.length > 0 ? [`UNLOGGED: ${unlogged.join(', ')}`] : []),
    ...off.map((text) => `switched off by: ${text}`),
  ];
  if (problems.length > 0)
    return { ...said, effective: 'not durable', verdict: 'differs', note: problems.join('; ') };
  if (Object.keys(sessions).length === 0)
    return { ...said, verdict: 'not observed', why: 'no session of the contender could be read' };
  const unclear = suspicious.filter((text) => !off.includes(text));
  return {
    ...said,
    effective: said.declared,
    verdict: 'matches',
    ...(unclear.length === 0 ? {} : { note: `not judged, but names a setting: ${unclear.join('; ')}` }),
  };
}

/** From the weakest to the strongest: what a commit waits for. */
const COMMITS = ['off', 'local', 'remote_write', 'on', 'remote_apply'];

/**
 * Values that a session had which would not be durable where the server's own would. Where commits wait for a standby, one
 * that waits for less than the server's own is lost with the machine, though not with its process.
 */
function weakerThan(
  found: Readonly<Record<string, string>>,
  sessions: Readonly<Record<string, readonly string[]>>,
): string[] {
  const sound = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };
  return Object.entries(sessions).flatMap(([name, values]) => {
    const gaveUp = (value: string) => !isDurable({ ...sound, [name]: value });
    const own = found[name] ?? 'on';
    if (gaveUp(own)) return [];
    const waits = name === 'synchronous_commit' && (found['synchronous_standby_names'] ?? '') !== '';
    const less = (value: string) => waits && COMMITS.indexOf(value) < COMMITS.indexOf(own);
    return values
      .filter((value) => gaveUp(value) || less(value))
      .map((value) => `${name} ${value} in a session`);
  });
}
