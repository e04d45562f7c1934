// What is measured at a point of a sweep? The scenario of its load, the contender with its axes, and the server.

import { createHash } from 'node:crypto';
import type { ContenderSpec } from '../../harness/contender.ts';
import { definitionOf, parseContender, withDriver } from '../../harness/contenders/index.ts';
import type { HandlerTime } from '../../scenarios/job.ts';
import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import { suggestion } from '../suggest.ts';
import {
  CONTENDER_AXES,
  isLoadAxis,
  isSettingAxis,
  LOAD_AXES,
  type LoadAxis,
  SETTING_PREFIX,
} from './axes.ts';
import type { Place } from './grid.ts';
import { ROUNDS } from './loads.ts';
import { backlogOf, connectionsNeeded, FASTEST_PER_SEC, requireRoom } from './room.ts';
import type { SweepRate, SweepWords } from './sweep-words.ts';

/** What all points of a sweep share. */
export interface SweepBase {
  readonly contender: string;
  /** Whether `contender` has handlers of the reference queue's, whose number is then known. */
  readonly countsHandlers: boolean;
  readonly seconds: number;
  /** Absent: a drain, unless `rate` is an axis. */
  readonly rate: SweepRate | undefined;
  /** Jobs per second that no point can pass, for the size of backlogs. */
  readonly mostPerSec: number;
}

/** What is measured at one point. */
export interface PointLoad {
  readonly scenario: Scenario;
  /** The drain that an open loop's rate is a share of. */
  readonly capacity?: Scenario;
  readonly contender: ContenderSpec;
  /** Label of its server; absent where no setting is an axis. */
  readonly server?: string;
  /** At work at once; absent where that cannot be told. */
  readonly handlers?: number;
}

/** As the scenario `drain` has them, where no axis says otherwise. */
const DEFAULTS: Readonly<Record<Exclude<LoadAxis, 'rate' | 'depth'>, number>> = {
  workers: 1,
  connections: 8,
  payload: 100,
  'job-ms': 0,
};

/** Left out at the head of each load, where jobs take no time. */
const WARM_UP_SECONDS = 0.5;

const PRODUCERS = { agents: 1, connections: 16 };

/** @throws UsageError for a contender, an axis or a value that there is not. */
export async function baseOf(
  words: SweepWords,
  rate: SweepRate | undefined,
  places: readonly Place[],
): Promise<SweepBase> {
  const base = parseContender(words.contender, suggestion);
  const { axes } = await definitionOf(base);
  const spec = words.driver === undefined ? base : await withDriver(base, words.driver);
  const partial: SweepBase = {
    contender: spec.name,
    countsHandlers: axes.includes('concurrency'),
    seconds: words.seconds,
    rate,
    mostPerSec: FASTEST_PER_SEC,
  };
  const most = places.map((place) => {
    const { handlers } = pointLoad(partial, place);
    const jobMs = loadValue(place, 'job-ms') ?? 0;
    return handlers === undefined || jobMs === 0 ? FASTEST_PER_SEC : (handlers * 1_000) / jobMs;
  });
  // Of a user's file it is known only now whether it takes the axes.
  for (const place of places.slice(0, 1)) await definitionOf(pointLoad(partial, place).contender);
  const whole = { ...partial, mostPerSec: Math.min(FASTEST_PER_SEC, Math.max(...most)) };
  for (const place of places) {
    const { scenario, capacity } = pointLoad(whole, place);
    for (const { preload, job } of [scenario, ...(capacity === undefined ? [] : [capacity])])
      requireRoom(preload.ready, job.payloadBytes, 'sweep');
  }
  return whole;
}

/** @throws UsageError as `baseOf` does. */
export function pointLoad(base: SweepBase, place: Place): PointLoad {
  const contender = contenderAt(base, place);
  const server = serverLabel(place);
  const handlers = base.countsHandlers ? handlersAt(contender, place) : undefined;
  const rate = loadValue(place, 'rate') ?? base.rate;
  const drain = scenarioAt(base, place, undefined);
  const open = rate === undefined ? undefined : scenarioAt(base, place, rate, drain.name);
  return {
    scenario: open ?? drain,
    ...(typeof rate === 'object' ? { capacity: drain } : {}),
    contender: server === '' ? contender : { ...contender, name: `${contender.name} on ${server}` },
    ...(server === '' ? {} : { server }),
    ...(handlers === undefined ? {} : { handlers }),
  };
}

