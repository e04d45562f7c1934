// What kind of load is it, in words?

import { describeArrivals } from './arrival.ts';
import { describeJob } from './job.ts';
import { arrivalsOf, hasProxy, isClosedLoop, type Scenario } from './scenario.ts';
import { describeTopology } from './topology.ts';

/**
 * The load model to be printed on every chart: `drain of a preloaded backlog, closed loop`, `open loop, poisson arrivals`,
 * `closed loop, 8 clients, think time 10 ms, …`; and what stands between the load and the server, or beside it.
 */
export function loadModel(scenario: Scenario): string {
  const arrivals = arrivalsOf(scenario);
  const { job, preload, neighbours } = scenario;
  const delayed = job.delays.some((ms) => ms > 0) || preload.delayed !== undefined ? ', delayed jobs' : '';
  const proxy = hasProxy(scenario) ? ', through a TCP proxy' : '';
  const bystander = neighbours === undefined ? '' : ', beside a bystander';
  const around = `${describeJob(job)}${proxy}${describeTopology(scenario.topology)}${bystander}`;
  if (arrivals.length === 0) return `drain of a preloaded backlog, closed loop${delayed}${around}`;
  const preloaded = preload.ready > 0 ? 'preloaded backlog + ' : '';
  const loop = isClosedLoop(scenario) ? 'closed loop' : 'open loop';
  return `${preloaded}${loop}, ${describeArrivals(arrivals)}${describeProducers(scenario)}${delayed}${around}`;
}

function describeProducers({ producers: { bulk, transaction, http } }: Pick<Scenario, 'producers'>): string {
  if (bulk !== undefined) return `, in calls of up to ${bulk} jobs`;
  if (transaction !== undefined) return `, each a transaction with ${transaction.jobs} jobs`;
  return http === undefined ? '' : ', over HTTP';
}
