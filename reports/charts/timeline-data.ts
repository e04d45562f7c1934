// Which rows does a strip of the timeline draw, on which scales, and what does it say under the pointer?

import type { FaultSpan } from '../fault-spans.ts';
import { formatBytes, formatCount, formatDuration, formatNumber } from '../render/format.ts';
import { type Bucket, type Neighbour, OTHER, type Reading, type Strip, type Timeline } from '../timeline.ts';
import { decades, niceCeiling } from './chart.ts';
import { estimateTextWidth } from './theme.ts';

/** Width of a drawn plot, px; the page may stretch it. */
export const STRIP_WIDTH = 340;

/** Upper ends of linear axes and the decades of the latency axis, for all strips of a panel; `undefined`: nothing to show. */
export type Scales = {
  rate: number;
  backlog: number;
  latency: number[];
  dead: number | undefined;
  waits: number | undefined;
  wal: number | undefined;
  xmin: number | undefined;
  locks: number | undefined;
  /** Of the bystander's latencies, ms; empty without one. */
  neighbour: number[];
  /** Lanes for the names of faults. */
  faultLanes: number;
};

/** Of the names of faults, px. */
export const FAULT_NAME_SIZE = 9.5;

/** A horizon that never got older than this held up no vacuum: it has no plot. */
const AGE_WORTH_A_PLOT = 1_000;

/** Scales that hold all strips. */
export function scalesOf({ strips }: Timeline): Scales {
  const buckets = strips.flatMap((strip) => strip.buckets);
  const readings = strips.flatMap((strip) => strip.readings);
  const latencies = buckets
    .flatMap((b) => [b.pickupP50Us ?? [], b.pickupP99Us ?? [], b.responseMaxUs ?? []].flat())
    .map(toMs);
  const dead = readings.flatMap((reading) => reading.deadTuples ?? []);
  const waits = readings.map((reading) => reading.waits.reduce((sum, backends) => sum + backends, 0));
  const highest = (read: (reading: Reading) => number | undefined): number =>
    Math.max(0, ...readings.flatMap((reading) => read(reading) ?? []));
  const above = (value: number, least: number) => (value > least ? niceCeiling(value) : undefined);
  const neighbours = strips
    .flatMap((strip) => strip.neighbour)
    .flatMap((one) => [one.p50Us ?? [], one.p99Us ?? [], one.maxUs ?? []].flat())
    .map(toMs);
  return {
    neighbour: neighbours.length === 0 ? [] : decades(Math.min(...neighbours), Math.max(...neighbours)),
    faultLanes: Math.max(0, ...strips.flatMap((strip) => strip.faults.map(({ lane }) => lane + 1))),
    wal: above(
      highest((r) => r.walBytesPerSec),
      0,
    ),
    xmin: above(
      highest((r) => r.xminAge),
      AGE_WORTH_A_PLOT,
    ),
    locks: above(
      highest((r) => r.lockWaiters),
      0,
    ),
    rate: niceCeiling(Math.max(...buckets.flatMap((b) => [b.settledPerSec, b.enqueuedPerSec]))),
    backlog: niceCeiling(Math.max(...buckets.map((b) => b.backlog))),
    latency: latencies.length === 0 ? [] : decades(Math.min(...latencies), Math.max(...latencies)),
    dead: dead.length === 0 ? undefined : niceCeiling(Math.max(...dead)),
    waits: Math.max(0, ...waits) === 0 ? undefined : niceCeiling(Math.max(...waits)),
  };
}

const toMs = (us: number): number => Math.max(us, 1) / 1000;
const round = (value: number): number => Number(value.toPrecision(5));

/** The data sources of one strip, by name. */
export function dataOf(strip: Strip, timeline: Timeline) {
  const { cell, buckets, readings, silence, checkpoints, autovacuums } = strip;
  const middle = (bucket: Bucket): number => round((bucket.from + bucket.to) / 2);
  const latency = (read: (bucket: Bucket) => number | undefined) =>
    buckets.flatMap((bucket) => {
      const us = read(bucket);
      return us === undefined ? [] : [{ t: middle(bucket), v: toMs(us) }];
    });
  const server = (read: (reading: Reading) => number | undefined) =>
    readings.flatMap((reading) => {
      const v = read(reading);
      return v === undefined ? [] : [{ t: round(reading.t), v: round(v) }];
    });
  const { window } = cell;
  const neighbour = (read: (one: Neighbour) => number | undefined) =>
    strip.neighbour.flatMap((one) => {
      const us = read(one);
      return us === undefined ? [] : [{ t: round(one.t), v: toMs(us) }];
    });
  return {
    ...(strip.neighbour.length === 0
      ? {}
      : {
          neighbourP50: neighbour((one) => one.p50Us),
          neighbourP99: neighbour((one) => one.p99Us),
          neighbourMax: neighbour((one) => one.maxUs),
        }),
    load: buckets.map((b) => ({
      t: middle(b),
      settled: round(b.settledPerSec),
      enqueued: round(b.enqueuedPerSec),
      backlog: b.backlog,
    })),
    p50: latency((bucket) => bucket.pickupP50Us),
    p99: latency((bucket) => bucket.pickupP99Us),
    max: latency((bucket) => bucket.responseMaxUs),
    dead: server((reading) => reading.deadTuples),
    wal: server((reading) => reading.walBytesPerSec),
    xmin: server((reading) => reading.xminAge),
    locks: server((reading) => reading.lockWaiters),
    checkpoints: checkpoints.map((t) => ({ t: round(t) })),
    autovacuums: autovacuums.map(({ from, to }) => ({ from: round(from), to: round(to) })),
    waits: readings.flatMap((reading) => stack(reading)),
    silence: silence === undefined ? [] : [{ t: round(timeline.seconds / 2), text: silence }],
    grey: greyStretches(cell.window, timeline.seconds),
    phases: window.phases
      .map((phase, i) => ({ from: phase.fromSeconds, to: phase.toSeconds, odd: i % 2 === 1 }))
      .filter((p) => p.odd),
    names: phaseNames(cell.window, timeline.seconds),
    faults: window.faults.map((fault) => ({ t: fault.atSeconds })),
    ...(hasFaults(timeline) ? faultData(strip, timeline.seconds) : {}),
  };
}

