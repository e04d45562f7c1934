// What did a cell's contender declare, and what was seen of it? Gathers both for the fairness check.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isOfNetwork } from '../../scenarios/fault.ts';
import { preloadedJobs, type Scenario, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { Contender, SessionRole, SessionsReport } from '../contender.ts';
import { endsSessions } from '../faults/outages.ts';
import { frontConnections } from '../http/scenario.ts';
import type { Load } from '../load/load.ts';
import type { Cell } from '../result/result.ts';
import type { CellDatabase } from '../server/server.ts';
import type { ServerAccount } from '../telemetry/server-watch.ts';
import type { CellPooler } from '../topology/pooler.ts';
import { togetherClaimed } from './claim-habits.ts';
import { SessionCount, type SessionsSeen, type StoredFacts } from './reading.ts';
import { type DeclaredFacts, fairnessRows, type ObservedFacts, type SessionFacts } from './settings.ts';

/** What the server said for the fairness check. All of it absent for a contender without a database. */
export interface ServerReadings {
  /** Settings of durability as the run found them. */
  readonly found: Readonly<Record<string, string>> | undefined;
  readonly sessions: SessionsSeen | undefined;
  readonly stored: StoredFacts | undefined;
}

/** The part of a contender that is known before the load. */
type Known = Pick<Contender, 'declared' | 'sessionRole'>;

/** A count of the sessions about the middle of a load, before its first fault: `start` it when the load starts. */
export interface SessionCounting extends AsyncDisposable {
  start(): void;
  stop(): Promise<SessionsSeen | undefined>;
}

/**
 * Behind a pooler its clients are counted. Nothing is counted without a database, nor for a contender that does not say which sessions are whose.
 */
export function countSessions(
  scenario: Scenario,
  database: CellDatabase | undefined,
  contender: Known,
  pooler?: CellPooler,
): SessionCounting {
  const { sessionRole } = contender;
  if (database === undefined || sessionRole === undefined) {
    return { start: () => undefined, stop: async () => undefined, async [Symbol.asyncDispose]() {} };
  }
  const wanted = scenario.workers.agents * scenario.workers.connections;
  const count = new SessionCount(database, (byName) => rolesOf(byName, sessionRole).worker >= wanted, pooler);
  // Only what hurts workers, or cuts them off, takes sessions away.
  const hurt = scheduledFaults(scenario).filter(
    (one) =>
      one.fault === 'kill-worker' || one.fault === 'stall-worker' || isOfNetwork(one) || endsSessions(one),
  );
  const untilSeconds = Math.min(totalSeconds(scenario), ...hurt.map((fault) => fault.atSeconds));
  return {
    start: () => count.start((untilSeconds * 1000) / 2),
    stop: () => count.stop(),
    [Symbol.asyncDispose]: () => count[Symbol.asyncDispose](),
  };
}

function rolesOf(
  byName: ReadonlyMap<string, number>,
  sessionRole: (name: string) => SessionRole | undefined,
): SessionFacts {
  const sum = (role: SessionRole) =>
    [...byName].reduce((total, [name, sessions]) => total + (sessionRole(name) === role ? sessions : 0), 0);
  return {
    worker: sum('worker'),
    producer: sum('producer'),
    support: sum('support'),
    unknown: [...byName]
      .filter(([name]) => sessionRole(name) === undefined)
      .map(([name, sessions]) => ({ name, sessions })),
  };
}

/** The account without the commits that reading back has added to the load's own. */
export function withoutReading(server: ServerAccount, load: Load, read: ServerReadings): ServerAccount {
  const own = sessionReports(load).reduce((sum, one) => sum + one.ownCommits, read.sessions?.ownCommits ?? 0);
  const { spent } = server;
  return spent?.commits === undefined
    ? server
    : { ...server, spent: { ...spent, commits: Math.max(0, spent.commits - own) } };
}

function sessionReports(load: Load, role?: 'producer' | 'worker'): SessionsReport[] {
  return load.agents
    .filter((agent) => role === undefined || agent.role === role)
    .flatMap((agent) => agent.report?.sessions ?? []);
}

type Settings = Cell['contender']['effective'];

/** Declared and effective settings of the cell, and a row for each that is compared. */
export function fairnessOf(
  plan: CellPlan,
  contender: Known,
  load: Load,
  read: ServerReadings,
): {
  readonly declared: Settings;
  readonly effective: Settings;
  readonly rows: NonNullable<Cell['fairness']>;
} {
  const declared = declaredFacts(plan.scenario, contender);
  const observed = observedFacts(plan.scenario, contender, load, read);
  return {
    declared: present({
      ...contender.declared.others,
      batch: declared.batch,
      workerConnections: declared.workerSessions,
      producerConnections: declared.producerSessions === 0 ? undefined : declared.producerSessions,
      pollMs: declared.pollMs,
      statementMode: declared.statementMode,
    }),
    effective: present({ ...fileOf(plan), ...effectiveOf(observed) }),
    rows: fairnessRows(declared, observed),
  };
}

function declaredFacts(scenario: Scenario, { declared }: Known): DeclaredFacts {
  const { workers } = scenario;
  const enqueues = scenario.phases.some((phase) => phase.arrival !== undefined);
  return {
    batch: declared.batch,
    workerAgents: workers.agents,
    workerSessions: workers.agents * workers.connections,
    producerSessions: enqueues ? producerSessions(scenario) : 0,
    supportSessionsPerAgent: declared.supportSessions,
    pollMs: declared.pollMs,
    signalled: declared.signalled ?? false,
    statementMode: declared.statementMode,
  };
}

/** Over HTTP it is the front that enqueues. */
function producerSessions(scenario: Scenario): number {
  const { producers } = scenario;
  return producers.http === undefined ? producers.agents * producers.connections : frontConnections(scenario);
}

function observedFacts(
  scenario: Scenario,
  { sessionRole }: Known,
  load: Load,
  { found, sessions, stored }: ServerReadings,
): ObservedFacts {
  const counters = load.agents.map((agent) => agent.report?.counters ?? agent.live);
  const sent = counters.reduce((sum, one) => sum + one.sent, 0);
  const claims = load.agents.flatMap((agent) => agent.report?.claims ?? []);
  const reports = sessionReports(load);
  const workers = sessionReports(load, 'worker');
  const byName = sessions?.byName;
  return {
    drain: preloadedJobs(scenario) > 0 && scenario.phases.every((phase) => phase.arrival === undefined),
    seconds: load.totalSeconds,
    enqueued: counters.reduce((sum, one) => sum + one.enqueued, 0),
    poolWaitShare: sent === 0 ? 0 : counters.reduce((sum, one) => sum + one.poolWaits, 0) / sent,
    claims: claims.length === 0 ? 'no worker lived to tell' : togetherClaimed(claims),
    sessions:
      byName === undefined || sessionRole === undefined
        ? (sessions?.why ?? 'the contender has no database, or does not say which sessions are whose')
        : rolesOf(byName, sessionRole),
    workerSessionsOpened: workers.reduce((sum, one) => sum + one.sessions, 0),
    durability: {
      found,
      sessions: mergedSettings(reports),
      unlogged: stored?.unlogged ?? [],
      suspicious: [
        ...new Set(reports.flatMap((one) => one.suspicious)),
        ...(stored?.suspiciousFunctions ?? []).map((text) => `function ${text}`),
      ],
    },
    statements:
      reports.length === 0
        ? 'the contender does not show its statements'
        : { sent: statementsOf(reports), leastPrepared: leastOf(workers.map((one) => one.leastPrepared)) },
  };
}

function mergedSettings(reports: readonly SessionsReport[]): Record<string, string[]> {
  const names = new Set(reports.flatMap((one) => Object.keys(one.settings)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      [...new Set(reports.flatMap((one) => one.settings[name] ?? []))].toSorted(),
    ]),
  );
}

