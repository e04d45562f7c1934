// How is a plan said in words: its headline, what gives way first, what it takes for granted, what may be wrong with it?

import type { PlanAnswer, PlanQuestion, Prediction, Scaling, Search } from '../../harness/result/result.ts';
import { littleCheck } from '../capacity/little.ts';
import { SERVER_FAILED } from '../capacity/search.ts';
import {
  formatCount,
  formatDuration,
  formatNumber,
  formatSeconds,
  formatShare,
  plural,
} from '../render/format.ts';
import type { PlanInput } from './input.ts';
import { type MeasuredCell, validOf } from './measured.ts';
import { heldTogether } from './partitions.ts';
import { claimsAhead, UTILISATION_MAX } from './pickup.ts';
import { outageAssumption } from './recovery.ts';

type Headlined = Pick<
  PlanAnswer,
  | 'possible'
  | 'confirmed'
  | 'undecided'
  | 'recommended'
  | 'safePerSec'
  | 'limitedBy'
  | 'headroom'
  | 'openEnded'
  | 'peakPerSec'
>;

/** The answer in a sentence or two. `obstacles`: what stands in the way for sure. */
export function headlineOf(
  answer: Headlined,
  { jobMs, peakFactor }: PlanQuestion,
  obstacles: readonly string[],
): string {
  const { possible, undecided, recommended, safePerSec = 0, peakPerSec } = answer;
  const wish = `${formatNumber(peakPerSec)} jobs/s${peakFactor > 1 ? ' at the peak' : ''} of ${formatNumber(jobMs)} ms`;
  const [why] = undecided;
  if (why !== undefined) return `Not shown to hold: ${wish}; ${why}.`;
  if (!possible || recommended === undefined) {
    const [first] = obstacles;
    const most =
      safePerSec === 0 || safePerSec >= peakPerSec
        ? ''
        : ` ${formatNumber(safePerSec)} jobs/s is the most that is safe here.`;
    return `No: ${wish} cannot be had as asked${first === undefined ? '' : `: ${first}`}.${most}`;
  }
  return `Yes: ${wish} with ${crewText(recommended)}.${marginText(answer)}`;
}

function crewText({
  handlers,
  workers,
  sessions,
  concurrency,
  contender,
}: NonNullable<PlanAnswer['recommended']>): string {
  return `${plural(handlers, 'handler')} (${plural(workers, 'worker')} × ${plural(sessions, 'session')} × ${concurrency}) of ${contender}`;
}

function marginText({ safePerSec, headroom, limitedBy, confirmed, openEnded }: Headlined): string {
  const margin =
    safePerSec === undefined || headroom === undefined
      ? ' How much more is not known.'
      : openEnded === true
        ? ` With these handlers ${formatNumber(safePerSec)} jobs/s are safe at least, ${formatShare(headroom)} above; no higher rate could be told to fail.`
        : ` With these handlers the highest safe rate is ${formatNumber(safePerSec)} jobs/s, ${formatShare(headroom)} above, limited by ${LIMIT_WORDS[limitedBy ?? 'slo']}.`;
  return confirmed ? margin : `${margin} It was not confirmed.`;
}

const LIMIT_WORDS = { slo: 'the SLO', recovery: 'recovery', bloat: 'bloat' } as const;

/** What gives way as the rate rises, and by what one would notice. */
export function breaksFirstOf(
  { limitedBy, safePerSec, drain }: Pick<PlanAnswer, 'limitedBy' | 'safePerSec' | 'drain'>,
  search: Search | undefined,
): string {
  if (limitedBy === undefined || safePerSec === undefined) return 'Not known: no limit could be told.';
  const from = `Beyond ${formatNumber(safePerSec)} jobs/s`;
  if (limitedBy === 'recovery')
    return `${from} the queue keeps up from day to day, but after an outage the backlog is not gone in time: it shows as jobs that still wait ${formatSeconds(drain?.recoverSeconds ?? 0)} after, and as a drain that ends later each time.`;
  if (limitedBy === 'bloat')
    return `${from} claims do not keep up beside a transaction that stays open: it shows as dead tuples and the age of xmin that rise together, then as a backlog while the server's CPU is busy with claims.`;
  if (search !== undefined && search.answer.failPerSec === undefined)
    return `Not known: ${formatNumber(safePerSec)} jobs/s held, and no higher rate could be told to fail.`;
  const why = search?.answer.limitedBy ?? [];
  return why.length === 0
    ? `${from} jobs wait for a free handler: it shows as pickup p99 that rises, and then as a backlog that does not go away.`
    : `${from}, at the lowest rate that failed: ${why.join('; ')}.`;
}

