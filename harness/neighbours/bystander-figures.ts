// How did the bystander fare, phase by phase and second by second?

import { LatencyHistogram } from '../measure/histogram.ts';
import type { BystanderFigures, Sample } from '../result/result.ts';
import type { TransactionRecord } from './bystander-records.ts';

/** Instants in µs of the machine's clock. */
export interface FiguresInput {
  readonly records: Iterable<TransactionRecord>;
  readonly startUs: number;
  /** Nothing was due any more. */
  readonly loadEndUs: number;
  /** It had stopped: up to here the age of what had not ended counts. */
  readonly endUs: number;
  readonly warmupSeconds: number;
  readonly phases: readonly { readonly label: string; readonly seconds: number }[];
}

/** What its money must add up to. */
export interface Expected {
  committed: number;
  delta: number;
  /** What each transaction of unknown outcome adds if it happened, by number. */
  readonly unknown: Map<number, number>;
}

export interface Account {
  readonly phases: BystanderFigures['phases'];
  readonly whole: BystanderFigures['whole'];
  /** After the warm-up, of however few transactions. */
  readonly lag: Pick<BystanderFigures['generator'], 'lagP99Us' | 'lagMaxUs' | 'lateShare'>;
  readonly unsentShare: number;
  readonly expected: Expected;
  /** Lines of the interval log, one for each phase in which any was due. */
  readonly log: readonly string[];
  samples(cell: string): Sample[];
}

const LATE_US = 10_000;

/** Reads all records once. */
export function accountOf(input: FiguresInput): Account {
  const { startUs, loadEndUs, endUs } = input;
  const stretches = stretchesOf(input);
  const whole = new Stretch('', startUs, loadEndUs, endUs);
  const timeline = new Timeline(startUs, endUs);
  const lag = new Lag(startUs + input.warmupSeconds * 1e6);
  const expected: Expected = { committed: 0, delta: 0, unknown: new Map() };
  for (const record of input.records) {
    for (const stretch of stretches) stretch.add(record);
    whole.add(record);
    timeline.add(record);
    lag.add(record);
    if (record.outcome === 'committed') {
      expected.committed += 1;
      expected.delta += record.delta;
    } else if (record.outcome === 'unknown') expected.unknown.set(record.number, record.delta);
  }
  return {
    phases: stretches.map((stretch) => ({ label: stretch.label, ...stretch.figures() })),
    whole: whole.figures(),
    ...lag.report(),
    expected,
    log: stretches.flatMap((stretch) => stretch.logLine(startUs)),
    samples: (cell) => timeline.samples(cell),
  };
}

/** The phases as far as the load went, less the warm-up. */
function stretchesOf({ phases, startUs, loadEndUs, endUs, warmupSeconds }: FiguresInput): Stretch[] {
  let fromUs = startUs;
  return phases.map(({ label, seconds }) => {
    const begin = Math.max(fromUs, startUs + warmupSeconds * 1e6);
    fromUs += seconds * 1e6;
    return new Stretch(label, begin, Math.max(begin, Math.min(fromUs, loadEndUs)), endUs);
  });
}

class Stretch {
  readonly label: string;
  readonly #fromUs: number;
  readonly #toUs: number;
  readonly #endUs: number;
  readonly #latency = new LatencyHistogram();
  #offered = 0;
  #failed = 0;
  #unfinished = 0;
  #done = 0;

  constructor(label: string, fromUs: number, toUs: number, endUs: number) {
    this.label = label;
    this.#fromUs = fromUs;
    this.#toUs = toUs;
    this.#endUs = endUs;
  }

