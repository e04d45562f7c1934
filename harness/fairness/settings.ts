// Does a contender run with the settings that it declares? Declared and observed → one row for each setting.

import { median } from '../../stats/spread.ts';
import type { StatementMode } from '../contender.ts';
import type { FairnessRow } from '../result/result.ts';
import type { ClaimReport } from './claim-habits.ts';
import { type DurabilityFacts, durabilityRow } from './durability.ts';

/** What was declared, by the contender and for it by the scenario. */
export interface DeclaredFacts {
  readonly batch: number;
  readonly workerAgents: number;
  /** Of all worker agents together. */
  readonly workerSessions: number;
  /** Of all producer agents together; 0 where nothing is enqueued. */
  readonly producerSessions: number;
  readonly supportSessionsPerAgent: number | undefined;
  readonly pollMs: number | undefined;
  readonly signalled: boolean;
  readonly statementMode: StatementMode | undefined;
}

/** The sessions that the server saw, by whose they are. `unknown` lists names that the contender does not own up to. */
export interface SessionFacts {
  readonly worker: number;
  readonly producer: number;
  readonly support: number;
  readonly unknown: readonly { readonly name: string; readonly sessions: number }[];
}

/** What was observed at the running system. A string in the place of facts says why there are none. */
export interface ObservedFacts {
  /** Whether a backlog was waiting for every claim: nothing arrived, all was preloaded. */
  readonly drain: boolean;
  readonly seconds: number;
  readonly enqueued: number;
  /** Share of the enqueues that waited for one of their producer's connections, 0…1. */
  readonly poolWaitShare: number;
  readonly claims: ClaimReport | string;
  readonly sessions: SessionFacts | string;
  /** Worker sessions that read themselves back: opened at some time, as the contender's own process says. */
  readonly workerSessionsOpened: number;
  readonly durability: DurabilityFacts;
  readonly statements: StatementFacts | string;
}

/** Statements that the agents sent for jobs, and the fewest that the server itself knew as prepared in a worker's session. */
export interface StatementFacts {
  readonly sent: Readonly<Record<StatementMode, number>>;
  readonly leastPrepared: number | undefined;
}

/** A row for every setting that applies, in the order of the tables. */
export function fairnessRows(declared: DeclaredFacts, observed: ObservedFacts): FairnessRow[] {
  return [
    batchRow(declared, observed),
    workerRow(declared, observed),
    ...(declared.producerSessions > 0 ? [producerRow(declared, observed)] : []),
    supportRow(declared, observed),
    pollRow(declared, observed),
    durabilityRow(observed.durability),
    statementRow(declared, observed),
  ];
}

/** Fewer say nothing of a habit. */
const MIN_CLAIMS = 5;
/** Claims of less than half of what was asked for, though more was waiting, are not the batch that was declared. */
const FULL_SHARE = 0.5;
/** A worker with a prefetch asks for what fits. Below a tenth of the declared batch that is no batch any more. */
const ASKED_SHARE = 0.1;

/**
 * Judged by what claims returned, and only where a backlog was waiting. A claim that asked for less, since the rest of a
 * batch was still in its worker's hands, is held to what it asked for.
 */
function batchRow({ batch }: DeclaredFacts, { claims, drain }: ObservedFacts): FairnessRow {
  const row = { setting: 'batch', declared: batch } as const;
  if (typeof claims === 'string') return { ...row, verdict: 'not observed', why: claims };
  const most = Math.max(claims.maxJobs, claims.asked.max);
  if (most > batch)
    return {
      ...row,
      effective: most,
      verdict: 'differs',
      note: `a claim was for ${most} jobs: more than declared`,
    };
  if (!drain)
    return { ...row, verdict: 'not observed', why: 'no backlog was waiting: claims return what has arrived' };
  if (claims.claims < MIN_CLAIMS)
    return { ...row, verdict: 'not observed', why: `only ${claims.claims} claims returned jobs` };
  const mean = claims.jobs / claims.claims;
  const asked = claims.asked.claims === 0 ? batch : claims.asked.jobs / claims.asked.claims;
  const said = `mean of ${claims.claims} claims, ${claims.maxJobs} at most, ${round(asked)} asked for on average`;
  const full = mean >= Math.min(batch, asked) * FULL_SHARE;
  const meant = claims.asked.claims === 0 || (claims.asked.max === batch && asked >= batch * ASKED_SHARE);
  return { ...row, effective: round(mean), verdict: full && meant ? 'matches' : 'differs', note: said };
}

function workerRow(declared: DeclaredFacts, observed: ObservedFacts): FairnessRow {
  const row = { setting: 'connections', declared: declared.workerSessions } as const;
  const { sessions } = observed;
  if (typeof sessions === 'string') return { ...row, verdict: 'not observed', why: sessions };
  const { worker } = sessions;
  if (worker === declared.workerSessions) return { ...row, effective: worker, verdict: 'matches' };
  if (worker < declared.workerSessions && observed.workerSessionsOpened >= declared.workerSessions)
    return { ...row, verdict: 'not observed', why: `${worker} were left when sessions were counted` };
  return { ...row, effective: worker, verdict: 'differs' };
}

/** Above this the producers wanted connections that they did not have. */
const POOL_WAITS = 0.01;

