// What did the proxy do under a load, and was it the bound?

import type { CellPlan } from '../cell/plan.ts';
import { limitsAt, percent } from '../verify/generator-limits.ts';
import type { ProxyReading } from './protocol.ts';

/** Reasons that void a cell, and what is worth knowing of its proxy. `openLoop`: the load came on schedule. */
export function proxyAccount(
  { counters, health }: ProxyReading,
  openLoop: boolean,
  scale?: CellPlan['scale'],
): { readonly failures: readonly string[]; readonly notes: readonly string[] } {
  const limits = limitsAt(scale);
  const { connectionsEver, resets, refused } = counters;
  const notes = [
    `${connectionsEver} connections went through the network proxy; it reset ${resets} of them and refused ${refused} more`,
  ];
  if (health === undefined) return { failures: ['the network proxy was not watched under the load'], notes };
  notes.push(
    `the network proxy shared the machine of the agents, and took ${Math.round(health.cpuShare * 100)} % of one core under the load, of which it can use one`,
  );
  const failures: string[] = [];
  const stallLimit = openLoop ? limits.stalledShare : limits.drainStalledShare;
  if (health.stalledShare > stallLimit)
    failures.push(
      `the network proxy stood still for ${percent(health.stalledShare)} of the time (limit ${percent(stallLimit)}; longest ${Math.round(health.eventLoopMaxUs / 1000)} ms): close other programs and run again`,
    );
  if (health.busyShare > limits.proxyBusyShare)
    failures.push(
      `the network proxy had hardly a pause in ${percent(health.busyShare)} of the time (limit ${percent(limits.proxyBusyShare)}), so that it was the bound: offer less, or run on more cores`,
    );
  return { failures, notes };
}