/** What is busy at the rate that is safe: where neither is, jobs wait for the disk, or for each other's locks. */
export function busyAt(
  { question: { jobMs }, cores }: Pick<PlanInput, 'question' | 'cores'>,
  { safePerSec, recommended, costs }: Pick<PlanAnswer, 'safePerSec' | 'recommended' | 'costs'>,
): string {
  if (!safePerSec || recommended === undefined || jobMs === 0) return '';
  const handlers = (safePerSec * jobMs) / 1_000 / recommended.handlers;
  const cpu = costs?.serverCpuSecondsPer1000Jobs;
  const server =
    cpu === undefined
      ? ''
      : `, and the queue ${formatShare((safePerSec * cpu) / 1_000 / cores)} of the server's cores`;
  return ` At that rate jobs take ${formatShare(handlers)} of the handlers' time${server}.`;
}

/** What is taken for granted, and would make the answer another if it were not so. */
export function assumptionsOf(
  { question, cells }: Pick<PlanInput, 'question' | 'cells'>,
  scaling?: Scaling,
): string[] {
  const { handler, otherLoadPerSec, later, outage, peakFactor } = question;
  const waits = handler['time'] === 'cpu' ? 'computes' : 'waits for others, and does not compute';
  return [
    `A handler takes ${formatNumber(question.jobMs)} ms on average (${String(handler['time'] ?? 'constant')}) and ${waits}.`,
    `Payloads have ${formatCount(question.payloadBytes)} bytes. Jobs arrive one by one at random (Poisson), at the peak for as long as it lasts${peakFactor > 1 ? `, which is ${formatNumber(peakFactor)} times the average` : ''}.`,
    'The server and its disk are those that were measured, and the load generator ran beside it, as the environment says.',
    ...arrivalsText(question, cells, scaling),
    'All workers were one process; several processes of the same handlers in all are taken to do as much.',
    ...(otherLoadPerSec === undefined
      ? ['Nothing else loads the server.']
      : [
          `Somebody else's ${formatNumber(otherLoadPerSec)} transactions/s load the server meanwhile, as when it was measured.`,
        ]),
    ...(outage === undefined
      ? []
      : [
          'In an outage no worker works while jobs go on arriving; then all workers are back at once. Until its backlog is gone the SLO does not hold: a job waits for as long as the outage lasted. The one that was measured was over before a lease ran out: in a longer one each job at hand is handed out again.',
        ]),
    ...outageAssumption(question, cells),
    `WAL is that of short loads: ${checkpointText(cells)}, and after one each page is written whole once more.`,
    ...(later === undefined ? [] : ['The rate grows by the same share each month.']),
    ...togetherText(question, cells),
    'Partitions: each database has a server of its own, jobs spread evenly over them by a hash, and no job needs another database.',
    ...(validOf(cells, 'bloat').length === 0
      ? []
      : [
          'Each dead row makes a claim slower by as much as the one before it (linear), and the cores of the server are not used up by that.',
        ]),
  ];
}

function arrivalsText(
  { ratePerSec, peakFactor }: PlanQuestion,
  cells: PlanInput['cells'],
  scaling: Scaling | undefined,
): string[] {
  const lost = scaling?.fit?.lostPerArrival;
  const seen = cells.find(({ purpose }) => purpose === 'catch-up');
  if (lost === undefined || seen === undefined) return [];
  const peakPerSec = ratePerSec * peakFactor;
  return [
    lost === 0
      ? `Arrivals take nothing of the handlers that could be told from chance; limits count with what was seen, ${formatShare((scaling?.fit?.mayLosePerArrival ?? 0) * peakPerSec)} at the peak.`
      : `While ${formatNumber(peakPerSec)} jobs/s come, handlers settle ${formatShare(Math.min(1, lost * peakPerSec))} less than where none come: as measured with ${plural(seen.handlers, 'handler')} at ${formatNumber(seen.cell.throughput?.offeredPerSec ?? 0)} jobs/s, each arrival taking as much as the one before it, and of any number of handlers the same share.`,
  ];
}

function checkpointText(cells: PlanInput['cells']): string {
  const seen = cells.filter(({ cell: { telemetry } }) => {
    const { timed = 0, requested = 0 } = telemetry?.checkpoints ?? {};
    return timed + requested > 0;
  }).length;
  return seen === 0 ? 'no checkpoint began in them' : `in ${plural(seen, 'load')} a checkpoint began`;
}

function togetherText(question: PlanQuestion, cells: PlanInput['cells']): string[] {
  const together = heldTogether(cells, question.slo);
  if (together === undefined) return [];
  const text = `What was measured over ${plural(together.databases, 'database')} was offered to each at the same time at the rate that one held; servers on one machine share it`;
  if (!('why' in together)) return [`${text}.`];
  return [
    `${text}. ${together.failed ? 'It did not hold' : 'Whether it held could not be told'}: ${together.why}.`,
  ];
}

/** Open loads that did not grow: of the probes those that passed. */
function stableOf({ cells, search }: Pick<PlanInput, 'cells' | 'search'>): MeasuredCell[] {
  const passed = new Set(search?.probes.filter(({ outcome }) => outcome === 'pass').map(({ cell }) => cell));
  return validOf(cells, 'light', 'check', 'probe').filter(
    ({ purpose, cell }) => purpose !== 'probe' || passed.has(cell.id),
  );
}

