// Which limits does a container really run under? Read inside it, from its control groups.

import type { StartedTestContainer } from 'testcontainers';

import type { Throttling } from '../server.ts';

/** What bounds the server; absent: nothing does. */
export interface EffectiveLimits {
  /** Processors' worth of time. */
  readonly cpus?: number;
  /** Processors that it may run on, as a list such as `0-1`. */
  readonly cpuset?: string;
  readonly memoryBytes?: number;
}

/** Version 2 of control groups has the first of each pair, version 1 the second. */
const SCRIPT = `
cd /sys/fs/cgroup || exit 1
show() { [ -r "$2" ] && printf '%s %s\\n' "$1" "$(cat "$2")"; }
show cpu.max cpu.max; show quota cpu/cpu.cfs_quota_us; show period cpu/cpu.cfs_period_us
show memory memory.max; show memory memory/memory.limit_in_bytes
show cpuset cpuset.cpus.effective; show cpuset cpuset/cpuset.effective_cpus
exit 0
`;

/** Above it a limit of version 1 is none: it is written as the largest number of pages. */
const NO_LIMIT = 2 ** 60;

/** @returns undefined where the control groups cannot be read. */
export async function effectiveLimits(
  container: Pick<StartedTestContainer, 'exec'>,
): Promise<EffectiveLimits | undefined> {
  const { exitCode, stdout } = await container.exec(['sh', '-c', SCRIPT]);
  return exitCode === 0 ? limitsIn(stdout) : undefined;
}

/** Reads what the script prints; undefined when it found nothing. */
export function limitsIn(text: string): EffectiveLimits | undefined {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  if (values.size === 0) return undefined;
  const [quota = values.get('quota'), period = values.get('period')] =
    values.get('cpu.max')?.split(' ') ?? [];
  const cpus = Number(quota) / Number(period);
  const memory = Number(values.get('memory'));
  const cpuset = values.get('cpuset');
  return {
    ...(cpus > 0 && Number.isFinite(cpus) ? { cpus } : {}),
    ...(cpuset === undefined || cpuset === '' ? {} : { cpuset }),
    ...(memory > 0 && memory < NO_LIMIT ? { memoryBytes: memory } : {}),
  };
}

const STATE = `
cd /sys/fs/cgroup || exit 1
cat cpu.stat 2>/dev/null || cat cpu/cpu.stat
grep -s '^oom_kill ' memory.events || grep -s '^oom_kill ' memory/memory.oom_control
exit 0
`;

/** @returns undefined where the control groups cannot be read, and where there is no quota. */
export async function throttlingOf(
  container: Pick<StartedTestContainer, 'exec'>,
): Promise<Throttling | undefined> {
  const { exitCode, stdout } = await container.exec(['sh', '-c', STATE]);
  return exitCode === 0 ? throttlingIn(stdout) : undefined;
}

export function throttlingIn(text: string): Throttling | undefined {
  const values = new Map(
    text.split('\n').map((line): [string, number] => {
      const [name = '', value] = line.split(' ');
      return [name, Number(value)];
    }),
  );
  const [periods, throttled, oomKills] = ['nr_periods', 'nr_throttled', 'oom_kill'].map((name) =>
    values.get(name),
  );
  if (periods === undefined || throttled === undefined) return undefined;
  return { periods, throttled, ...(oomKills === undefined ? {} : { oomKills }) };
}