  add({ intendedUs, endedUs, outcome }: TransactionRecord): void {
    if (outcome === 'committed' && this.#holds(endedUs)) this.#done += 1;
    if (!this.#holds(intendedUs)) return;
    this.#offered += 1;
    if (outcome === 'committed') this.#latency.record(endedUs - intendedUs);
    else {
      this.#latency.recordUnfinished(this.#endUs - intendedUs);
      if (outcome === 'failed' || outcome === 'unknown') this.#failed += 1;
      else this.#unfinished += 1;
    }
  }

  #holds(us: number): boolean {
    return us >= this.#fromUs && us < this.#toUs;
  }

  figures(): BystanderFigures['whole'] {
    const seconds = (this.#toUs - this.#fromUs) / 1e6;
    const latencyUs = this.#latency.percentiles();
    return {
      seconds: round3(seconds),
      offered: this.#offered,
      failed: this.#failed,
      unfinished: this.#unfinished,
      ...(seconds === 0
        ? {}
        : {
            offeredPerSec: round3(this.#offered / seconds),
            donePerSec: round3(this.#done / seconds),
          }),
      ...(latencyUs === undefined ? {} : { latencyUs }),
    };
  }

  logLine(startUs: number): string[] {
    if (this.#latency.count === 0) return [];
    const from = (this.#fromUs - startUs) / 1e6;
    return [this.#latency.logLine('bystander', from, (this.#toUs - this.#fromUs) / 1e6)];
  }
}

/** The generator's own lateness: what it handed over late is charged to the server otherwise. */
class Lag {
  readonly #fromUs: number;
  readonly #lag = new LatencyHistogram();
  #due = 0;
  #late = 0;
  #unsent = 0;

  constructor(fromUs: number) {
    this.#fromUs = fromUs;
  }

  add({ intendedUs, sentUs, outcome }: TransactionRecord): void {
    if (intendedUs < this.#fromUs) return;
    this.#due += 1;
    if (outcome === 'unsent') this.#unsent += 1;
    else if (sentUs - intendedUs > LATE_US) this.#late += 1;
    this.#lag.record(sentUs - intendedUs);
  }

  report(): Pick<Account, 'lag' | 'unsentShare'> {
    const due = Math.max(1, this.#due);
    return {
      lag: {
        lagP99Us: this.#lag.unquotable(99),
        lagMaxUs: this.#due === 0 ? 0 : Math.round(this.#lag.maxUs),
        lateShare: (this.#late + this.#unsent) / due,
      },
      unsentShare: this.#unsent / due,
    };
  }
}

/** Buckets of one second, by the instants at which transactions ended. */
class Timeline {
  readonly #startUs: number;
  readonly #totalSeconds: number;
  readonly #rows: { failed: number; readonly latencies: number[] }[];

  constructor(startUs: number, endUs: number) {
    this.#startUs = startUs;
    this.#totalSeconds = (endUs - startUs) / 1e6;
    // Rounded: a sliver at the end joins the bucket before it.
    const buckets = Math.max(1, Math.round(this.#totalSeconds));
    this.#rows = Array.from({ length: buckets }, () => ({ failed: 0, latencies: [] }));
  }

  /** What had not ended when the load was over ended in no second. */
  add({ intendedUs, endedUs, outcome }: TransactionRecord): void {
    const at = Math.floor((endedUs - this.#startUs) / 1e6);
    const row = this.#rows[Math.min(this.#rows.length - 1, Math.max(0, at))];
    if (outcome === 'committed') row?.latencies.push(endedUs - intendedUs);
    else if (row !== undefined && (outcome === 'failed' || outcome === 'unknown')) row.failed += 1;
  }

  samples(cell: string): Sample[] {
    const histogram = new LatencyHistogram();
    return this.#rows.map(({ failed, latencies }, i) => {
      const last = i === this.#rows.length - 1;
      histogram.reset();
      for (const latency of latencies) histogram.record(latency);
      const [p50Us, p99Us] = [histogram.quotable(50), histogram.quotable(99)];
      return {
        kind: 'bystander' as const,
        cell,
        t: round3(last ? this.#totalSeconds : i + 1),
        seconds: round3(last ? this.#totalSeconds - i : 1),
        count: latencies.length,
        failed,
        ...(p50Us === undefined ? {} : { p50Us }),
        ...(p99Us === undefined ? {} : { p99Us }),
        ...(latencies.length === 0 ? {} : { maxUs: Math.round(histogram.maxUs) }),
      };
    });
  }
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
