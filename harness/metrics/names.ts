// Which metrics does a run with `--metrics` serve? Their names, labels and help, as data.

/** One family of metrics. `name` is as in the Prometheus text format: counters end with `_total`. */
export interface MetricInfo {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Without quotes and line breaks, which one of the formats would have to escape. */
  readonly help: string;
}

const PAIR = ['scenario', 'contender'] as const;
const LIVE = 'Live reading, not a result: warm-up and cells that turn out invalid included.';

/** All of them. What counts is summed over the cells of a pair of scenario and contender, and never falls. */
export const METRICS = {
  offered: {
    name: 'claimbench_jobs_offered_total',
    type: 'counter',
    labels: PAIR,
    help: `Jobs preloaded or sent to be enqueued, and when their cell was checked those that were never sent. ${LIVE}`,
  },
  enqueued: {
    name: 'claimbench_jobs_enqueued_total',
    type: 'counter',
    labels: PAIR,
    help: `Jobs preloaded or confirmed as enqueued. ${LIVE}`,
  },
  claimed: {
    name: 'claimbench_jobs_claimed_total',
    type: 'counter',
    labels: PAIR,
    help: `Jobs handed out by claims, once for each time. ${LIVE}`,
  },
  settled: {
    name: 'claimbench_jobs_settled_total',
    type: 'counter',
    labels: PAIR,
    help: `Jobs acked or dead-lettered with effect. ${LIVE}`,
  },
  backlog: {
    name: 'claimbench_backlog_jobs',
    type: 'gauge',
    labels: PAIR,
    help: `Jobs of the cell under way that were enqueued and are not settled; absent before its load begins. ${LIVE}`,
  },
  enqueue: {
    name: 'claimbench_enqueue_seconds',
    type: 'histogram',
    labels: PAIR,
    help: `From sending a job to its confirmation. ${LIVE}`,
  },
  pickup: {
    name: 'claimbench_pickup_seconds',
    type: 'histogram',
    labels: PAIR,
    help: `From the instant at which a job was due to the answer of the claim that got it, once for each time that it was started; none in a drain. ${LIVE}`,
  },
  service: {
    name: 'claimbench_service_seconds',
    type: 'histogram',
    labels: PAIR,
    help: `From the answer of a claim to that of the settle that ended its job. ${LIVE}`,
  },
  response: {
    name: 'claimbench_response_seconds',
    type: 'histogram',
    labels: PAIR,
    help: `From the instant at which a job was due to the answer of the settle that ended it; none in a drain. ${LIVE}`,
  },
  findings: {
    name: 'claimbench_audit_findings_total',
    type: 'counter',
    labels: [...PAIR, 'kind'],
    help: 'Faults that the audit of finished cells counted, by kind; any makes its cell incorrect.',
  },
  cells: {
    name: 'claimbench_cells_total',
    type: 'counter',
    labels: [...PAIR, 'verdict'],
    help: 'Finished cells by verdict: the other metrics do not tell valid cells from others.',
  },
  cell: {
    name: 'claimbench_cell_info',
    type: 'gauge',
    labels: [...PAIR, 'repeat', 'stage'],
    help: '1 for the cell under way; absent between cells.',
  },
  build: {
    name: 'claimbench_build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: '1, with the versions of claimbench and Node.js.',
  },
} as const satisfies Readonly<Record<string, MetricInfo>>;
