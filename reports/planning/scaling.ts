// How does throughput grow with handlers? The universal scalability law, fitted to closed loads and tried on others.

import type { Prediction, Scaling } from '../../harness/result/result.ts';
import { randomStream } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import { fitUsl, saidUpTo, type UslFit, uslAt, uslBand, uslPeak } from '../../stats/usl.ts';
import { lostToArrivals } from './arrivals.ts';
import type { Law } from './law.ts';
import { type MeasuredCell, validOf } from './measured.ts';

/** Of a prediction of throughput: what the field calls a good capacity model. */
const GOOD_WITHIN = 0.1;
/** A law that was tried at fewer levels is not said to be good. */
const HELD_BACK_LEVELS = 2;
const BAND_POINTS = 40;
const RESAMPLES = 500;

/** Fits the closed loads, holds the fit against those that were kept from it. Absent without a closed load. */
export function scalingOf(
  contender: string,
  cells: readonly MeasuredCell[],
  seed: number,
): { readonly scaling?: Scaling; readonly law?: Law; readonly predictions: readonly Prediction[] } {
  const points = withoutOdd(pointsOf(cells));
  if (points.length === 0) return { predictions: [] };
  const fitted = points
    .filter(({ heldBack, setAside }) => !heldBack && setAside !== true)
    .map(({ handlers: n, perSec }) => ({ n, perSec }));
  const fit = fitUsl(fitted);
  if ('refused' in fit) return { scaling: { contender, points, refused: fit.refused }, predictions: [] };
  const upTo = saidUpTo(fitted);
  const predictions = heldBackPredictions(points, fit);
  const band = uslBand(fitted, levels(upTo), {
    random: randomStream(seed, 'usl band'),
    resamples: RESAMPLES,
    confidence: 0.95,
  });
  if ('refused' in band) return { scaling: { contender, points, refused: band.refused }, predictions: [] };
  const peak = uslPeak(fit);
  const good =
    fit.relativeError <= GOOD_WITHIN && predictions.every(({ error }) => Math.abs(error) <= GOOD_WITHIN);
  const quality = !good ? 'poor' : predictions.length < HELD_BACK_LEVELS ? 'untried' : 'good';
  const lowPerSec = edge(band.band.map(({ n, low }) => ({ n, perSec: low })));
  const highPerSec = edge(band.band.map(({ n, high }) => ({ n, perSec: high })));
  // A band of 95 % is four standard errors wide, nearly.
  const lawError = (n: number): number => (highPerSec(n) - lowPerSec(n)) / 4 / uslAt(fit, n);
  const lost = lostToArrivals(fit, cells, lawError) ?? {};
  return {
    law: { ...{ fit, saidUpTo: upTo, quality, lowPerSec, highPerSec }, ...lost },
    predictions,
    scaling: {
      contender,
      points,
      fit: {
        lambdaPerSec: fit.lambdaPerSec,
        sigma: fit.sigma,
        kappa: fit.kappa,
        relativeError: fit.relativeError,
        ...(peak === undefined || peak > upTo ? {} : { peakHandlers: peak }),
        saidUpTo: upTo,
        ...lost,
        band: band.band.map(({ n, low, perSec, high }) => ({ handlers: n, low, perSec, high })),
        quality,
      },
    },
  };
}

type Point = Scaling['points'][number];

function pointsOf(cells: readonly MeasuredCell[]): Point[] {
  return validOf(cells, 'closed', 'held back').flatMap(({ purpose, handlers, cell }) => {
    const perSec = cell.throughput?.settledPerSec;
    return perSec === undefined || perSec === 0
      ? []
      : [{ handlers, perSec, cell: cell.id, heldBack: purpose === 'held back' }];
  });
}

/** Two repeats further apart than this do not tell which of them is right: a third does. */
const REPEATS_WITHIN = 0.1;

/** Numbers of handlers whose two repeats are so far apart that a third is wanted, whatever the law makes of them. */
export function handlersInDoubt(cells: readonly MeasuredCell[]): number[] {
  const points = pointsOf(cells);
  return [...new Set(points.map(({ handlers }) => handlers))].filter((handlers) => {
    const repeats = points.filter((point) => point.handlers === handlers);
    return repeats.length === 2 && farApart(repeats);
  });
}

function farApart(repeats: readonly Point[]): boolean {
  const perSecs = repeats.map(({ perSec }) => perSec);
  return Math.max(...perSecs) > (1 + REPEATS_WITHIN) * Math.min(...perSecs);
}

/** Of three repeats one that two others, which agree, are far from is not fitted: a stall of the machine would bend the law. Where no two agree, all are. */
function withoutOdd(points: readonly Point[]): Point[] {
  return points.map((point) => {
    const others = points.filter((one) => one !== point && one.handlers === point.handlers);
    const odd = others.length === 2 && !farApart(others) && others.every((other) => farApart([point, other]));
    return odd && !point.heldBack ? { ...point, setAside: true } : point;
  });
}

/** Whole numbers from 1, evenly on a log axis. */
function levels(upTo: number): number[] {
  const even = Array.from({ length: BAND_POINTS }, (_, i) => Math.round(upTo ** (i / (BAND_POINTS - 1))));
  return [...new Set(even)];
}

/** Between two points of the band on a straight line: it is nowhere far from one, as they lie close. */
function edge(band: readonly { readonly n: number; readonly perSec: number }[]): Law['lowPerSec'] {
  return (handlers) => {
    const above = band.find(({ n }) => n >= handlers) ?? band.at(-1);
    const below = band.findLast(({ n }) => n <= handlers) ?? band[0];
    if (above === undefined || below === undefined) return 0;
    if (above.n <= below.n) return below.perSec;
    return below.perSec + ((above.perSec - below.perSec) * (handlers - below.n)) / (above.n - below.n);
  };
}

function heldBackPredictions(points: Scaling['points'], fit: UslFit): Prediction[] {
  const kept = points.filter(({ heldBack }) => heldBack);
  return [...new Set(kept.map(({ handlers }) => handlers))]
    .sort((x, y) => x - y)
    .map((handlers) => {
      const repeats = kept.filter((point) => point.handlers === handlers);
      const measured = median(repeats.map(({ perSec }) => perSec)) ?? 0;
      const predicted = uslAt(fit, handlers);
      return {
        what: 'throughput',
        at: handlers === 1 ? '1 handler' : `${handlers} handlers`,
        unit: 'jobs/s',
        ...{ predicted, measured, error: predicted / measured - 1, goodWithin: GOOD_WITHIN },
        cells: repeats.map(({ cell }) => cell),
      };
    });
}
