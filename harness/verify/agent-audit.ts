// May an agent be believed? Its report is held against its own ledger, and its clock against ours.

import type { AgentProcess } from '../load/agents.ts';
import { certainOffsetUs, worstReading } from '../load/clock-reading.ts';
import { type AgentAccount, COUNTED } from '../measure/agent-account.ts';
import type { Cell } from '../result/result.ts';

/** What of an agent is audited. */
export type AuditedAgent = Pick<AgentProcess, 'agent' | 'role' | 'report' | 'live' | 'clock'>;

/**
 * What voids the measurement, one sentence each. An agent that was killed gave no report to be held against its ledger:
 * its last live counts are from before its end, and bound by nothing.
 */
export function agentProblems(
  agents: readonly AuditedAgent[],
  accounts: readonly AgentAccount[],
  clockLimitUs: number,
): string[] {
  return agents.flatMap((agent) => {
    const account = accounts.find((a) => a.agent === agent.agent);
    return [...countProblem(agent, account), ...clockProblems(agent, account, clockLimitUs)];
  });
}

function countProblem(agent: AuditedAgent, account: AgentAccount | undefined): string[] {
  const { report, live } = agent;
  if (report === undefined || account === undefined) return [];
  const differences = COUNTED.flatMap((name) => {
    const told = report.counters[name];
    const found = account.counts[name];
    if (told !== found) return [`${name} ${told} by its report, ${found} by its ledger`];
    // Live counts only rise, so none is above the last; they decide when a load is over.
    return live[name] > found ? [`${name} ${live[name]} while it ran, ${found} by its ledger`] : [];
  });
  return differences.length === 0
    ? []
    : [`the counts of ${agent.role} agent ${agent.agent} and its ledger disagree: ${differences.join('; ')}`];
}

function clockProblems(agent: AuditedAgent, account: AgentAccount | undefined, limitUs: number): string[] {
  const who = `the clock of ${agent.role} agent ${agent.agent}`;
  const found: string[] = [];
  if (account !== undefined && account.clockBackUs > 0)
    found.push(`${who} went back by ${ms(account.clockBackUs)} ms`);
  const worst = worstReading(agent.clock);
  if (worst !== undefined && certainOffsetUs(worst) > limitUs) {
    found.push(
      `${who} is ${ms(Math.abs(worst.offsetUs))} ms ${worst.offsetUs > 0 ? 'ahead of' : 'behind'} the coordinator's, ± ${ms(worst.uncertaintyUs)} ms (limit ${ms(limitUs)} ms)`,
    );
  }
  return found;
}

/** By clocks that go back, or that differ by more than the limit, nothing can be proven of who came first. */
export function clocksDisagree(
  agents: readonly AuditedAgent[],
  accounts: readonly AgentAccount[],
  limitUs: number,
): boolean {
  return agents.some((agent) => {
    const account = accounts.find((a) => a.agent === agent.agent);
    return clockProblems(agent, account, limitUs).length > 0;
  });
}

function ms(us: number): string {
  return (us / 1000).toFixed(us < 10_000 ? 3 : 1);
}

/** The worst agent's clock, for the cell's record; nothing without a reading. */
export function worstClock(
  agents: readonly AuditedAgent[],
): Pick<Cell['generator'], 'clockOffsetUs' | 'clockUncertaintyUs'> {
  const worst = worstReading(agents.flatMap((agent) => agent.clock));
  return worst === undefined
    ? {}
    : { clockOffsetUs: Math.round(worst.offsetUs), clockUncertaintyUs: Math.round(worst.uncertaintyUs) };
}
