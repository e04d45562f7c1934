// Which costs are not the jobs' alone, because another load was on the same server?

import type { CostDifference } from './server-costs.ts';
import type { ServerAccount } from './server-watch.ts';

/** An amount of the account. */
export type CostName = Exclude<keyof CostDifference, 'missing'>;

/** Another load that the scenario itself brings, and what the server counts of it together with the jobs. */
export interface SharedCosts {
  /** As a reader of the reason knows it: the name of a fault, `the bystander`. */
  readonly by: string;
  readonly costs: readonly CostName[];
}

/** All but what is counted by the contender's own tables: of a load that reads and writes. */
export const OF_THE_WHOLE_SERVER: readonly CostName[] = [
  'walBytes',
  'walFpiBytes',
  'commits',
  'buffers',
  'deadTuples',
  'functionCalls',
  'statements',
  'plans',
  'serverCpuUs',
];

/** How reports call them; those of one name go together. */
const WORDS: Readonly<Record<CostName, string>> = {
  walBytes: 'WAL',
  walFpiBytes: 'WAL',
  commits: 'commits',
  buffers: 'buffers',
  deadTuples: 'dead tuples',
  updates: 'HOT updates',
  hotUpdates: 'HOT updates',
  rowsRead: 'rows read',
  functionCalls: 'function calls',
  statements: 'statements',
  plans: 'plans',
  serverCpuUs: 'server CPU',
};

/** The account without what another load shares: absent, with the reason among the notes and in what telemetry misses. */
export function withoutShared(server: ServerAccount, shared: readonly SharedCosts[]): ServerAccount {
  const { spent, telemetry } = server;
  if (spent === undefined) return server;
  const left = { ...spent };
  const reasons = new Set<string>();
  for (const { by, costs } of shared) {
    const gone = costs.filter((cost) => spent[cost] !== undefined);
    for (const cost of gone) delete left[cost];
    const words = [...new Set(gone.map((cost) => WORDS[cost]))];
    if (words.length > 0)
      reasons.add(`${words.join(', ')} per job: the server counted those of ${by} with them`);
  }
  return {
    ...server,
    spent: left,
    notes: [...server.notes, ...[...reasons].map((reason) => `not measured: ${reason}`)],
    telemetry: telemetry && { ...telemetry, missing: [...telemetry.missing, ...reasons] },
  };
}
