// What happened over time in the repeat that stands for each contender, on axes that all contenders share?

import type { Cell } from '../harness/result/result.ts';
import type { Bundle, BystanderSample, LoadSample, ServerSample } from './bundle.ts';
import { type FaultSpan, faultSpans } from './fault-spans.ts';
import { type Panel, type Row, typicalCell } from './summary.ts';

/** A stretch of time, in seconds from the start of the load. Absent figures had too few samples, or say nothing in a drain. */
export type Bucket = {
  readonly from: number;
  readonly to: number;
  readonly settledPerSec: number;
  readonly enqueuedPerSec: number;
  readonly backlog: number;
  /** The worst of the merged seconds: percentiles are never averaged. */
  readonly pickupP50Us: number | undefined;
  readonly pickupP99Us: number | undefined;
  readonly responseMaxUs: number | undefined;
};

/** A reading of the server; `waits` are backends by event, with the events of the shared list first and `other` last. */
export type Reading = {
  readonly t: number;
  readonly deadTuples: number | undefined;
  /** Of the whole server, since the reading before; absent in the first. */
  readonly walBytesPerSec: number | undefined;
  /** The oldest of its readings, in transactions, and who held it there. */
  readonly xminAge: number | undefined;
  readonly xminHolder: string | undefined;
  /** The most of its readings: what the replication slot furthest behind keeps. */
  readonly retainedWalBytes: number | undefined;
  /** The most of its readings. */
  readonly lockWaiters: number | undefined;
  readonly vacuums: readonly string[];
  readonly waits: readonly number[];
};

/** Somebody else's transactions in a stretch that ends at `t`; the worst of the merged seconds. */
export type Neighbour = {
  readonly t: number;
  readonly p50Us: number | undefined;
  readonly p99Us: number | undefined;
  readonly maxUs: number | undefined;
};

/** One contender's strip. */
export type Strip = {
  readonly row: Row;
  readonly cell: Cell;
  readonly buckets: readonly Bucket[];
  /** Within the time axis; what was last seen before the load stands at its start. */
  readonly readings: readonly Reading[];
  /** Of the bystander; none without one. */
  readonly neighbour: readonly Neighbour[];
  readonly faults: readonly FaultSpan[];
  /** Why the server is not drawn: then there are no readings and no marks. */
  readonly silence: string | undefined;
  /** Instants at which a checkpoint was seen to have begun. */
  readonly checkpoints: readonly number[];
  /** Stretches in which autovacuum was seen at work in the database. */
  readonly autovacuums: readonly { readonly from: number; readonly to: number }[];
};

/** All strips of a panel, and what they have in common. */
export type Timeline = {
  readonly strips: readonly Strip[];
  readonly seconds: number;
  /** Names of the stacked events, as of `frameOf`. */
  readonly events: readonly string[];
};

/** Samples that all strips of a report may show together, and the bounds for one of them. */
const SAMPLES_OF_REPORT = 4_000;
const FEWEST_BUCKETS = 40;
const MOST_BUCKETS = 150;
const MOST_EVENTS = 5;
/** Fewer readings than these within a load draw no course of it; a load below these seconds has no more. */
const FEWEST_READINGS = 3;
const SHORT_LOAD_SECONDS = 5;
export const CPU = 'CPU';
export const OTHER = 'other';

/** What the strips of a report have in common. */
export type TimelineFrame = { readonly events: readonly string[]; readonly mostBuckets: number };

/** The events with a colour of their own, and how fine the strips may be so that the report stays small. */
export function frameOf(bundle: Bundle, panels: readonly Panel[]): TimelineFrame {
  const strips = panels.flatMap((panel) => panel.rows.filter((row) => row.measured.length > 0)).length;
  const share = Math.floor(SAMPLES_OF_REPORT / Math.max(1, strips));
  return { events: eventsOf(bundle), mostBuckets: Math.max(FEWEST_BUCKETS, Math.min(MOST_BUCKETS, share)) };
}

