// Which plans did a cell's statements run with? Asks how they can be seen, and puts together what the agents saw.

import pg from 'pg';

import type { PlanReport, PlanSampling } from '../contender.ts';
import { oneLine } from '../errors.ts';
import type { Plan } from '../result.ts';
import { withConnection } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { firstWords, shapeOf } from './plan-shape.ts';

const NAME = { applicationName: 'claimbench plans', queryTimeoutMs: 5_000 } as const;
const SHAPES_OF_CELL = 200;

/** How plans can be seen in a database, and what is lacking. */
export interface PlanAccess {
  readonly sampling: PlanSampling;
  readonly missing: readonly string[];
}

/**
 * auto_explain in the load's own sessions, sent to the client as INFO: that level reaches it whatever
 * client_min_messages says, and no server log. Timing of nodes stays off, and so do the values of parameters.
 */
function sessionOptions(version: number): string {
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_level': 'info',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_settings': 'on',
    'auto_explain.log_analyze': 'off',
    'auto_explain.sample_rate': '1',
    ...(version >= 160_000 ? { 'auto_explain.log_parameter_max_length': '0' } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

/** Tries out whether a session may load auto_explain by its options. Never throws: plans are no ground to void a cell. */
export async function planAccess(connection: ConnectionSettings): Promise<PlanAccess> {
  try {
    const version = await withConnection(connection, NAME, async (client) => {
      const { rows } = await client.query<{ version: number }>(
        `SELECT current_setting('server_version_num')::int AS version`,
      );
      return rows[0]?.version ?? 0;
    });
    const options = sessionOptions(version);
    await trySession(connection, options);
    return { sampling: { sessionOptions: options }, missing: [] };
  } catch (error) {
    return {
      sampling: {},
      missing: [`plans as they ran: auto_explain cannot be loaded (${oneLine(error)}); explained afterwards`],
    };
  }
}

async function trySession(connection: ConnectionSettings, options: string): Promise<void> {
  const client = new pg.Client({
    ...connection,
    application_name: NAME.applicationName,
    options,
    connectionTimeoutMillis: NAME.queryTimeoutMs,
    query_timeout: NAME.queryTimeoutMs,
  });
  client.on('error', () => {});
  let plans = 0;
  client.on('notice', ({ message }) => {
    if (message?.includes('plan:') === true) plans += 1;
  });
  try {
    await client.connect();
    await client.query('SELECT 1');
    if (plans === 0) throw new Error('a session that loaded it sent no plan');
  } finally {
    await client.end().catch(() => {});
  }
}

/** What one agent saw, and as what it worked. */
export interface RolePlans {
  readonly role: Plan['role'];
  readonly report: PlanReport | undefined;
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
 * Plans of the statements that agents prepared, in a session of the harness: the generic plan of each, under the
 * planner settings that the agents' sessions had, and on the tables as the load left them. Never throws.
 */
export async function explainAfterwards(
  cell: string,
  connection: ConnectionSettings,
  agents: readonly RolePlans[],
): Promise<{ readonly plans: readonly Plan[]; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  const plans: Plan[] = [];
  for (const role of ['producer', 'worker'] as const) {
    const reports = agents.flatMap((agent) => (agent.role === role ? (agent.report ?? []) : []));
    const setup = new Map(reports.flatMap((r) => r.setup).map((s) => [s.text, s]));
    const statements = [...new Set(reports.flatMap((r) => r.statements))];
    if (statements.length === 0) continue;
    try {
      await withConnection(connection, NAME, async (client) => {
        await client.query('SET plan_cache_mode = force_generic_plan');
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        for (const { text, values } of setup.values()) {
          // A setting that is made for one process only is made for ours.
          const own = text.includes('pg_backend_pid()') ? values.map(() => rows[0]?.pid) : [...values];
          await client.query(text, own);
        }
        for (const [i, query] of statements.entries()) {
          const plan = await explain(client, `claimbench_plan_${i}`, query, missing);
          if (plan === undefined) continue;
          const how = 'explained afterwards';
          plans.push({ cell, role, statement: firstWords(query), query: query.trim(), how, seen: 0, plan });
        }
      });
    } catch (error) {
      missing.push(`plans of the ${role}: ${oneLine(error)}`);
    }
  }
  return { plans, missing };
}

/** Nothing is executed. A generic plan does not depend on the values, so NULL stands for each. */
async function explain(
  client: pg.Client,
  name: string,
  query: string,
  missing: string[],
): Promise<string | undefined> {
  try {
    await client.query(`PREPARE ${name} AS ${query}`);
    const { rows } = await client.query<{ parameters: number }>(
      'SELECT cardinality(parameter_types) AS parameters FROM pg_prepared_statements WHERE name = $1',
      [name],
    );
    const nulls = Array.from({ length: rows[0]?.parameters ?? 0 }, () => 'NULL').join(', ');
    const explained = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (SETTINGS) EXECUTE ${name}${nulls === '' ? '' : ` (${nulls})`}`,
    );
    return explained.rows.map((row) => row['QUERY PLAN']).join('\n');
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    missing.push(`plan of ${firstWords(query)}: ${oneLine(error)}`);
    return undefined;
  }
}
