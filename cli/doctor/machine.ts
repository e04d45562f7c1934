// What does this machine offer a measurement: processors, memory, clock, quiet?

import { freemem, totalmem } from 'node:os';
import { measureClock, measureTimers } from '../../harness/calibrate/clock.ts';
import { planPriority } from '../../harness/load/priority.ts';
import { type CpuTimes, readCpuTimes, stealShare } from '../../harness/measure/environment.ts';
import type { MachineAtStart } from '../../harness/measure/machine.ts';
import { canPinProcesses, formatCpuList, pinApart, planPinning } from '../../harness/run/pinning.ts';
import { type Finding, okIf } from './finding.ts';

const WANTED_NODE = 24;
const WANTED_CORES = 4;
const WANTED_MEMORY_BYTES = 2e9;
const BUSY_PER_CORE = 0.5;
const COARSE_CLOCK_US = 1;
const LATE_TIMER_US = 5_000;
const STOLEN_SHARE = 0.01;

/** Everything that can be read at once. */
export function machineFindings(machine: MachineAtStart): Finding[] {
  return [
    nodeFinding(),
    coresFinding(machine),
    smtFinding(machine),
    pinningFinding(machine),
    priorityFinding(),
    governorFinding(machine),
    loadFinding(machine),
    memoryFinding(),
    clockFinding(),
  ];
}

function nodeFinding(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return {
    level: major >= WANTED_NODE ? 'ok' : 'fail',
    what: 'Node.js',
    detail: major >= WANTED_NODE ? process.version : `${process.version}: needs ${WANTED_NODE} or newer`,
    values: { version: process.versions.node },
  };
}

function coresFinding({ parallelism, processors }: MachineAtStart): Finding {
  const { allowed, quota } = processors;
  const granted = Math.min(parallelism, quota ?? Number.POSITIVE_INFINITY);
  const list = allowed === undefined ? '' : ` (allowed: ${formatCpuList(allowed)})`;
  const limit = quota === undefined ? '' : `, control groups grant the time of ${quota}`;
  const few =
    granted >= WANTED_CORES
      ? ''
      : ': generator and server share them, so figures show both; compare, do not quote as absolute';
  return {
    level: okIf(granted >= WANTED_CORES),
    what: 'cores',
    detail: `${parallelism}${list}${limit}${few}`,
    values: {
      cores: parallelism,
      ...(allowed === undefined ? {} : { allowedCpus: formatCpuList(allowed), allowedCount: allowed.length }),
      ...(quota === undefined ? {} : { cpuQuota: quota }),
    },
  };
}

function smtFinding({ processors }: MachineAtStart): Finding {
  const { cores, turbo } = processors;
  const shared = cores?.some((group) => group.length > 1);
  const threads =
    shared === undefined
      ? 'siblings not visible'
      : shared
        ? `${cores?.length} cores with several threads each`
        : 'one thread per core';
  const boost =
    turbo === undefined
      ? 'turbo not visible'
      : `turbo ${turbo ? 'on: the rate falls as the machine warms' : 'off'}`;
  return {
    level: 'ok',
    what: 'SMT and turbo',
    detail: `${threads}; ${boost}`,
    values: {
      ...(cores === undefined ? {} : { physicalCores: cores.length }),
      ...(shared === undefined ? {} : { smt: shared }),
      ...(turbo === undefined ? {} : { turbo }),
    },
  };
}

function pinningFinding({ processors }: MachineAtStart): Finding {
  const canPin = canPinProcesses();
  const apart = canPin ? pinApart(processors) : undefined;
  const auto = planPinning('auto', { processors, canPin, own: true });
  const values = { canPin: apart !== undefined, pinnedByDefault: auto !== undefined };
  if (apart === undefined) {
    const why = canPin ? 'there is one core only' : 'that needs Linux with taskset (util-linux)';
    return {
      level: 'warn',
      what: 'pinning',
      detail: `generator and server cannot be pinned apart: ${why}`,
      values,
    };
  }
  const form = `${formatCpuList(apart.server)}:${formatCpuList(apart.agents)}`;
  return {
    level: 'ok',
    what: 'pinning',
    detail:
      auto === undefined
        ? `generator and server share cores unless run is given --pin ${form}`
        : `run pins generator and server apart, as --pin ${form} does`,
    values: { ...values, pin: form },
  };
}

