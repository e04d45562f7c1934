// Which parameters, none below its bound, bring a curve closest to its points, and is that certain?

/** What a model says for given parameters: its residuals, and for each the derivatives by every parameter. */
export type Evaluated = {
  readonly residuals: readonly number[];
  /** A row for each residual, a column for each parameter. */
  readonly jacobian: readonly (readonly number[])[];
};

/** How to search. */
export type LeastSquaresOptions = {
  /** The least that each parameter may be; it may lie on its bound. −∞ for none. */
  readonly lower: readonly number[];
  /** No more evaluations of the model than this; 200 unless told. */
  readonly maxIterations?: number;
};

/** `converged`: a minimum. `no minimum`: the search came to rest where some direction does not lead upwards. */
export type LeastSquares = {
  readonly state: 'converged' | 'no convergence' | 'no minimum';
  /** Of the last point reached. */
  readonly parameters: readonly number[];
  /** Sum of the squared residuals there. */
  readonly squares: number;
};

type Model = (parameters: readonly number[]) => Evaluated;

/** A point of the search. */
type Point = {
  readonly parameters: readonly number[];
  readonly squares: number;
  /** JᵀJ and Jᵀr. */
  readonly normal: readonly (readonly number[])[];
  readonly gradient: readonly number[];
  /** Length of each column of J, 1 for a column of zeros: parameters times these are comparable. */
  readonly scales: readonly number[];
};

const FIRST_DAMPING = 1e-3;
/** Below, the step is that of Gauss and Newton; above, too short to matter. */
const DAMPING = { least: 1e-14, most: 1e14 };
/** A step of this share of the scaled parameters ends the search … */
const TINY_STEP = 1e-11;
/** … which is at rest when the undamped step is no longer than this. */
const REST = 1e-6;
/** How far the gradient is looked at to both sides for the curvature, and how much of it must be left: shares of a parameter's own. */
const LOOK_ASIDE = 1e-4;
const LEAST_CURVATURE = 1e-8;

/**
 * Damped least squares: Levenberg (1944), Marquardt (1963), with Marquardt's scaling of the damping, which makes the search
 * indifferent to units. Bounds are held by projection: a parameter that lies on its bound and that the gradient would push
 * beyond stays there exactly, and the others are sought without it (Bertsekas 1982, "Projected Newton Methods").
 * What is found is a minimum only if the Hessian of the parameters that are free is positive definite.
 */
export function leastSquares(
  model: Model,
  start: readonly number[],
  { lower, maxIterations = 200 }: LeastSquaresOptions,
): LeastSquares {
  let at = pointAt(model, within(start, lower));
  let damping = FIRST_DAMPING;
  for (let i = 1; i < maxIterations; i += 1) {
    const step = dampedStep(at, freeAt(at, lower), damping);
    const moved = at.parameters.map((value, j) => value + (step[j] ?? 0));
    const next = pointAt(model, within(moved, lower));
    const better = next.squares < at.squares;
    const length = relativeLength(at, next.parameters);
    if (better) at = next;
    damping = better ? Math.max(damping / 10, DAMPING.least) : damping * 10;
    if (length <= TINY_STEP || damping > DAMPING.most) break;
  }
  return { state: judged(model, at, freeAt(at, lower)), parameters: at.parameters, squares: at.squares };
}

function within(parameters: readonly number[], lower: readonly number[]): number[] {
  return parameters.map((value, j) => Math.max(value, lower[j] ?? Number.NEGATIVE_INFINITY));
}

function pointAt(model: Model, parameters: readonly number[]): Point {
  const { residuals, jacobian } = model(parameters);
  const columns = parameters.map((_, j) => jacobian.map((row) => row[j] ?? 0));
  const normal = columns.map((column) => columns.map((other) => dot(column, other)));
  return {
    parameters,
    squares: dot(residuals, residuals),
    normal,
    gradient: columns.map((column) => dot(column, residuals)),
    scales: normal.map((row, j) => Math.sqrt(row[j] ?? 0) || 1),
  };
}