function aheadRisk(cells: PlanInput['cells']): string[] {
  const ahead = cells.find(({ cell }) => claimsAhead(cell));
  if (ahead === undefined) return [];
  return [
    `${ahead.cell.contender.name} claims ahead of its handlers: pickup is the claim, and says nothing of how long a job then waits for one. Ask for response as well, or give it batch=1 and prefetch=0.`,
  ];
}

/** An enqueue of so many µs, where nearly all others took a tenth of it or less, waited for a server that stood still. */
const STOPPED_US = 100_000;

function stoppedRisk(cells: PlanInput['cells']): string[] {
  const open = validOf(cells, 'light', 'check', 'probe');
  const longest = open.flatMap(({ cell }) => {
    const { max = 0, p95 = max } = cell.latencyUs?.enqueue ?? {};
    return max >= STOPPED_US && p95 <= max / 10 ? [max] : [];
  });
  if (longest.length === 0) return [];
  return [
    `In ${longest.length} of ${plural(open.length, 'open load')} an enqueue took up to ${formatDuration(Math.max(...longest))}, where nearly all took a tenth of that or less: the server stood still for a while, its disk or its cores. p99 of pickup may be made of that, and no number of handlers mends it.`,
  ];
}

/** Below so much a plan has no room for what nobody thought of. */
const SLIM = 0.2;

/** What may make the answer wrong; what is wrong with the answer itself comes first, since a terminal shows but two. */
export function risksOf(
  { cells, search, cores }: Pick<PlanInput, 'cells' | 'search' | 'cores'>,
  {
    scaling,
    predictions,
  }: { readonly scaling: Scaling | undefined; readonly predictions: readonly Prediction[] },
  answer?: Pick<PlanAnswer, 'headroom' | 'possible' | 'costs' | 'limits'>,
): string[] {
  // An overload failed, and counts.
  const failed = new Set(search?.probes.flatMap((one) => (one.outcome === 'fail' ? [one.cell] : [])));
  const voids = cells.filter(({ cell }) => cell.verdict === 'invalid' && !failed.has(cell.id)).length;
  const incorrect = cells.filter(({ cell }) => cell.verdict === 'incorrect').length;
  const failures = cells.filter(({ cell }) => cell.reasons.some((why) => SERVER_FAILED.test(why))).length;
  const poor = predictions.filter(({ error, goodWithin }) => Math.abs(error) > goodWithin);
  const little = stableOf({ cells, search }).flatMap((one) => {
    const check = littleCheck(one);
    return check === undefined || check.kept ? [] : [{ cell: one.cell.id, ...check }];
  });
  const loss = scaling?.fit !== undefined && scaling.fit.lostPerArrival === undefined;
  const odd = (scaling?.points ?? []).flatMap(({ setAside, handlers }) => (setAside ? [handlers] : []));
  const { headroom, possible, costs, limits = [] } = answer ?? {};
  const busy = (costs?.serverCores ?? 0) / cores;
  return [
    ...(incorrect === 0
      ? []
      : [`${plural(incorrect, 'cell')} lost or doubled jobs: nothing here is to be relied on.`]),
    ...(failures === 0
      ? []
      : [
          `The server failed, crashed or was started again under ${plural(failures, 'load')}: find out why first.`,
        ]),
    ...(loss
      ? ['What arrivals take of the handlers could not be measured: what is said by the law may be too high.']
      : []),
    ...aheadRisk(cells),
    ...(search?.answer.passPerSec === undefined || search.answer.passConfirmed
      ? []
      : ['The rate that held the SLO was not confirmed by a longer load.']),
    ...stoppedRisk(cells),
    ...poor.map(
      ({ what, at, error }) =>
        `The model of ${what} is poor: at ${at} it was ${formatShare(Math.abs(error))} too ${error > 0 ? 'high' : 'low'}.`,
    ),
    ...(odd.length === 0
      ? []
      : [
          `${plural(odd.length, 'closed load')} of ${odd.map((n) => plural(n, 'handler')).join(', ')} had no part in the law, as two others disagreed: the machine was not the same at all times.`,
        ]),
    ...(possible === true && headroom !== undefined && headroom < SLIM
      ? [
          `The margin is ${formatShare(headroom)}: less than what a busy day, a slower disk or a longer job takes.`,
        ]
      : []),
    ...(busy > UTILISATION_MAX
      ? [
          `At the average rate the queue alone takes ${formatShare(busy)} of the server's ${plural(cores, 'core')}.`,
        ]
      : []),
    ...limits.flatMap(({ perSec, text }) => (perSec === undefined ? [`A limit is not known: ${text}.`] : [])),
    ...little.map(
      ({ cell, error }) =>
        `${cell} does not keep Little's law (${formatShare(error)} off): it was not stable, or too short.`,
    ),
    ...(voids === 0 ? [] : [`${plural(voids, 'cell')} could not be measured, and count in nothing.`]),
    'All loads lasted seconds, on a young database: hours of the same load, with checkpoints and autovacuum, may carry less.',
  ];
}