/** Whether anything broke in a strip: the plots of the others then have room for it, too. */
export function hasFaults({ strips }: Timeline): boolean {
  return strips.some((strip) => strip.faults.length > 0);
}

function faultData({ faults }: Strip, seconds: number) {
  return {
    held: faults.map(({ from, to, lane }) => ({ from, to, lane })),
    faultNames: faults.filter((span) => !fromTheRight(span, seconds)).map(named),
    faultNamesBefore: faults.filter((span) => fromTheRight(span, seconds)).map(named),
  };
}

const named = ({ label, from, lane }: FaultSpan) => ({ from, lane, text: label });

/** A name that would run over the right edge stands before its fault. */
function fromTheRight({ label, from }: FaultSpan, seconds: number): boolean {
  return (from / seconds) * STRIP_WIDTH + estimateTextWidth(label, FAULT_NAME_SIZE) + 4 > STRIP_WIDTH;
}

function stack(reading: Reading): { t: number; e: number; y: number; y2: number }[] {
  let below = 0;
  return reading.waits.map((backends, e) => {
    const y = below;
    below += backends;
    return { t: round(reading.t), e, y: round(y), y2: round(below) };
  });
}

/** What the figures leave out: the warm-up, phases that are not measured, and the time after the end of this cell's load. */
function greyStretches({ warmupSeconds, phases, totalSeconds }: Strip['cell']['window'], until: number) {
  const unmeasured = phases
    .filter((phase) => !phase.measured)
    .map((p) => ({ from: p.fromSeconds, to: p.toSeconds }));
  const tail = totalSeconds < until - 1e-9 ? [{ from: totalSeconds, to: until }] : [];
  return [...(warmupSeconds > 0 ? [{ from: 0, to: warmupSeconds }] : []), ...unmeasured, ...tail];
}

/** Names of phases that fit into their own stretch; the others are in the chart's description and table. */
function phaseNames({ phases }: Strip['cell']['window'], seconds: number) {
  return phases
    .map((phase) => ({
      t: phase.fromSeconds,
      text: phase.label,
      share: (phase.toSeconds - phase.fromSeconds) / seconds,
    }))
    .filter(({ text, share }) => estimateTextWidth(text, 9.5) + 4 < share * STRIP_WIDTH)
    .map(({ t, text }) => ({ from: t, text }));
}

/** The tooltip of one bucket, in all plots of a strip. */
export function hoverOf(
  bucket: Bucket,
  { row, readings, checkpoints, autovacuums, neighbour }: Strip,
  { events }: Timeline,
): Record<string, unknown> {
  const reading = readings.findLast((one) => one.t <= bucket.to + 1e-9);
  const line = (name: string, us: number | undefined) =>
    us === undefined ? [] : [`${name} ${formatDuration(us)}`];
  const beside = neighbour.find(({ t }) => t > bucket.from && t <= bucket.to);
  const waits =
    reading?.waits.flatMap((n, i) => (n > 0 ? [`  ${events[i] ?? OTHER} ${formatNumber(n)}`] : [])) ?? [];
  return {
    from: bucket.from,
    to: bucket.to,
    tip: [
      `${row.series.label} · ${formatNumber(bucket.from)}–${formatNumber(bucket.to)} s`,
      `settled ${formatNumber(bucket.settledPerSec)}/s, enqueued ${formatNumber(bucket.enqueuedPerSec)}/s`,
      `backlog ${formatCount(bucket.backlog)}`,
      ...line('pickup p50', bucket.pickupP50Us),
      ...line('pickup p99', bucket.pickupP99Us),
      ...line('response max', bucket.responseMaxUs),
      ...line('bystander p99', beside?.p99Us),
      ...line('bystander max', beside?.maxUs),
      ...(reading?.deadTuples === undefined ? [] : [`dead tuples ${formatCount(reading.deadTuples)}`]),
      ...serverLines(reading),
      ...(checkpoints.some((t) => t > bucket.from && t <= bucket.to) ? ['a checkpoint began'] : []),
      ...(autovacuums.some(({ from, to }) => from < bucket.to && to > bucket.from)
        ? ['autovacuum at work']
        : []),
      ...(waits.length === 0 ? [] : ['backends:', ...waits]),
    ].join('\n'),
  };
}

/** What else a reading says, where it says something. */
function serverLines(reading: Reading | undefined): string[] {
  if (reading === undefined) return [];
  const { walBytesPerSec, xminAge, xminHolder, retainedWalBytes, lockWaiters, vacuums } = reading;
  return [
    ...(walBytesPerSec === undefined ? [] : [`WAL ${formatBytes(walBytesPerSec)}/s`]),
    ...(xminAge === undefined
      ? []
      : [
          `oldest snapshot ${formatCount(xminAge)} transactions${xminHolder === undefined ? '' : `, held by ${xminHolder}`}`,
        ]),
    ...(retainedWalBytes === undefined ? [] : [`kept by a slot ${formatBytes(retainedWalBytes)} of WAL`]),
    ...(lockWaiters === undefined || lockWaiters === 0
      ? []
      : [`waiting for a lock ${formatCount(lockWaiters)}`]),
    ...vacuums.map((one) => `vacuum ${one}`),
  ];
}
