// Which plans did a cell's statements run with? Asks how they can be seen, and puts together what the agents saw.

import pg from 'pg';

import { pgDriver } from '../../queue/index.ts';
import type { PlanReport, PlanSampling, SessionsReport } from '../contender.ts';
import { oneLine } from '../errors.ts';
import type { Plan } from '../result/result.ts';
import { withConnection } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { PlanCollector } from './plan-collector.ts';
import { firstWords, shapeOf } from './plan-shape.ts';

const NAME = { applicationName: 'claimbench plans', queryTimeoutMs: 5_000 } as const;
const SHAPES_OF_CELL = 200;
/** A plan costs the server 10 to 20 µs and the client as much again: at this rate far below a thousandth of a job. */
const SAMPLE_RATE = '0.002';

/** How plans can be seen in a database, and what is lacking. */
export interface PlanAccess {
  readonly sampling: PlanSampling;
  readonly missing: readonly string[];
}

interface ServerFacts {
  readonly version: number;
  /** As they are for this role in this database; null where the role may not see them. */
  readonly session: string | null;
  readonly shared: string | null;
  readonly log: string;
}

const FACTS = `
SELECT current_setting('server_version_num')::int AS version, current_setting('log_min_messages') AS log,
       (SELECT setting FROM pg_settings WHERE name = 'session_preload_libraries') AS session,
       (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries') AS shared`;

