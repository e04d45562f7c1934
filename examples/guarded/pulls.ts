// Pull requests to the queue beside this file: one that may pass, and eleven that make it dearer. Their patches lie in pulls/.

/** A patch, and what a gate has to say of it. */
export interface Pull {
  /** Of its file in pulls/. */
  readonly name: string;
  /** Absent: it must pass. Metrics one of which must be found worse, and what the cause must say. */
  readonly found?: { readonly metrics: readonly string[]; readonly cause: RegExp };
}

export const GOOD: Pull = { name: 'good' };

const BACKLOG_READ = ['cost.buffersPerJob', 'cost.rowsReadPerJob', 'plans.wholeTable'];

export const BAD: readonly Pull[] = [
  { name: 'dropped-index', found: { metrics: BACKLOG_READ, cause: /gone: CREATE INDEX jobs_next/ } },
  {
    name: 'lost-skip-locked',
    found: {
      metrics: [
        'throughput.settledPerSec',
        'cost.rowsReadPerJob',
        'cost.buffersPerJob',
        'cost.statementsPerJob',
      ],
      cause: /SKIP LOCKED/,
    },
  },
  { name: 'sorted-backlog', found: { metrics: BACKLOG_READ, cause: /`\+ 0`/ } },
  { name: 'seq-scan', found: { metrics: BACKLOG_READ, cause: /lower\(queue\)/ } },
  {
    name: 'extra-commit',
    found: { metrics: ['cost.commitsPerJob', 'cost.statementsPerJob'], cause: /set_config/ },
  },
  { name: 'extra-round-trip', found: { metrics: ['cost.roundTripsPerJob'], cause: /SELECT now\(\)/ } },
  { name: 'wider-row', found: { metrics: ['cost.walBytesPerJob'], cause: /new: column jobs\.origin/ } },
  {
    name: 'trigger-notify',
    found: {
      metrics: ['cost.functionCallsPerJob', 'cost.serverCpuUsPerJob'],
      cause: /new: CREATE TRIGGER tell/,
    },
  },
  {
    name: 'lost-hot',
    found: {
      metrics: ['cost.hotUpdateRatio', 'cost.walBytesPerJob'],
      cause: /new: CREATE INDEX jobs_leased/,
    },
  },
  { name: 'client-work', found: { metrics: ['cost.clientCpuUsPerJob'], cause: /work of the client/ } },
  { name: 'lost-prepared', found: { metrics: ['cost.plansPerJob'], cause: /planned for/ } },
];
