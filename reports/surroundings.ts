// May two runs be compared? What differs in the surroundings that decide figures, in words.

import type { Environment } from '../harness/result/result.ts';
import { formatBytes, formatCount } from './render/format.ts';
import { limitsText } from './tables/container.ts';

/** Memory that a system reports moves by its kernel's own share from boot to boot. */
const SAME_MEMORY = 0.02;

/**
 * Every difference that forbids a comparison, one sentence part each (`cores: 4 and 16`); none when figures of both
 * may stand side by side. What is unknown on either side is a difference only when the other side knows it. Load, stolen
 * time and fsync cost are of the hour, not of the surroundings, and stay out; so does the version of claimbench, since
 * a change of method has a number of its own that a bundle's reader checks.
 */
export function sameSurroundings(a: Environment, b: Environment): string[] {
  return [...machineDifferences(a, b), ...serverDifferences(a.server, b.server)];
}

function machineDifferences(a: Environment, b: Environment): string[] {
  const memory =
    Math.abs(a.memoryBytes - b.memoryBytes) <= SAME_MEMORY * Math.max(a.memoryBytes, b.memoryBytes);
  return [
    ...differing('CPU', a.cpuModel, b.cpuModel),
    ...differing('cores', formatCount(a.cores), formatCount(b.cores)),
    ...differing('CPU time granted by control groups', quota(a), quota(b)),
    ...(memory ? [] : differing('memory', formatBytes(a.memoryBytes), formatBytes(b.memoryBytes))),
    ...differing('operating system', a.os, b.os),
    ...differing('architecture', a.arch, b.arch),
    ...differing('in a container', yes(a.container), yes(b.container)),
    ...differing('Node.js', a.node, b.node),
    ...differing('CPU frequency governor', a.governor ?? 'not visible', b.governor ?? 'not visible'),
    ...differing('generator and server on one machine', yes(a.sharedMachine), yes(b.sharedMachine)),
    ...differing('pinned cores', pinnedText(a.pinned), pinnedText(b.pinned)),
    ...differing(
      'priority of producers',
      a.producerPriority ?? 'not reported',
      b.producerPriority ?? 'not reported',
    ),
  ];
}

function serverDifferences(a: Environment['server'], b: Environment['server']): string[] {
  const names = [...new Set([...Object.keys(a.settings), ...Object.keys(b.settings)])].toSorted();
  return [
    ...differing('kind of server', a.kind, b.kind),
    ...differing('PostgreSQL', a.version, b.version),
    ...differing('durable', yes(a.durable), yes(b.durable)),
    ...differing('extensions', extensionsText(a), extensionsText(b)),
    // Which image and where its data lay, not its name: a tag is moved.
    ...differing('image', a.container?.imageId ?? 'none', b.container?.imageId ?? 'none'),
    ...differing('Docker', a.container?.engine ?? 'none', b.container?.engine ?? 'none'),
    ...differing('way to the container', a.container?.route ?? 'none', b.container?.route ?? 'none'),
    ...differing('storage of the container', storageText(a), storageText(b)),
    ...differing('limits of the container', limited(a), limited(b)),
    ...names.flatMap((name) =>
      // Also a setting, and said above already.
      name === 'server_version'
        ? []
        : differing(name, a.settings[name] ?? 'not reported', b.settings[name] ?? 'not reported'),
    ),
  ];
}

function extensionsText({ extensions = {} }: Environment['server']): string {
  const each = Object.entries(extensions).map(([name, version]) => `${name} ${version}`);
  return each.length === 0 ? 'none' : each.toSorted().join(', ');
}

function storageText({ container }: Environment['server']): string {
  if (container === undefined) return 'none';
  const { storage, storageBytes, storageDriver } = container;
  return `${storage}${storageBytes === undefined ? '' : ` of ${formatBytes(storageBytes)}`} (${storageDriver})`;
}

function limited({ container }: Environment['server']): string {
  return container === undefined ? 'none' : limitsText(container);
}

function differing(what: string, a: string, b: string): string[] {
  return a === b ? [] : [`${what}: ${a} and ${b}`];
}

function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}

function quota({ cpuQuota }: Environment): string {
  return cpuQuota === undefined ? 'no limit' : `${cpuQuota} processors`;
}

/** Which cores of a machine is chance; that the sides were apart, and how many cores each had, is not. */
export function pinnedText(pinned: Environment['pinned']): string {
  if (pinned === undefined) return 'none';
  return `${formatCount(pinned.server.length)} for the server, ${formatCount(pinned.agents.length)} for the agents`;
}