/** The timeline of a panel; `undefined` when no row has samples. */
export function timelineOf(bundle: Bundle, panel: Panel, frame: TimelineFrame): Timeline | undefined {
  const picked = panel.rows.flatMap((row) => {
    const cell = typicalCell(row);
    const load = cell === undefined ? undefined : bundle.load.get(cell.id);
    if (cell === undefined || load === undefined) return [];
    return [{ row, cell, load, server: bundle.server.get(cell.id) ?? [] }];
  });
  if (picked.length === 0) return undefined;
  const ends = picked.flatMap(({ cell, load }) => [cell.window.totalSeconds, load.at(-1)?.t ?? 0]);
  const seconds = Math.max(...ends);
  return {
    seconds,
    events: frame.events,
    strips: picked.map(({ row, cell, load, server }) => {
      const silence = silenceOf(cell, server);
      const shown = silence === undefined ? server : [];
      return {
        row,
        cell,
        buckets: groups(load, frame.mostBuckets).map((group) => bucketOf(group, panel.drain)),
        readings: withinAxis(readingsOf(shown, frame), seconds),
        neighbour: groups(bundle.bystander.get(cell.id) ?? [], frame.mostBuckets).map(neighbourOf),
        faults: faultSpans(cell.window),
        silence,
        ...marksOf(shown, seconds),
      };
    }),
  };
}

/** What to say in place of the server, where it was watched and too little of the load was seen; else `undefined`. */
function silenceOf(cell: Cell, server: readonly ServerSample[]): string | undefined {
  if (server.length === 0 && cell.telemetry?.sampling !== true) return undefined;
  const { totalSeconds } = cell.window;
  const within = server.filter(({ t }) => t >= 0 && t <= totalSeconds).length;
  if (within >= FEWEST_READINGS) return undefined;
  return totalSeconds < SHORT_LOAD_SECONDS ? 'load too short for server samples' : 'too few server samples';
}

/** Nothing is drawn beside the axis: readings before the load give way to the last of them, at its start. */
function withinAxis(readings: readonly Reading[], seconds: number): Reading[] {
  const before = readings.findLast(({ t }) => t < 0);
  const within = readings.filter(({ t }) => t >= 0 && t <= seconds);
  return before === undefined ? within : [{ ...before, t: 0 }, ...within];
}

/** Consecutive samples in at most `most` groups of one size: a small plot has no more pixels to show. */
function groups<T>(samples: readonly T[], most: number): T[][] {
  const size = Math.max(1, Math.ceil(samples.length / most));
  const found: T[][] = [];
  for (let i = 0; i < samples.length; i += size) found.push(samples.slice(i, i + size));
  return found;
}

