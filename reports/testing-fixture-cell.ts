// What does a synthetic cell say of itself, once its jobs were simulated?

import type { Cell, Percentiles } from '../harness/result/result.ts';
import type { Contender, Scenario } from './testing-fixture-data.ts';

/** What the simulation of a cell came to. */
export type Facts = {
  id: string;
  repeat: number;
  order: number;
  rate: number;
  settledTotal: number;
  backlog: number;
  latencyUs: { pickup: Percentiles | undefined; response: Percentiles | undefined };
};

/** A valid cell that holds `facts`; costs and the audit of the generator vary a little, as those of runs do. */
export function cellOf(scenario: Scenario, contender: Contender, facts: Facts, random: () => number): Cell {
  const jitter = (value: number): number => value * (0.985 + random() * 0.03);
  const { pickup, response } = facts.latencyUs;
  return {
    id: facts.id,
    block: facts.repeat,
    order: facts.order,
    repeat: facts.repeat,
    scenario: scenario.name,
    parameters: {
      workerAgents: 1,
      workerConnections: 8,
      payloadBytes: 100,
      ...(scenario.offeredPerSec === undefined ? {} : { ratePerSec: scenario.offeredPerSec }),
    },
    contender: {
      name: contender.name,
      class: contender.class,
      batch: contender.batch,
      declared: { batch: contender.batch, prefetch: 0, workerConnections: 8 },
      effective: {
        meanJobsPerClaim: jitter(contender.jobsPerClaim),
        connections: 8,
        pollMs: 100,
        synchronousCommit: 'on',
        leaseMs: 30_000,
      },
    },
    fairness: fairnessOf(scenario, contender),
    verdict: 'valid',
    reasons: [],
    notes: [],
    window: {
      loadModel: scenario.loadModel,
      kind: 'burst',
      warmupSeconds: scenario.warmupSeconds,
      measuredSeconds: scenario.seconds - scenario.warmupSeconds,
      totalSeconds: scenario.seconds,
      phases: [...scenario.phases],
      faults: [...scenario.faults],
    },
    jobs: jobsOf(facts),
    throughput: {
      ...(scenario.offeredPerSec === undefined
        ? {}
        : { offeredPerSec: scenario.offeredPerSec, enqueuedPerSec: scenario.offeredPerSec }),
      settledPerSec: facts.rate,
    },
    latencyUs: { ...(pickup ? { pickup } : {}), ...(response ? { response } : {}) },
    audit: auditOf(scenario),
    cost: costOf(contender, jitter),
    generator: generatorOf(scenario, facts, jitter),
  };
}

function fairnessOf(scenario: Scenario, { batch, jobsPerClaim }: Contender): NonNullable<Cell['fairness']> {
  const waiting = scenario.offeredPerSec === undefined;
  const verdict = jobsPerClaim < batch / 2 ? 'differs' : 'matches';
  return [
    waiting
      ? { setting: 'batch', declared: batch, effective: jobsPerClaim, verdict }
      : { setting: 'batch', declared: batch, verdict: 'not observed', why: 'no backlog was waiting' },
    { setting: 'connections', declared: 8, effective: 8, verdict: 'matches' },
    { setting: 'durability', declared: 'durable', effective: 'durable', verdict: 'matches' },
  ];
}

function jobsOf(facts: Facts): Cell['jobs'] {
  return {
    offered: facts.settledTotal + facts.backlog,
    enqueued: facts.settledTotal + facts.backlog,
    settled: facts.settledTotal,
    retried: 0,
    deadLettered: 0,
    skipped: 0,
    failed: 0,
    inFlight: facts.backlog,
  };
}

function auditOf(scenario: Scenario): Cell['audit'] {
  return {
    lost: 0,
    duplicateClaims: 0,
    duplicateSettlements: 0,
    overClaims: 0,
    earlyHandOuts: 0,
    unclaimedSettles: 0,
    starved: 0,
    stuck: 0,
    unexpected: 0,
    recovered: 0,
    orderViolations: 0,
    priorityInversions: 0,
    staleSettles: scenario.faults.length * 2,
    acceptedStaleSettles: 0,
    settledButPresent: 0,
    redelivered: scenario.faults.length * 3,
    ackedFailures: 0,
    unexplainedDeadLetters: 0,
    uniqueViolations: 0,
    limitViolations: 0,
    ordersWithoutJobs: 0,
    jobsWithoutOrder: 0,
  };
}

type Jitter = (value: number) => number;

function costOf(contender: Contender, jitter: Jitter): NonNullable<Cell['cost']> {
  return {
    walBytesPerJob: jitter(contender.walBytes),
    walFullPageImageShare: jitter(0.31),
    commitsPerJob: jitter(contender.commits),
    roundTripsPerJob: jitter(contender.commits * 1.02),
    buffersPerJob: jitter(contender.buffers),
    deadTuplesPerJob: jitter(contender.deadPerJob),
    hotUpdateRatio: jitter(0.12),
    serverCpuUsPerJob: jitter(contender.cpuUs),
    preloadWalBytesPerJob: jitter(310),
  };
}

function generatorOf(scenario: Scenario, facts: Facts, jitter: Jitter): Cell['generator'] {
  return {
    eventLoopP99Us: jitter(2_100),
    cpuShare: jitter(0.41),
    ...(scenario.offeredPerSec === undefined ? {} : { lagP99Us: jitter(1_300), lagMaxUs: jitter(9_000) }),
    gcShare: jitter(0.012),
    ceilingPerSec: 48_000,
    generatorBound: facts.rate > 9_600,
    peakRssBytes: Math.round(jitter(310e6)),
  };
}
