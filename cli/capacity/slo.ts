// What must a rate hold to be sustainable? Reads the words of `--slo`.

import { UsageError } from '../../harness/errors.ts';
import type { Slo } from '../../harness/result/result.ts';
import { readExpectation } from '../../scenarios/expect.ts';
import { suggestion } from '../suggest.ts';

/** What is asked of a rate when nobody says. */
export const DEFAULT_SLO = 'pickup.p99<250ms';

const LATENCY = /^latencyUs\.(enqueue|pickup|service|response)\.p(50|90|95|99|999)$/;
/** All that may be asked of a rate. */
const FIGURES = [
  ...['enqueue', 'pickup', 'service', 'response'].flatMap((of) =>
    ['p50', 'p90', 'p95', 'p99', 'p999'].map((percentile) => `${of}.${percentile}`),
  ),
  'deadTuples.growth',
];
const GROWTH = /^deadTuples\.growth\s*<=?\s*(\d+(?:\.\d+)?)\s*(?:\/s)?$/;
const EXAMPLES = "'pickup.p99<250ms', 'response.p95<1s' or 'deadTuples.growth<500/s'";

/** @throws UsageError for what is no latency's percentile with an upper limit, and no growth of dead tuples. */
export function readSlo(texts: readonly string[]): Slo[] {
  const slo = texts.map(readTerm);
  const twice = slo.find((one, i) => slo.findIndex((other) => sameFigure(one, other)) !== i);
  if (twice !== undefined)
    throw new UsageError(`--slo '${twice.text}': there is another limit for the same figure: leave one out`);
  return slo;
}

function readTerm(text: string): Slo {
  const growth = GROWTH.exec(text.trim());
  if (growth !== null) {
    const limitPerSec = Number(growth[1]);
    if (limitPerSec > 0)
      return { of: 'deadTuples', limitPerSec, text: `deadTuples.growth < ${limitPerSec} /s` };
    throw new UsageError(`--slo '${text}': give a limit above 0`);
  }
  const read = readExpectation(text, []);
  if ('misreading' in read) {
    const { problem, unknown, known } = read.misreading;
    const nearest = unknown === undefined || known === undefined ? '' : suggestion(unknown, FIGURES);
    throw new UsageError(`--slo ${problem}${nearest}`);
  }
  const [, of, percent] = LATENCY.exec(read.figure.path) ?? [];
  if (percent === undefined || !isMetric(of) || read.limit.kind !== 'value' || !/^<=?$/.test(read.op))
    throw new UsageError(
      `--slo '${text}': give the upper limit of a percentile, or of the growth of dead tuples: ${EXAMPLES}`,
    );
  const limitUs = read.limit.value;
  if (!(limitUs > 0)) throw new UsageError(`--slo '${text}': give a limit above 0`);
  const percentile = percent === '999' ? 99.9 : Number(percent);
  return { of, percentile, limitUs, text: `${of}.p${percent} < ${timeText(limitUs)}` };
}

function isMetric(of: string | undefined): of is 'enqueue' | 'pickup' | 'service' | 'response' {
  return of === 'enqueue' || of === 'pickup' || of === 'service' || of === 'response';
}

function sameFigure(x: Slo, y: Slo): boolean {
  if (x.of === 'deadTuples' || y.of === 'deadTuples') return x.of === y.of;
  return x.of === y.of && x.percentile === y.percentile;
}

function timeText(us: number): string {
  if (us >= 1e6) return `${us / 1e6} s`;
  return us >= 1e3 ? `${us / 1e3} ms` : `${us} µs`;
}

/** @throws UsageError for an SLO of dead tuples where nobody looks at them. */
export function requireSampling(slo: readonly Slo[], sampling: boolean): void {
  if (!sampling && slo.some(({ of }) => of === 'deadTuples'))
    throw new UsageError('--no-sampling: dead tuples are seen by sampling; leave it out, or their --slo');
}
