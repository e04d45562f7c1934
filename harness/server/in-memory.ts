// Does a folder lie in memory, where no flush makes anything durable?

import { statfs } from 'node:fs/promises';

/** f_type of statfs(2): tmpfs, ramfs. */
const IN_MEMORY = new Set([0x01_02_19_94, 0x85_84_58_f6]);

/** False where it cannot be told: another system, a folder that may not be looked at. */
export async function liesInMemory(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    return IN_MEMORY.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
