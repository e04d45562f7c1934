// How does one cell come to its plans? From before its agents start until they have told what they saw.

import type { Target } from '../contender.ts';
import type { Load } from '../load/load.ts';
import type { Plan } from '../result/result.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { explainAfterwards, mergePlans, type PlanAccess, planAccess } from './plans.ts';

/** Plans of a cell, and what is lacking. */
export interface CellPlans {
  readonly plans: readonly Plan[];
  readonly missing: readonly string[];
}

const THROUGH_A_POOLER: PlanAccess = {
  sampling: {},
  missing: [
    'plans as they were run: a pooler stood between; asked for afterwards are those of statements that it kept prepared',
  ],
};

/** Follows one cell: `access` before the agents are told their target, `end` when they have gone and the books are balanced. Never throws. */
export class PlanWatch {
  readonly #connection: ConnectionSettings | undefined;
  #access: PlanAccess | undefined;

  /** Without a connection no plans are asked for. */
  constructor(connection: ConnectionSettings | undefined) {
    this.#connection = connection;
  }

  /** The part of the agents' target that lets plans be seen. `pooled`: through a pooler, which passes no session options on. */
  async access(pooled = false): Promise<Pick<Target, 'plans'>> {
    if (this.#connection === undefined) return {};
    this.#access = pooled ? THROUGH_A_POOLER : await planAccess(this.#connection);
    return { plans: this.#access.sampling };
  }

  /** To be called when nothing more is read of the contender's: plans that are missing are asked for now. */
  async end(cell: string, load: Pick<Load, 'agents' | 'startUs'>): Promise<CellPlans> {
    if (this.#connection === undefined || this.#access === undefined) return { plans: [], missing: [] };
    const { sampling, missing } = this.#access;
    const agents = load.agents.map(({ role, report }) => ({
      // A front enqueues for producers that have no session of their own.
      role: role === 'worker' ? role : ('producer' as const),
      report: report?.plans,
      own: report?.sessions?.own,
    }));
    if (sampling.sessionOptions !== undefined) {
      const unslowed = agents.reduce((sum, { report }) => sum + (report?.unslowed ?? 0), 0);
      const slower = `plans: ${unslowed} sessions were left sending every one: their role may not set the rate, or they were never idle`;
      const plans = mergePlans(cell, agents, load.startUs);
      return { plans, missing: unslowed === 0 ? missing : [...missing, slower] };
    }
    const explained = await explainAfterwards(cell, this.#connection, agents);
    return { plans: explained.plans, missing: [...missing, ...explained.missing] };
  }
}
