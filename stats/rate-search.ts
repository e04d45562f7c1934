// Which rate is to be tried next, to find the highest that is sustainable? A search that asks, and is told how it went.

/** `void`: the load could not be carried, which says nothing of the rate. */
type Outcome = 'pass' | 'fail' | 'unclear' | 'void';

/** The next load. `long`: longer than usual, since a shorter one left a doubt, or its answer is to be confirmed. */
export interface ProbeWish {
  readonly ratePerSec: number;
  readonly purpose: 'bracket' | 'bisect' | 'repeat' | 'confirm';
  readonly long: boolean;
}

/** A wish, and what is the answer should it never be told how it went. */
export type AskedProbe = ProbeWish & { readonly soFar: RateInterval };

export interface RateSearchOptions {
  readonly startPerSec: number;
  readonly minPerSec: number;
  readonly maxPerSec: number;
  /** The search ends when neighbouring rates are no further apart than by the factor 1 + this; 0.05 unless told. */
  readonly resolution?: number;
  /** 60 unless told. */
  readonly maxProbes?: number;
  /** Whether there is time for this load; asked before each. Absent for always. */
  readonly budgetLeft?: (wish: ProbeWish) => boolean;
}

/** The answer, as `search` of a bundle has it. Rates in 1/s. */
export interface RateInterval {
  readonly state: 'bracketed' | 'no fail' | 'no pass' | 'unmeasurable' | 'interrupted';
  readonly passPerSec?: number;
  readonly failPerSec?: number;
  readonly passConfirmed: boolean;
  readonly failConfirmed: boolean;
  /** Between pass and fail, or beyond the only one of them: could not be told, though tried again by a long load. Rising. */
  readonly unclearPerSec: readonly number[];
  /** Tried twice, and void both times. Rising. */
  readonly unmeasurablePerSec: readonly number[];
}

/** What is known of one rate. A long load is asked for after a short one only, and outranks it: its outcome takes the place of the other. */
interface Tried {
  readonly ratePerSec: number;
  /** Absent while all its loads were void. */
  standing?: Exclude<Outcome, 'void'>;
  /** Whether a long load said so. */
  long: boolean;
  /** Loads in a row that said so. */
  agreed: number;
  /** In a row. */
  voids: number;
}

/**
 * So many loads must agree on the pass, the last one a long one: near the limit a queue is late in bursts so rare that a single load often sees none.
 */
const PASSES_IN_A_ROW = 3;
const FAILS_IN_A_ROW = 2;
/** Void as often as that in a row, a rate is left alone. */
const MOST_VOIDS = 2;

/**
 * Brackets by factors of two and bisects geometrically. A rate that stays unclear moves neither end: the search goes on at both
 * sides of it. Both ends are confirmed by long loads: two loads in a row must agree on the fail, three on the pass.
 *
 * Only rates between the highest pass and the lowest fail are tried, so that a contradiction can but be one between two loads of
 * one rate: the longer outranks the shorter, and two long ones that disagree leave it unclear. An end that is thus refuted moves to the next rate that stands, and the search goes on
 * from there.
 *
 * @throws {RangeError} when the options are none that a search can work with.
 */
export function* searchRate(options: RateSearchOptions): Generator<AskedProbe, RateInterval, Outcome> {
  const { startPerSec, minPerSec, maxPerSec, resolution = 0.05, maxProbes = 60 } = options;
  if (!(minPerSec > 0 && minPerSec <= maxPerSec && Number.isFinite(maxPerSec) && startPerSec > 0))
    throw new RangeError(
      `no rates to search: from ${startPerSec} jobs/s, between ${minPerSec} and ${maxPerSec}`,
    );
  // Rates are rounded to four digits: finer steps than this could come to nothing.
  if (!(resolution >= 0.005)) throw new RangeError(`a resolution of ${resolution} is too fine`);
  const tried = new Map<number, Tried>();
  for (let probes = 0; ; probes += 1) {
    const rates = [...tried.values()].sort((x, y) => x.ratePerSec - y.ratePerSec);
    const wish = next(rates, { startPerSec, minPerSec, maxPerSec, resolution });
    if (wish === undefined) return answer(rates, true);
    const soFar = answer(rates, false);
    if (probes >= maxProbes || options.budgetLeft?.(wish) === false) return soFar;
    note(tried, wish, yield { ...wish, soFar });
  }
}

function note(tried: Map<number, Tried>, { ratePerSec, long }: ProbeWish, outcome: Outcome): void {
  const known = tried.get(ratePerSec) ?? { ratePerSec, long: false, agreed: 0, voids: 0 };
  tried.set(ratePerSec, known);
  if (outcome === 'void') known.voids += 1;
  else {
    // Two long loads that disagree cannot be told apart by a third.
    const standing = known.long && outcome !== known.standing ? 'unclear' : outcome;
    known.agreed = standing === known.standing ? known.agreed + 1 : 1;
    Object.assign(known, { standing, long, voids: 0 });
  }
}

type Limits = Required<Pick<RateSearchOptions, 'startPerSec' | 'minPerSec' | 'maxPerSec' | 'resolution'>>;

