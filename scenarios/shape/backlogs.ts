// How deep is the backlog above which jobs are claimed? The same question at four depths.

import { defineScenario, type ScenarioInput } from '../scenario.ts';

/** 8 handlers of 5 ms take 1,600 jobs a second at most: the depth stays what it is called, and what a claim costs at it is seen. */
function backlog(name: string, ready: number): ScenarioInput {
  return defineScenario({
    name,
    group: 'shape',
    question: `What does a claim cost above ${ready.toLocaleString('en')} jobs that wait?`,
    preload: { ready },
    workers: { agents: 1, connections: 8 },
    job: { handler: { time: 'constant', ms: 5 } },
    warmupSeconds: 0.5,
    phases: [{ label: 'drain', seconds: 5 }],
    smoke: {
      preload: { ready: Math.min(ready, 50_000) },
      warmupSeconds: 0.2,
      phases: [{ label: 'drain', seconds: 2 }],
    },
  });
}

export const backlogs: readonly ScenarioInput[] = [
  backlog('backlog-10k', 10_000),
  backlog('backlog-100k', 100_000),
  backlog('backlog-1m', 1_000_000),
  backlog('backlog-10m', 10_000_000),
];