function priorityFinding(): Finding {
  const realtime = planPriority('auto') === 'realtime';
  return {
    level: 'ok',
    what: 'producer priority',
    detail: realtime
      ? 'real-time: producers that send on schedule do not wait for the server'
      : 'normal: on a busy machine jobs are sent some milliseconds late; real-time needs Linux, chrt (util-linux) and root or CAP_SYS_NICE',
    values: { realtime },
  };
}

function governorFinding({ processors: { governor } }: MachineAtStart): Finding {
  if (governor === undefined)
    return {
      level: 'ok',
      what: 'CPU governor',
      detail: 'not visible, as in most virtual machines',
      values: { visible: false },
    };
  const steady = governor === 'performance';
  return {
    level: okIf(steady),
    what: 'CPU governor',
    detail: steady
      ? governor
      : `${governor}: the clock follows the load, so light loads look slow; set performance`,
    values: { visible: true, governor },
  };
}

function loadFinding({ loadAverage, parallelism }: MachineAtStart): Finding {
  if (loadAverage === undefined)
    return { level: 'ok', what: 'load average', detail: 'not kept by this system' };
  const quiet = loadAverage <= BUSY_PER_CORE * parallelism;
  return {
    level: okIf(quiet),
    what: 'load average',
    detail: `${loadAverage.toFixed(2)} over the last minute${quiet ? '' : ': something else is at work; close it, figures will vary'}`,
    values: { loadAverage: Math.round(loadAverage * 100) / 100 },
  };
}

function memoryFinding(): Finding {
  const limit = process.constrainedMemory();
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  const free = Math.min(process.availableMemory(), freemem() > 0 ? Number.POSITIVE_INFINITY : 0);
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const enough = free >= WANTED_MEMORY_BYTES;
  return {
    level: okIf(enough),
    what: 'memory',
    detail: `${gigabytes(free)} available of ${gigabytes(total)}${enough ? '' : ': long runs keep 71 bytes a job, and the server needs its own'}`,
    values: { availableBytes: free, totalBytes: total },
  };
}

function clockFinding(): Finding {
  const { smallestStepUs, typicalStepUs, readNs } = measureClock();
  const fine = typicalStepUs <= COARSE_CLOCK_US;
  return {
    level: okIf(fine),
    what: 'clock',
    detail: `steps of ${typicalStepUs} µs (smallest ${smallestStepUs} µs), ${readNs} ns to read${fine ? '' : ': latencies cannot be told apart below that'}`,
    values: { typicalStepUs, smallestStepUs, readNs },
  };
}

/** How late timers fire: half a second. */
export async function timerFinding(): Promise<Finding> {
  const { medianUs, p99Us } = await measureTimers();
  const prompt = p99Us <= LATE_TIMER_US;
  return {
    level: okIf(prompt),
    what: 'timers',
    detail: `fire ${medianUs} µs late (p99 ${p99Us} µs)${prompt ? '' : ': the machine is busy, open loops will send late'}`,
    values: { medianLateUs: medianUs, p99LateUs: p99Us },
  };
}

/** What the hypervisor took since `before`: over the doctor's own duration, so it comes last. */
export function stealFinding(before: CpuTimes | undefined): Finding {
  const after = readCpuTimes();
  const share = before && after && stealShare(before, after);
  if (share === undefined)
    return { level: 'ok', what: 'steal time', detail: 'not visible here', values: { visible: false } };
  const percent = `${(share * 100).toFixed(2)} % of CPU time while the doctor worked`;
  return {
    level: okIf(share <= STOLEN_SHARE),
    what: 'steal time',
    detail:
      share <= STOLEN_SHARE ? percent : `${percent}: the hypervisor gives it to others, figures will vary`,
    values: { visible: true, stealShare: Math.round(share * 1e5) / 1e5 },
  };
}