/** Undefined when nothing is left to ask. `rates` rise. */
function next(rates: readonly Tried[], limits: Limits): ProbeWish | undefined {
  return again(rates) ?? bracket(rates, limits) ?? bisect(rates, limits) ?? confirm(rates);
}

function again(rates: readonly Tried[]): ProbeWish | undefined {
  for (const { ratePerSec, standing, long, voids } of rates) {
    if (voids >= MOST_VOIDS) continue;
    if (standing === undefined) return { ratePerSec, purpose: 'repeat', long: false };
    if (standing === 'unclear' && !long) return { ratePerSec, purpose: 'repeat', long: true };
  }
  return undefined;
}

function bracket(rates: readonly Tried[], limits: Limits): ProbeWish | undefined {
  const { startPerSec, minPerSec, maxPerSec } = limits;
  const at = (ratePerSec: number): ProbeWish => ({ ratePerSec, purpose: 'bracket', long: false });
  const [lowest, highest] = [rates[0], rates.at(-1)];
  if (lowest === undefined || highest === undefined)
    return at(Math.min(maxPerSec, Math.max(minPerSec, startPerSec)));
  const { pass, fail } = endsOf(rates);
  if (pass === undefined)
    return lowest.ratePerSec > minPerSec ? at(Math.max(minPerSec, lowest.ratePerSec / 2)) : undefined;
  // Above what could not be carried lies what can be carried even less.
  if (fail !== undefined || highest.standing === undefined || highest.ratePerSec >= maxPerSec)
    return undefined;
  return at(Math.min(maxPerSec, highest.ratePerSec * 2));
}

/** In the wider one of the gaps beside the ends that is still too wide. */
function bisect(rates: readonly Tried[], { resolution }: Limits): ProbeWish | undefined {
  const { pass, fail } = endsOf(rates);
  if (pass === undefined) return undefined;
  const points = rates.filter((one) => one.ratePerSec >= pass.ratePerSec && !isAbove(one, fail));
  const gaps = [points.slice(0, 2), points.slice(-2)].flatMap(([below, above]) =>
    below === undefined || above === undefined || above.ratePerSec / below.ratePerSec <= 1 + resolution
      ? []
      : [{ low: below.ratePerSec, high: above.ratePerSec }],
  );
  const widest = gaps.sort((x, y) => y.high / y.low - x.high / x.low)[0];
  if (widest === undefined) return undefined;
  const ratePerSec = Number(Math.sqrt(widest.low * widest.high).toPrecision(4));
  return { ratePerSec, purpose: 'bisect', long: false };
}

function confirm(rates: readonly Tried[]): ProbeWish | undefined {
  const { pass, fail } = endsOf(rates);
  for (const end of [pass, fail]) {
    if (end !== undefined && !isConfirmed(end) && end.voids < MOST_VOIDS)
      return { ratePerSec: end.ratePerSec, purpose: 'confirm', long: true };
  }
  return undefined;
}

function isConfirmed({ standing, long, agreed }: Tried): boolean {
  return long && agreed >= (standing === 'pass' ? PASSES_IN_A_ROW : FAILS_IN_A_ROW);
}

/** The lowest fail, and the highest pass below it. */
function endsOf(rates: readonly Tried[]): { readonly pass?: Tried; readonly fail?: Tried } {
  const fail = rates.find(({ standing }) => standing === 'fail');
  const pass = rates.findLast((one) => one.standing === 'pass' && !isAbove(one, fail));
  return { ...(pass && { pass }), ...(fail && { fail }) };
}

function isAbove(one: Tried, other: Tried | undefined): boolean {
  return other !== undefined && one.ratePerSec > other.ratePerSec;
}

function answer(rates: readonly Tried[], complete: boolean): RateInterval {
  const { pass, fail } = endsOf(rates);
  const below = rates.filter((one) => fail === undefined || isAbove(fail, one));
  const ratesOf = (some: readonly Tried[]): number[] => some.map(({ ratePerSec }) => ratePerSec);
  const unmeasurable = rates.filter(({ standing }) => standing === undefined);
  return {
    state: complete ? stateOf(rates, pass, fail) : 'interrupted',
    ...(pass && { passPerSec: pass.ratePerSec }),
    ...(fail && { failPerSec: fail.ratePerSec }),
    passConfirmed: pass !== undefined && isConfirmed(pass),
    failConfirmed: fail !== undefined && isConfirmed(fail),
    unclearPerSec: ratesOf(below.filter(({ standing }) => standing === 'unclear')),
    unmeasurablePerSec: ratesOf(unmeasurable.filter(({ voids }) => voids >= MOST_VOIDS)),
  };
}

function stateOf(
  rates: readonly Tried[],
  pass: Tried | undefined,
  fail: Tried | undefined,
): RateInterval['state'] {
  if (pass !== undefined && fail !== undefined) return 'bracketed';
  // What is unclear or void at every rate says nothing of any.
  if (pass === undefined) return rates[0]?.standing === 'fail' ? 'no pass' : 'unmeasurable';
  return rates.at(-1)?.standing === undefined ? 'unmeasurable' : 'no fail';
}