function statementsOf(reports: readonly SessionsReport[]): SessionsReport['statements'] {
  const sum = (mode: keyof SessionsReport['statements']) =>
    reports.reduce((total, one) => total + one.statements[mode], 0);
  return { prepared: sum('prepared'), extended: sum('extended'), simple: sum('simple') };
}

function leastOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function effectiveOf({
  claims,
  sessions,
  durability,
}: ObservedFacts): Record<string, Settings[string] | undefined> {
  const claimed = typeof claims === 'string' || claims.claims === 0 ? undefined : claims;
  const seen = typeof sessions === 'string' ? undefined : sessions;
  const unknown = seen?.unknown.reduce((sum, one) => sum + one.sessions, 0) ?? 0;
  return {
    meanJobsPerClaim: claimed && Math.round((claimed.jobs / claimed.claims) * 100) / 100,
    maxJobsPerClaim: claimed?.maxJobs,
    meanJobsAsked:
      claimed && claimed.asked.claims > 0
        ? Math.round((claimed.asked.jobs / claimed.asked.claims) * 100) / 100
        : undefined,
    workerConnections: seen?.worker,
    producerConnections: seen === undefined || seen.producer === 0 ? undefined : seen.producer,
    otherConnections: seen && seen.support + unknown,
    ...Object.fromEntries(
      Object.entries(durability.sessions).map(([name, values]) => [camel(name), values.join(', ')]),
    ),
    unloggedTables: durability.unlogged.length === 0 ? undefined : durability.unlogged.join(', '),
  };
}

/** So that two bundles of one path can be told apart. Of the file alone: what it imports is not in it. */
function fileOf({ contender: { source } }: CellPlan): Record<string, string> {
  if (source.kind !== 'file') return {};
  return { strategySha256: createHash('sha256').update(readFileSync(source.path)).digest('hex') };
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function present(settings: Record<string, Settings[string] | undefined>): Settings {
  return Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, Settings[string]] => entry[1] !== undefined),
  );
}