/** A pool closes what it does not need: fewer sessions are a mismatch only where enqueues waited for one. */
function producerRow(declared: DeclaredFacts, { sessions, poolWaitShare }: ObservedFacts): FairnessRow {
  const row = { setting: 'producerConnections', declared: declared.producerSessions } as const;
  if (typeof sessions === 'string') return { ...row, verdict: 'not observed', why: sessions };
  const { producer } = sessions;
  const spare = producer < declared.producerSessions && poolWaitShare <= POOL_WAITS;
  return {
    ...row,
    effective: producer,
    verdict: producer === declared.producerSessions || spare ? 'matches' : 'differs',
    ...(spare ? { note: 'connections that no enqueue waited for were closed' } : {}),
  };
}

/** Maintenance, listening and whatever else holds a session beside the workers' own: declared as an upper bound. */
function supportRow(declared: DeclaredFacts, { sessions }: ObservedFacts): FairnessRow {
  const row = { setting: 'otherConnections' } as const;
  const perAgent = declared.supportSessionsPerAgent;
  const allowed = perAgent === undefined ? undefined : perAgent * declared.workerAgents;
  const said = allowed === undefined ? row : { ...row, declared: allowed };
  if (typeof sessions === 'string') return { ...said, verdict: 'not observed', why: sessions };
  const unknown = sessions.unknown.reduce((sum, one) => sum + one.sessions, 0);
  const effective = sessions.support + unknown;
  const names = sessions.unknown.map((one) => `${one.sessions} × "${one.name}"`).join(', ');
  const note = unknown === 0 ? {} : { note: `sessions that are nobody's: ${names}` };
  if (allowed === undefined) return { ...said, effective, verdict: 'not declared', ...note };
  return { ...said, effective, verdict: effective > allowed || unknown > 0 ? 'differs' : 'matches', ...note };
}

const MIN_GAPS = 10;
const FASTER = 0.8;
/** Claims of a session that neither its poll nor a signal explains: its first, one after an error, one at the end. */
const SLACK_PER_SESSION = 5;
const SLACK = 20;

/**
 * Only faster than declared is a mismatch, by more than a fifth. A session is woken by signals, and by a sibling that found a
 * full batch, so an early claim accuses nobody; there are only so many of those, and what goes beyond them must be polls.
 */
function pollRow(declared: DeclaredFacts, { claims, enqueued, seconds }: ObservedFacts): FairnessRow {
  const { pollMs, signalled, workerAgents, workerSessions } = declared;
  const row = { setting: 'pollMs' } as const;
  const gaps = typeof claims === 'string' || claims.quietGapsUs.length < MIN_GAPS ? [] : claims.quietGapsUs;
  const gapUs = median(gaps);
  if (pollMs === undefined) {
    return gapUs === undefined
      ? { ...row, verdict: 'not observed', why: 'no session was idle for long' }
      : { ...row, effective: round(gapUs / 1000), verdict: 'not declared' };
  }
  const said = { ...row, declared: pollMs };
  if (typeof claims === 'string') return { ...said, verdict: 'not observed', why: claims };
  // A signal wakes one session of each agent, and has every other one ask again whose claim was under way when it came.
  const signals = signalled ? (enqueued + workerAgents) * workerSessions : 0;
  const polls = (workerSessions * seconds * 1000) / (pollMs * FASTER);
  const explained = signals + claims.claims + polls + workerSessions * SLACK_PER_SESSION + SLACK;
  if (claims.emptyClaims > explained) {
    const ms = (workerSessions * seconds * 1000) / claims.emptyClaims;
    return {
      ...said,
      effective: round(gapUs === undefined ? ms : gapUs / 1000),
      verdict: 'differs',
      note: `${claims.emptyClaims} empty claims; polls and wake-ups explain at most ${Math.round(explained)}`,
    };
  }
  if (gapUs !== undefined && gapUs / 1000 >= pollMs * FASTER)
    return { ...said, effective: round(gapUs / 1000), verdict: 'matches' };
  return {
    ...said,
    verdict: 'not observed',
    why:
      claims.emptyClaims === 0
        ? 'no session was ever idle'
        : 'idle sessions were woken by work before their poll was due',
  };
}

/** Signals and set-up are sent otherwise than jobs, now and then. */
const MODE_SHARE = 0.9;
/** Of fewer those are too large a part. */
const MIN_STATEMENTS = 200;

function statementRow({ statementMode }: DeclaredFacts, { statements }: ObservedFacts): FairnessRow {
  const row = {
    setting: 'statementMode',
    ...(statementMode === undefined ? {} : { declared: statementMode }),
  } as const;
  if (typeof statements === 'string') return { ...row, verdict: 'not observed', why: statements };
  const { sent, leastPrepared } = statements;
  const all = sent.prepared + sent.extended + sent.simple;
  if (all < MIN_STATEMENTS)
    return { ...row, verdict: 'not observed', why: `only ${all} statements were sent for jobs` };
  const share = (mode: StatementMode) => sent[mode] / all;
  const modes = (['prepared', 'extended', 'simple'] as const).filter((mode) => share(mode) > 0);
  const main = modes.find((mode) => share(mode) >= MODE_SHARE);
  // The server's own word outweighs the client's: a name that it does not keep is no prepared statement.
  const forgotten = main === 'prepared' && leastPrepared === 0;
  const effective = forgotten ? 'extended' : (main ?? 'mixed');
  const shares = modes.map((mode) => `${(share(mode) * 100).toFixed(1)} % ${mode}`).join(', ');
  const kept =
    leastPrepared === undefined
      ? ''
      : `; the server kept ${leastPrepared} or more prepared in each worker session`;
  return {
    ...row,
    effective,
    verdict:
      statementMode === undefined ? 'not declared' : effective === statementMode ? 'matches' : 'differs',
    note: `${shares}${forgotten ? '; the server kept none of them prepared' : kept}`,
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