const LOADS_IT = /(^|[,"/\s])auto_explain("|\s|,|$)/;

/** What is preloaded in any case stays so: a library may change how the contender's statements run. */
function preloaded({ session, shared }: ServerFacts): { readonly session_preload_libraries?: string } {
  if (session === null || shared === null)
    throw new Error('permission denied to see which libraries are preloaded');
  if (LOADS_IT.test(session) || LOADS_IT.test(shared)) return {};
  return { session_preload_libraries: [session, 'auto_explain'].filter((one) => one !== '').join(', ') };
}

/**
 * auto_explain in the load's own sessions, sent to the client as INFO: that level reaches it whatever
 * client_min_messages says, and the server's log only where log_min_messages is that low, too. Timing of nodes stays
 * off, and so do the values of parameters. Whatever the server's owner has set auto_explain to is set back.
 */
function sessionOptions(facts: ServerFacts): string {
  const settings = {
    ...preloaded(facts),
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_level': 'info',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_settings': 'on',
    'auto_explain.log_analyze': 'off',
    'auto_explain.log_buffers': 'off',
    'auto_explain.log_wal': 'off',
    'auto_explain.log_triggers': 'off',
    'auto_explain.log_verbose': 'off',
    'auto_explain.log_format': 'text',
    'auto_explain.sample_rate': SAMPLE_RATE,
    ...(facts.version >= 160_000 ? { 'auto_explain.log_parameter_max_length': '0' } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`)
    .join(' ');
}

/** Tries out whether a session may load auto_explain by its options. Never throws: plans are no ground to void a cell. */
export async function planAccess(connection: ConnectionSettings): Promise<PlanAccess> {
  try {
    const { rows } = await withConnection(connection, NAME, (client) => client.query<ServerFacts>(FACTS));
    const [facts] = rows;
    if (facts === undefined) throw new Error('the server says nothing of itself');
    const options = sessionOptions(facts);
    await trySession(connection, options);
    const logged = /^(info|debug)/.test(facts.log);
    const log = `plans are written to the server's log as well, as its log_min_messages is ${facts.log}`;
    return { sampling: { sessionOptions: options }, missing: logged ? [log] : [] };
  } catch (error) {
    return {
      sampling: {},
      missing: [`plans as they ran: auto_explain cannot be loaded (${oneLine(error)}); explained afterwards`],
    };
  }
}

async function trySession(connection: ConnectionSettings, options: string): Promise<void> {
  const collector = new PlanCollector({
    sessionOptions: `${options} -c statement_timeout=${NAME.queryTimeoutMs}`,
  });
  await using driver = pgDriver({
    ...connection,
    applicationName: NAME.applicationName,
    connectTimeoutMs: NAME.queryTimeoutMs,
    ...collector.driverOptions(),
  });
  await driver.query({ text: 'SELECT 1' });
  if (collector.report().plans.length === 0) throw new Error('a session that loaded it sent no plan');
}

/** What one agent saw, as what it worked, and what its sessions had set for themselves. */
export interface RolePlans {
  readonly role: Plan['role'];
  readonly report: PlanReport | undefined;
  readonly own?: SessionsReport['own'] | undefined;
}

/** Plans of all agents, merged by role, statement and shape; in the order in which they were first seen. */
export function mergePlans(cell: string, agents: readonly RolePlans[], startUs: number): Plan[] {
  const merged = new Map<string, Plan & { firstSeconds: number; lastSeconds: number }>();
  for (const { role, report } of agents) {
    for (const { query, plan, seen, firstUs, lastUs } of report?.plans ?? []) {
      const key = `${role}\n${query}\n${shapeOf(plan)}`;
      const [first, last] = [seconds(firstUs - startUs), seconds(lastUs - startUs)];
      const known = merged.get(key);
      if (known === undefined && merged.size >= SHAPES_OF_CELL) continue;
      const earlier = known !== undefined && known.firstSeconds <= first;
      merged.set(key, {
        cell,
        role,
        statement: firstWords(query),
        query,
        how: 'auto_explain',
        seen: seen + (known?.seen ?? 0),
        firstSeconds: earlier ? known.firstSeconds : first,
        lastSeconds: Math.max(last, known?.lastSeconds ?? last),
        plan: earlier ? known.plan : plan,
      });
    }
  }
  // What ended before the load is the opening of connections.
  const ran = [...merged.values()].filter((plan) => plan.lastSeconds >= 0);
  return ran.toSorted((a, b) => a.firstSeconds - b.firstSeconds);
}

function seconds(us: number): number {
  return Math.round(us / 1000) / 1000;
}

/**
 * Plans of the statements that agents prepared, in a session of the harness: the generic plan of each, under what the
 * agents' sessions had set for themselves. To be called when all else of the cell is done: of a contender's text nothing
 * is executed, and its functions, which the planner may call, find a transaction that cannot write. Never throws.
 */
export async function explainAfterwards(
  cell: string,
  connection: ConnectionSettings,
  agents: readonly RolePlans[],
): Promise<{ readonly plans: readonly Plan[]; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  const plans: Plan[] = [];
  for (const role of ['producer', 'worker'] as const) {
    const ours = agents.filter((agent) => agent.role === role);
    const statements = [...new Set(ours.flatMap((agent) => agent.report?.statements ?? []))];
    const settings = Object.assign({}, ...ours.map((agent) => agent.own)) as Record<string, string>;
    if (statements.length === 0) continue;
    try {
      await withConnection(connection, NAME, async (client) => {
        const problems = new Problems(client, missing);
        await client.query('BEGIN READ ONLY');
        for (const [name, value] of Object.entries(settings))
          await problems.attempt(`setting ${name}`, () => setLocally(client, name, value));
        await setLocally(client, 'statement_timeout', String(NAME.queryTimeoutMs));
        await setLocally(client, 'plan_cache_mode', 'force_generic_plan');
        for (const [i, query] of statements.entries()) {
          const plan = await problems.attempt(`plan of ${firstWords(query)}`, () =>
            explain(client, `claimbench_plan_${i}`, query),
          );
          if (plan === undefined) continue;
          const how = 'explained afterwards';
          plans.push({ cell, role, statement: firstWords(query), query: query.trim(), how, seen: 0, plan });
        }
        await client.query('ROLLBACK');
      });
    } catch (error) {
      missing.push(`plans of the ${role}: ${oneLine(error)}`);
    }
  }
  return { plans, missing };
}

async function setLocally(client: pg.Client, name: string, value: string): Promise<void> {
  await client.query('SELECT set_config($1, $2, true)', [name, value]);
}

/** Past a statement's deadline something holds what the others need as well. */
const DEADLINE = '57014';

/** Work within one transaction, parts of which may fail: each becomes a note. */
class Problems {
  readonly #client: pg.Client;
  readonly #missing: string[];

  constructor(client: pg.Client, missing: string[]) {
    this.#client = client;
    this.#missing = missing;
  }

  async attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    await this.#client.query('SAVEPOINT attempt');
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code === DEADLINE) throw error;
      this.#missing.push(`${what}: ${oneLine(error)}`);
      await this.#client.query('ROLLBACK TO attempt');
      return undefined;
    }
  }
}

/**
 * A generic plan does not depend on the values, so NULL stands for each. The text goes by the extended protocol, which
 * takes one statement: in a simple query, `SELECT 1; COMMIT; DELETE …` would be prepared up to its first semicolon, and
 * then run.
 */
async function explain(client: pg.Client, name: string, query: string): Promise<string> {
  const prepare: pg.QueryConfig & { readonly queryMode: 'extended' } = {
    text: `PREPARE ${name} AS ${query}`,
    queryMode: 'extended',
  };
  await client.query(prepare);
  const { rows } = await client.query<{ parameters: number }>(
    'SELECT cardinality(parameter_types) AS parameters FROM pg_prepared_statements WHERE name = $1',
    [name],
  );
  const nulls = Array.from({ length: rows[0]?.parameters ?? 0 }, () => 'NULL').join(', ');
  const explained = await client.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (SETTINGS) EXECUTE ${name}${nulls === '' ? '' : ` (${nulls})`}`,
  );
  return explained.rows.map((row) => row['QUERY PLAN']).join('\n');
}