/** Those that may move: not on their bound, or drawn away from it. */
function freeAt(at: Point, lower: readonly number[]): number[] {
  const free = (value: number, j: number): boolean => value > (lower[j] ?? 0) || (at.gradient[j] ?? 0) < 0;
  return at.parameters.flatMap((value, j) => (free(value, j) ? [j] : []));
}

/** −(JᵀJ + damping · diag)⁻¹ Jᵀr over the free parameters, and 0 for the others. */
function dampedStep(at: Point, free: readonly number[], damping: number): number[] {
  const scale = (j: number): number => at.scales[j] ?? 1;
  const matrix = free.map((j) =>
    free.map((k) => (at.normal[j]?.[k] ?? 0) / (scale(j) * scale(k)) + (j === k ? damping : 0)),
  );
  const solved = solve(
    matrix,
    free.map((j) => -(at.gradient[j] ?? 0) / scale(j)),
  );
  const step = at.parameters.map(() => 0);
  for (const [i, j] of free.entries()) step[j] = (solved?.[i] ?? 0) / scale(j);
  return step;
}

/** How far it is from a point to other parameters, as a share of the point's own parameters. */
function relativeLength(at: Point, to: readonly number[]): number {
  const moved = Math.hypot(...to.map((value, j) => (value - (at.parameters[j] ?? 0)) * (at.scales[j] ?? 1)));
  return moved / sizeOf(at);
}

function sizeOf(at: Point): number {
  return Math.hypot(...at.parameters.map((value, j) => value * (at.scales[j] ?? 1))) || 1;
}

function judged(model: Model, at: Point, free: readonly number[]): LeastSquares['state'] {
  const step = dampedStep(at, free, DAMPING.least);
  const length = relativeLength(
    at,
    at.parameters.map((value, j) => value + (step[j] ?? 0)),
  );
  if (!Number.isFinite(at.squares) || !(length <= REST)) return 'no convergence';
  // By the gradient to both sides: JᵀJ alone has no eye for what the curvature of the model itself adds.
  const hessian = free.map((j) => {
    const aside = (LOOK_ASIDE * sizeOf(at)) / (at.scales[j] ?? 1);
    const [above, below] = [aside, -aside].map((by) =>
      pointAt(
        model,
        at.parameters.map((value, k) => (k === j ? value + by : value)),
      ),
    );
    return free.map((k) => ((above?.gradient[k] ?? 0) - (below?.gradient[k] ?? 0)) / (2 * aside));
  });
  const scaled = hessian.map((row, j) =>
    row.map((value, k) => value / ((at.scales[free[j] ?? 0] ?? 1) * (at.scales[free[k] ?? 0] ?? 1))),
  );
  return cholesky(scaled, LEAST_CURVATURE) === undefined ? 'no minimum' : 'converged';
}

/** Solves a symmetric positive definite system; `undefined` when it is none. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  const lower = cholesky(matrix, 0);
  if (lower === undefined) return undefined;
  const x = [...right];
  const n = x.length;
  const entry = (i: number, k: number): number => lower[i]?.[k] ?? 0;
  for (let i = 0; i < n; i += 1) {
    let rest = x[i] ?? 0;
    for (let k = 0; k < i; k += 1) rest -= entry(i, k) * (x[k] ?? 0);
    x[i] = rest / entry(i, i);
  }
  for (let i = n - 1; i >= 0; i -= 1) {
    let rest = x[i] ?? 0;
    for (let k = i + 1; k < n; k += 1) rest -= entry(k, i) * (x[k] ?? 0);
    x[i] = rest / entry(i, i);
  }
  return x;
}

/** The lower triangle L of LLᵀ; `undefined` unless every pivot is above the least. */
function cholesky(matrix: readonly (readonly number[])[], leastPivot: number): number[][] | undefined {
  const lower: number[][] = [];
  for (const [i, values] of matrix.entries()) {
    const row: number[] = [];
    for (let j = 0; j <= i; j += 1) {
      const left = j === i ? row : (lower[j] ?? []);
      const rest = (values[j] ?? 0) - dot(row, left.slice(0, j));
      if (j < i) row.push(rest / (left[j] ?? 1));
      else if (rest > leastPivot) row.push(Math.sqrt(rest));
      else return undefined;
    }
    lower.push(row);
  }
  return lower;
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
