// What does a person see while a run goes on?

import { createLogUpdate } from 'log-update';
import type { Cell } from '../harness/result/result.ts';
import type { RunProgress } from '../harness/run/run.ts';

/** Shows a run's progress on stderr. */
export interface ProgressView {
  progress(progress: RunProgress): void;
  /** `outcome`: what the cell says of its rate, where it is a probe. */
  cell(cell: Cell, done: number, of: number, outcome?: string): void;
  /** Leaves the terminal clean. */
  end(): void;
}

/** One line that is redrawn on a terminal; one line per finished cell elsewhere. */
export function progressView(stream: NodeJS.WriteStream): ProgressView {
  const live = stream.isTTY === true && !process.env['CI'];
  return live ? liveView(stream) : plainView(stream);
}

function liveView(stream: NodeJS.WriteStream): ProgressView {
  const update = createLogUpdate(stream);
  const pace = new PaceMeter();
  return {
    progress: (p) => update(cut(liveLine(p, pace.secondsLeft(p.done, p.of)), stream.columns)),
    cell(cell, done, of, outcome) {
      pace.finished();
      update.clear();
      stream.write(`${cellLine(cell, done, of, outcome)}\n`);
    },
    end: () => update.clear(),
  };
}

function plainView(stream: NodeJS.WriteStream): ProgressView {
  return {
    progress: () => undefined,
    cell: (cell, done, of, outcome) => stream.write(`${cellLine(cell, done, of, outcome)}\n`),
    end: () => undefined,
  };
}

/** Time left by the cells done so far; nothing is known before the first. */
class PaceMeter {
  readonly #startMs = performance.now();
  #finished = 0;

  finished(): void {
    this.#finished += 1;
  }

  secondsLeft(done: number, of: number): number | undefined {
    if (this.#finished === 0) return undefined;
    return ((performance.now() - this.#startMs) / 1000 / this.#finished) * (of - done);
  }
}

/** One line stays one line, however narrow the terminal. */
function cut(line: string, columns: number): string {
  return line.length < columns ? line : `${line.slice(0, Math.max(1, columns - 2))}…`;
}

function liveLine(p: RunProgress, secondsLeft: number | undefined): string {
  const { plan } = p;
  const parts = [
    `[${p.done + 1}/${p.of}] ${plan.scenario.name} × ${plan.contender.name}, repeat ${plan.repeat}: ${p.stage}`,
    ...(p.settledPerSec === undefined ? [] : [`${thousands(p.settledPerSec)} jobs/s`]),
    ...(p.pickupP99Us === undefined ? [] : [`pickup p99 ${milliseconds(p.pickupP99Us)}`]),
    ...(secondsLeft === undefined ? [] : [`${duration(secondsLeft)} left`]),
  ];
  return parts.join(' · ');
}

function cellLine(cell: Cell, done: number, of: number, outcome?: string): string {
  const head = `[${String(done).padStart(String(of).length)}/${of}] ${cell.scenario} × ${cell.contender.name}, repeat ${cell.repeat}`;
  // What counts in no figure is not shown as one.
  const end = outcome === undefined ? '' : ` → ${outcome}`;
  if (cell.verdict !== 'valid') {
    // A search tries by itself again what the machine could not carry, and an overload that it made is no fault of other programs.
    const reasons = cell.reasons.map((why) =>
      outcome === undefined ? why : why.replace(/: close other programs.*$/, ''),
    );
    const word = outcome === 'fail' && cell.verdict === 'invalid' ? 'OVERLOADED' : cell.verdict.toUpperCase();
    return `${head}: ${word}: ${reasons.join('; ')}${end}`;
  }
  const settled = cell.throughput === undefined ? [] : [`${thousands(cell.throughput.settledPerSec)} jobs/s`];
  const { p99, p95, p50 } = cell.latencyUs?.pickup ?? {};
  const told = Object.entries({ p99, p95, p50 }).find(([, us]) => us !== undefined);
  const shown = outcome === undefined && p50 !== undefined ? (['p50', p50] as const) : told;
  const latency = shown?.[1] === undefined ? [] : [`pickup ${shown[0]} ${milliseconds(shown[1])}`];
  return `${head}: ${[...settled, ...latency].join(' · ')}${end}`;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function milliseconds(us: number): string {
  const ms = us / 1000;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en')} ms`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