/** The settings of the server at a place, by name. */
export function settingsAt(place: Place): Record<string, string> {
  return Object.fromEntries(
    Object.entries(place)
      .filter(([name]) => isSettingAxis(name))
      .map(([name, value]) => [name.slice(SETTING_PREFIX.length), String(value)]),
  );
}

/** `shared_buffers=1GB, work_mem=4MB`: what tells its server from the others. Empty where no setting is an axis. */
export function serverLabel(place: Place): string {
  return Object.entries(settingsAt(place))
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function loadValue(place: Place, name: LoadAxis): number | undefined {
  const value = place[name];
  return value === undefined ? undefined : Number(value);
}

/** Axes of the place stand behind the contender's name, as a user would write them. */
function contenderAt({ contender }: SweepBase, place: Place): ContenderSpec {
  const own = Object.entries(place).filter(([name]) => Object.hasOwn(CONTENDER_AXES, name));
  if (own.length === 0) return parseContender(contender, suggestion);
  const query = own.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return parseContender(`${contender}${contender.includes('?') ? '&' : '?'}${query}`, suggestion);
}

/** With `adaptive` their number follows the load. */
function handlersAt({ axes }: ContenderSpec, place: Place): number | undefined {
  if (axes.adaptive !== undefined) return undefined;
  const [workers, connections] = [loadValue(place, 'workers'), loadValue(place, 'connections')];
  return (workers ?? DEFAULTS.workers) * (connections ?? DEFAULTS.connections) * (axes.concurrency ?? 1);
}

function scenarioAt(base: SweepBase, place: Place, rate: SweepRate | undefined, drain = ''): Scenario {
  const at = (name: keyof typeof DEFAULTS): number => loadValue(place, name) ?? DEFAULTS[name];
  const [agents, connections, payloadBytes, ms] = [
    at('workers'),
    at('connections'),
    at('payload'),
    at('job-ms'),
  ];
  const depth = loadValue(place, 'depth');
  const { seconds } = base;
  const handler: HandlerTime = ms === 0 ? { time: 'none' } : { time: 'constant', ms };
  const open = rate !== undefined;
  const measuredSeconds = countedSeconds(seconds, open ? 0 : ms);
  // Jobs that take long fill the handlers later.
  const warmupSeconds = Math.min(WARM_UP_SECONDS, seconds / 4) + ms / 1_000;
  const arrival =
    rate === undefined
      ? {}
      : {
          arrival: {
            model: 'poisson' as const,
            ratePerSec: typeof rate === 'number' ? rate : { share: rate.shareOfCapacity, of: drain },
          },
        };
  return scenarioSchema.parse({
    name: nameOf(open ? 'open' : 'drain', place),
    question: open
      ? 'How soon is a job picked up and done at this point of a sweep?'
      : 'How many jobs per second are settled at this point of a sweep when the backlog never ends?',
    preload: {
      ready: depth ?? (open ? 0 : backlogOf(warmupSeconds + measuredSeconds, base.mostPerSec, payloadBytes)),
    },
    job: { payloadBytes, handler },
    producers: PRODUCERS,
    workers: { agents, connections },
    warmupSeconds,
    phases: [{ label: open ? 'open' : 'drain', seconds: warmupSeconds + measuredSeconds, ...arrival }],
    settleWithinSeconds: open ? 10 : 0,
    serverNeeds: { max_connections: connectionsNeeded({ agents, connections }, PRODUCERS) },
  });
}

/** Even jobs of a drain come in rounds: as many whole ones as fit, and enough for one more or less to matter little. */
function countedSeconds(seconds: number, jobMs: number): number {
  const usual = seconds - Math.min(WARM_UP_SECONDS, seconds / 4);
  if (jobMs === 0) return usual;
  return (Math.max(ROUNDS, Math.round((usual * 1_000) / jobMs)) * jobMs) / 1_000;
}

const NAME_MAX = 40;

/** `drain-w4-c8-j40`: one for each load of the sweep. A scenario's name has letters, digits and hyphens. */
function nameOf(load: 'drain' | 'open', place: Place): string {
  const parts = Object.entries(place).flatMap(([name, value]) => {
    if (!isLoadAxis(name) || (load === 'drain' && name === 'rate')) return [];
    return [`-${LOAD_AXES[name].short}${String(value).replaceAll(/[^0-9]+/g, '-')}`];
  });
  const name = `sweep-${load}${parts.join('')}`;
  if (name.length <= NAME_MAX) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, NAME_MAX - 9)}-${digest}`.replaceAll(/-{2,}/g, '-');
}