/** In a drain nothing arrives: how long a job had waited is its place in the backlog, and no latency. */
function bucketOf(group: readonly LoadSample[], drain: boolean): Bucket {
  const sum = (read: (sample: LoadSample) => number): number =>
    group.reduce((total, s) => total + read(s), 0);
  const highest = (read: (sample: LoadSample) => number | undefined): number | undefined => {
    const values = drain ? [] : group.flatMap((s) => read(s) ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const seconds = sum((s) => s.seconds);
  const first = group[0];
  return {
    from: first === undefined ? 0 : first.t - first.seconds,
    to: group.at(-1)?.t ?? 0,
    settledPerSec: seconds === 0 ? 0 : sum((s) => s.settled) / seconds,
    enqueuedPerSec: seconds === 0 ? 0 : sum((s) => s.enqueued) / seconds,
    backlog: group.at(-1)?.backlog ?? 0,
    pickupP50Us: highest((s) => s.pickupP50Us),
    pickupP99Us: highest((s) => s.pickupP99Us),
    responseMaxUs: highest((s) => s.responseMaxUs),
  };
}

function neighbourOf(group: readonly BystanderSample[]): Neighbour {
  const worst = (read: (sample: BystanderSample) => number | undefined): number | undefined => {
    const values = group.flatMap((sample) => read(sample) ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const seconds = group.reduce((sum, sample) => sum + sample.seconds, 0);
  return {
    t: (group.at(-1)?.t ?? 0) - seconds / 2,
    p50Us: worst((sample) => sample.p50Us),
    p99Us: worst((sample) => sample.p99Us),
    maxUs: worst((sample) => sample.maxUs),
  };
}

function readingsOf(server: readonly ServerSample[], frame: TimelineFrame): Reading[] {
  let before: ServerSample | undefined;
  return groups(server, frame.mostBuckets).map((group) => {
    const reading = readingOf(group, before, frame.events);
    before = group.at(-1);
    return reading;
  });
}

/** What struck the server at an instant or for a while, from the single readings: groups would blur it. */
function marksOf(
  server: readonly ServerSample[],
  seconds: number,
): Pick<Strip, 'checkpoints' | 'autovacuums'> {
  const checkpoints: number[] = [];
  const autovacuums: { from: number; to: number }[] = [];
  for (const [i, sample] of server.entries()) {
    const before = server[i - 1];
    if ((sample.checkpoints ?? 0) > (before?.checkpoints ?? 0)) checkpoints.push(sample.t);
    if ((sample.autovacuumWorkers ?? 0) === 0) continue;
    const from = before?.t ?? sample.t;
    const last = autovacuums.at(-1);
    if (last !== undefined && last.to >= from) last.to = sample.t;
    else autovacuums.push({ from, to: sample.t });
  }
  return {
    checkpoints: checkpoints.filter((t) => t >= 0 && t <= seconds),
    autovacuums: autovacuums
      .map(({ from, to }) => ({ from: Math.max(0, from), to: Math.min(seconds, to) }))
      .filter(({ from, to }) => from <= to),
  };
}

function readingOf(
  group: readonly ServerSample[],
  before: ServerSample | undefined,
  events: readonly string[],
): Reading {
  const totals = new Map<string, number>(events.map((event) => [event, 0]));
  for (const sample of group) {
    for (const [event, backends] of Object.entries(sample.waits)) {
      const name = totals.has(event) ? event : OTHER;
      totals.set(name, (totals.get(name) ?? 0) + backends / group.length);
    }
  }
  const oldest = group.reduce<ServerSample | undefined>(
    (found, sample) => ((sample.xminAge ?? -1) > (found?.xminAge ?? -1) ? sample : found),
    undefined,
  );
  const retained = group.flatMap((sample) => sample.retainedWalBytes ?? []);
  const waiting = group.flatMap((sample) => sample.lockWaiters ?? []);
  return {
    t: group.at(-1)?.t ?? 0,
    walBytesPerSec: walRate(before ?? group[0], group.at(-1)),
    xminAge: oldest?.xminAge,
    xminHolder: oldest?.xminHolder,
    retainedWalBytes: retained.length === 0 ? undefined : Math.max(...retained),
    lockWaiters: waiting.length === 0 ? undefined : Math.max(...waiting),
    vacuums: [...new Set(group.flatMap((sample) => sample.vacuums ?? []))],
    deadTuples: group.findLast((sample) => sample.deadTuples !== undefined)?.deadTuples,
    waits: events.map((event) => totals.get(event) ?? 0),
  };
}

function walRate(from: ServerSample | undefined, to: ServerSample | undefined): number | undefined {
  if (from?.walBytes === undefined || to?.walBytes === undefined || to.t <= from.t) return undefined;
  return Math.max(0, (to.walBytes - from.walBytes) / (to.t - from.t));
}

/**
 * The wait events to be stacked, chosen once for a report, so that one event has one colour in all of it: `CPU` first when it occurs, then the most frequent, `other` last when there are more.
 */
function eventsOf(bundle: Bundle): string[] {
  const totals = new Map<string, number>();
  for (const { waits } of [...bundle.server.values()].flat()) {
    for (const [event, backends] of Object.entries(waits))
      totals.set(event, (totals.get(event) ?? 0) + backends);
  }
  const cpu = totals.has(CPU) ? [CPU] : [];
  const waits = [...totals]
    .filter(([event, backends]) => event !== CPU && event !== OTHER && backends > 0)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([event]) => event);
  const rest = waits.length > MOST_EVENTS || totals.has(OTHER) ? [OTHER] : [];
  return [...cpu, ...waits.slice(0, MOST_EVENTS), ...rest];
}
