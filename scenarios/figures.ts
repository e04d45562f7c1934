// Which figures of a cell may an expectation name, by which names, and in which unit is each?

/** What a number in a result is counted in. `share` is 0 … 1, or more where it is a ratio. */
export type FigureUnit = 'us' | 'ms' | 's' | 'bytes' | 'perSec' | 'share' | 'count';

/** Where a figure stands in a cell of a result, and its unit; `*` is the number of the phase that it is of. */
export interface Figure {
  readonly path: string;
  readonly unit: FigureUnit;
}

const PERCENTILES = ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const;
const LATENCIES = ['enqueue', 'pickup', 'service', 'response', 'generatorLag'] as const;

/** Of jobs, all of them; `offered`, `enqueued` and `settled` alone mean rates. */
const ENDS = ['deadLettered', 'retried', 'skipped', 'failed', 'inFlight'] as const;

const AUDIT = [
  'lost',
  'duplicateClaims',
  'duplicateSettlements',
  'overClaims',
  'earlyHandOuts',
  'stuck',
  'unexpected',
  'recovered',
  'orderViolations',
  'priorityInversions',
  'staleSettles',
  'acceptedStaleSettles',
  'settledButPresent',
  'unclaimedSettles',
  'starved',
  'redelivered',
  'uniqueViolations',
] as const;

const COSTS: Readonly<Record<string, FigureUnit>> = {
  walBytesPerJob: 'bytes',
  walFullPageImageShare: 'share',
  commitsPerJob: 'count',
  roundTripsPerJob: 'count',
  buffersPerJob: 'count',
  deadTuplesPerJob: 'count',
  hotUpdateRatio: 'share',
  rowsReadPerJob: 'count',
  statementsPerJob: 'count',
  plansPerJob: 'count',
  functionCallsPerJob: 'count',
  serverCpuUsPerJob: 'us',
  clientCpuUsPerJob: 'us',
  preloadWalBytesPerJob: 'bytes',
};

/** By their path alone. */
const OTHERS: Readonly<Record<string, FigureUnit>> = {
  'jobs.offered': 'count',
  'jobs.enqueued': 'count',
  'jobs.settled': 'count',
  'throughput.lastToFirstThird': 'share',
  'window.warmupSeconds': 's',
  'window.measuredSeconds': 's',
  'window.totalSeconds': 's',
  'generator.eventLoopP99Us': 'us',
  'generator.eventLoopMaxUs': 'us',
  'generator.stalledShare': 'share',
  'generator.cpuShare': 'share',
  'generator.lagP99Us': 'us',
  'generator.lagMaxUs': 'us',
  'generator.gcShare': 'share',
  'generator.poolWaitShare': 'share',
  'generator.peakRssBytes': 'bytes',
  'recovery.baseline.seconds': 's',
  'recovery.baseline.backlogMax': 'count',
  'recovery.during.seconds': 's',
  'recovery.during.settledPerSec': 'perSec',
  'recovery.observedSeconds': 's',
  'http.front.backlogPeak': 'count',
  'telemetry.wal.bytes': 'bytes',
  'telemetry.wal.fullPageImages': 'count',
  'telemetry.checkpoints.timed': 'count',
  'telemetry.checkpoints.requested': 'count',
  'telemetry.vacuum.autovacuums': 'count',
  'telemetry.lockWaits.mostWaiting': 'count',
};

/** Of a load over HTTP: what came back, posts. */
const ANSWERS = [
  'created',
  'tooMany',
  'withoutRetryAfter',
  'otherClientErrors',
  'serverErrors',
  'timeouts',
  'brokenConnections',
] as const;

const names = (entries: Iterable<readonly [string, Figure]>): ReadonlyMap<string, Figure> => new Map(entries);

/** Of somebody else's transactions, in the whole load or in a phase. */
function bystander(at: string): (readonly [string, Figure])[] {
  return [
    ...PERCENTILES.map((p) => [`bystander.${p}`, { path: `${at}.latencyUs.${p}`, unit: 'us' }] as const),
    ['bystander.done', { path: `${at}.donePerSec`, unit: 'perSec' }],
    ['bystander.failed', { path: `${at}.failed`, unit: 'count' }],
  ];
}

/** Short names of a cell's figures. `docs/expectations.md` lists them for users. */
export const SHORT_NAMES: ReadonlyMap<string, Figure> = names([
  ['settled', { path: 'throughput.settledPerSec', unit: 'perSec' }],
  ['offered', { path: 'throughput.offeredPerSec', unit: 'perSec' }],
  ['enqueued', { path: 'throughput.enqueuedPerSec', unit: 'perSec' }],
  ...LATENCIES.flatMap((metric) => [
    ...PERCENTILES.map((p) => [`${metric}.${p}`, { path: `latencyUs.${metric}.${p}`, unit: 'us' }] as const),
    [`${metric}.count`, { path: `latencyUs.${metric}.count`, unit: 'count' }] as const,
    [`${metric}.unfinished`, { path: `latencyUs.${metric}.unfinished`, unit: 'count' }] as const,
  ]),
  ...ENDS.map((name) => [name, { path: `jobs.${name}`, unit: 'count' }] as const),
  ...AUDIT.map((name) => [name, { path: `audit.${name}`, unit: 'count' }] as const),
  ...Object.entries(COSTS).map(([name, unit]) => [name, { path: `cost.${name}`, unit }] as const),
  ['baseline', { path: 'recovery.baseline.settledPerSec', unit: 'perSec' }],
  ['during', { path: 'recovery.during.share', unit: 'share' }],
  ['backlogPeak', { path: 'recovery.backlogPeak', unit: 'count' }],
  ['regained', { path: 'recovery.regainedSeconds', unit: 's' }],
  ['drained', { path: 'recovery.drainSeconds', unit: 's' }],
  ...bystander('bystander.whole'),
  ...(['accepted', 'rejected', 'service'] as const).flatMap((metric) =>
    PERCENTILES.map(
      (p) => [`http.${metric}.${p}`, { path: `http.latencyUs.${metric}.${p}`, unit: 'us' }] as const,
    ),
  ),
  ...ANSWERS.map((name) => [`http.${name}`, { path: `http.answers.${name}`, unit: 'count' }] as const),
]);

/** A cell's figures by all their names: short ones, and paths. */
export const CELL_FIGURES: ReadonlyMap<string, Figure> = names([
  ...SHORT_NAMES,
  ...[...SHORT_NAMES.values()].map((figure) => [figure.path, figure] as const),
  ...Object.entries(OTHERS).map(([path, unit]) => [path, { path, unit }] as const),
]);

/** Figures of one phase, to be written behind its label: `held.pickup.p99`. */
export const PHASE_FIGURES: ReadonlyMap<string, Figure> = names([
  ['settled', { path: 'phases.*.settledPerSec', unit: 'perSec' }],
  ['offered', { path: 'phases.*.offeredPerSec', unit: 'perSec' }],
  ['backlog', { path: 'phases.*.backlogMax', unit: 'count' }],
  ...PERCENTILES.map((p) => [`pickup.${p}`, { path: `phases.*.pickupUs.${p}`, unit: 'us' }] as const),
  ['pickup.count', { path: 'phases.*.pickupUs.count', unit: 'count' }],
  ['pickup.unfinished', { path: 'phases.*.pickupUs.unfinished', unit: 'count' }],
  ...bystander('bystander.phases.*'),
]);
