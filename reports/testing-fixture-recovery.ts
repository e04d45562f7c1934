// How did a synthetic cell come through its faults? From its own seconds, which is as fine as its course is.

import type { Cell, Sample } from '../harness/result/result.ts';
import type { Scenario } from './testing-fixture-data.ts';

type Second = Extract<Sample, { kind: 'load' }>;

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Figures per phase, and with faults recovery. */
export function throughFaults(
  scenario: Scenario,
  samples: readonly Sample[],
): Pick<Cell, 'phases' | 'recovery'> {
  const seconds = samples.filter((sample): sample is Second => sample.kind === 'load');
  const settled = (from: number, to: number) =>
    seconds.filter(({ t }) => t > from && t <= to).map((second) => second.settled);
  const backlog = (from: number, to: number) =>
    Math.max(0, ...seconds.filter(({ t }) => t > from && t <= to).map((second) => second.backlog));
  const phases = scenario.phases.map(({ label, fromSeconds, toSeconds }) => {
    const from = Math.max(fromSeconds, scenario.warmupSeconds);
    return {
      label,
      seconds: toSeconds - from,
      ...(scenario.offeredPerSec === undefined ? {} : { offeredPerSec: scenario.offeredPerSec }),
      settledPerSec: mean(settled(from, toSeconds)),
      backlogMax: backlog(from, toSeconds),
    };
  });
  const instants = scenario.faults.map(({ atSeconds }) => atSeconds);
  if (instants.length === 0) return { phases };
  const [from, to] = [Math.min(...instants), Math.max(...instants)];
  const baseline = mean(settled(scenario.warmupSeconds, from));
  const backlogMax = backlog(scenario.warmupSeconds, from);
  const regained = seconds.find((second) => second.t > to && second.settled >= 0.95 * baseline);
  const drained = seconds.find((second) => second.t > to && second.backlog <= backlogMax);
  return {
    phases,
    recovery: {
      faultsFromSeconds: from,
      faultsToSeconds: to,
      baseline: { settledPerSec: baseline, seconds: from - scenario.warmupSeconds, backlogMax },
      during: {
        settledPerSec: mean(settled(from, to)),
        seconds: to - from,
        share: mean(settled(from, to)) / baseline,
      },
      observedSeconds: scenario.seconds - to,
      ...(regained === undefined ? {} : { regainedSeconds: regained.t - 1 - to }),
      ...(drained === undefined ? {} : { drainSeconds: drained.t - to }),
      backlogPeak: backlog(from, scenario.seconds),
    },
  };
}
