// What does the program itself take for a job, without a database?

import { join } from 'node:path';
import { arrivals } from '../../harness/load/arrivals.ts';
import { nowUs } from '../../harness/load/clock.ts';
import { step } from '../../harness/load/pacer.ts';
import { Workload } from '../../harness/load/workload.ts';
import { LedgerWriter, RECORD } from '../../harness/measure/ledger-writer.ts';
import { newCounters, recordingEvents } from '../../harness/measure/recorder.ts';
import { encodePayload, prepared, type StrategyFactory } from '../../queue/index.ts';
import { randomStream } from '../../stats/random.ts';
import { requireCount } from './site.ts';

/** A part of the program. `size` of its `unit` pass in one sample, since the clock is too coarse for one alone. */
export interface LocalOperation {
  readonly name: string;
  readonly size: number;
  readonly unit: string;
  readonly strategy?: string;
  /** Makes the operation, timed as often as there are samples, and what proves it afterwards; `folder` is for its files. */
  readonly make: (folder: string, seed: number) => Local;
}

export interface Local {
  readonly run: () => void;
  /** Throws a WrongAnswer; and releases what `make` opened. */
  readonly end: () => void;
}

const PAYLOADS = [100, 1_000, 10_000];
const PER_SAMPLE = 100;
/** Enough that the generator's own start does not show. */
const DRAWS = 1_000;
const RATE_PER_SEC = 1_000;

/** In the order of the report; the texts of each strategy last. */
export function localOperations(strategies: readonly StrategyFactory[]): LocalOperation[] {
  return [
    ...PAYLOADS.map(encoding),
    { name: 'prepared statement', size: PER_SAMPLE, unit: 'statements', make: preparing },
    { name: 'ledger record', size: DRAWS, unit: 'records', make: writing },
    { name: 'recorder', size: PER_SAMPLE, unit: 'jobs', make: recording },
    { name: 'pacer step', size: DRAWS, unit: 'steps', make: pacing },
    { name: 'arrival draw', size: DRAWS, unit: 'arrivals', make: drawing },
    ...strategies.map(building),
  ];
}

function encoding(bytes: number): LocalOperation {
  return {
    name: `encode payload of ${bytes} B`,
    size: PER_SAMPLE,
    unit: 'payloads',
    make: () => {
      const workload = new Workload(bytes, [0]);
      const payloads = Array.from({ length: PER_SAMPLE }, (_, key) => workload.job(key, 0).payload);
      let characters = 0;
      return {
        run() {
          characters = 0;
          for (const payload of payloads) characters += encodePayload(payload).length;
        },
        end: () => requireCount(characters, bytes * PER_SAMPLE, 'characters were encoded'),
      };
    },
  };
}

/** What a strategy does once, when it is made: its texts, and the digests that name them. */
function building(factory: StrategyFactory): LocalOperation {
  return {
    name: 'build statements',
    size: 1,
    unit: 'strategies',
    strategy: factory.strategyName,
    make: () => {
      let relations = 0;
      return {
        run() {
          relations = factory.create({ schema: 'claimbench' }).relations.length;
        },
        end: () => requireCount(Math.min(relations, 1), 1, 'strategies with relations were made'),
      };
    },
  };
}

/** Binds values to a text that was prepared before, as each call of a strategy does. */
function preparing(): Local {
  const statement = prepared('SELECT $1::text AS queue, $2::integer AS wanted, $3::float8 AS lease_ms');
  // Kept, or the compiler would see that nobody needs them and make none.
  const bound = Array.from({ length: PER_SAMPLE }, () => statement([]));
  return {
    run() {
      for (let i = 0; i < PER_SAMPLE; i += 1) bound[i] = statement(['bench', i, 30_000]);
    },
    end() {
      const values = bound.reduce((sum, one) => sum + (one.values?.length ?? 0), 0);
      requireCount(values, 3 * PER_SAMPLE, 'values were bound');
    },
  };
}

/** Records as they come, with the flushes that a full buffer asks for. */
function writing(folder: string): Local {
  const ledger = new LedgerWriter(join(folder, `micro-${nowUs()}.ledger`));
  let records = 0;
  return {
    run() {
      for (let key = 0; key < DRAWS; key += 1) ledger.append(RECORD.claimed, 0, 1, key, 1, 2, 3);
      records += DRAWS;
    },
    end() {
      ledger[Symbol.dispose]();
      requireCount(records % DRAWS, 0, 'records were written by halves');
    },
  };
}

/** All three events of jobs that are claimed and settled alone: the dearest way, with its two flushes each. */
function recording(folder: string): Local {
  const ledger = new LedgerWriter(join(folder, `micro-${nowUs()}.ledger`));
  const counters = newCounters();
  const events = recordingEvents(ledger, counters, nowUs, () => undefined);
  let jobs = 0;
  return {
    run() {
      for (let key = 0; key < PER_SAMPLE; key += 1) {
        events.claimed(1, nowUs(), [key], [1]);
        events.settled(1, events.settling(1, [key], ['ack']), []);
      }
      jobs += PER_SAMPLE;
    },
    end() {
      ledger[Symbol.dispose]();
      requireCount(counters.finished, jobs, 'jobs were recorded');
    },
  };
}

function pacing(): Local {
  let [sends, waits] = [0, 0];
  return {
    run() {
      sends = 0;
      waits = 0;
      for (let i = 0; i < DRAWS; i += 1) {
        if (step(i, DRAWS / 2).kind === 'send') sends += 1;
        else waits += 1;
      }
    },
    end() {
      requireCount(sends, DRAWS / 2 + 1, 'steps said send');
      requireCount(waits, DRAWS / 2 - 1, 'steps said wait');
    },
  };
}

/** Poisson arrivals of a constant rate, as the steady scenario draws them. */
function drawing(_folder: string, seed: number): Local {
  const seconds = 86_400;
  const schedule = () =>
    arrivals(
      [
        {
          kind: 'rate',
          seconds,
          spacing: 'poisson',
          segments: [{ seconds, fromPerSec: RATE_PER_SEC, toPerSec: RATE_PER_SEC }],
          shift: 0,
        },
      ],
      randomStream(seed, 'micro arrivals'),
    );
  let source = schedule();
  let [last, drawn, behind] = [-1, 0, 0];
  return {
    run() {
      for (let i = 0; i < DRAWS; i += 1) {
        const { value, done } = source.next();
        if (done === true || value === undefined) {
          source = schedule();
          last = -1;
          continue;
        }
        if (value.atUs < last) behind += 1;
        last = value.atUs;
        drawn += 1;
      }
    },
    end() {
      requireCount(behind, 0, 'arrivals went back in time');
      requireCount(Math.min(drawn, 1), 1, 'arrivals were drawn');
    },
  };
}
