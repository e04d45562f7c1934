// Which process made something that should go away with it, and is that process certainly gone?

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

import { startTimeOf } from './processes.ts';

/** A process, so that it is recognised later: written beside what it made. */
export const ownerSchema = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  host: z.string(),
  /** Process ids mean nothing in another boot or another container's namespace. */
  boot: z.string(),
  namespace: z.string(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** This process. */
export function thisOwner(): Owner {
  const { pid } = process;
  return { pid, startTime: startTimeOf(pid) ?? '', host: hostname(), ...machineIdentity() };
}

function machineIdentity(): { readonly boot: string; readonly namespace: string } {
  if (process.platform !== 'linux') return { boot: '', namespace: '' };
  try {
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      namespace: readlinkSync('/proc/self/ns/pid'),
    };
  } catch {
    return { boot: '', namespace: '' };
  }
}

/** Whether the owner has certainly gone; "cannot tell" counts as living. For what lies on a disk of this machine's own. */
export function isGone(owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  return owner.boot !== machineIdentity().boot || isGoneSinceBoot(owner);
}

/**
 * The same of what others may share, such as an engine: two machines of one name are told apart by their boots, so that an owner of
 * another boot is never called gone.
 */
export function isGoneSinceBoot(owner: Owner): boolean {
  const here = machineIdentity();
  if (owner.host !== hostname() || owner.boot === '' || owner.boot !== here.boot) return false;
  if (owner.namespace !== here.namespace) return false;
  return startTimeOf(owner.pid) !== owner.startTime;
}
