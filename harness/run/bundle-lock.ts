// Is another process writing this bundle? A file that names its writer, who is recognised when he is gone.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UsageError } from '../errors.ts';
import { isGone, type Owner, ownerSchema, thisOwner } from '../server/owner.ts';
import { writeFailure } from './bundle.ts';

const LOCK = 'writer.json';
/** Each ends with the lock taken, a living writer met, or a dead one's lock out of the way. */
const TRIES = 10;

/**
 * Makes this process the only writer of a bundle until it is disposed, or has died: the next one recognises that.
 * @throws UsageError while another process writes it; RuntimeFailure where nothing can be written.
 */
export function lockBundle(directory: string): Disposable {
  const path = join(directory, LOCK);
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      writeFileSync(path, JSON.stringify(thisOwner()), { flag: 'wx' });
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw writeFailure(directory, error);
    }
    const writer = ownerIn(path);
    if (writer === undefined) continue;
    if (writer === 'unreadable' || !isGone(writer)) throw inUse(writer, directory, path);
    setAside(path);
  }
  throw inUse('unreadable', directory, path);
}

/** Removes the lock of a writer who has gone, and of nobody else: it is moved first, then looked at once more. */
function setAside(path: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    const moved = ownerIn(aside);
    // Between the look and the move somebody else has taken the bundle: it is his.
    if (moved !== undefined && (moved === 'unreadable' || !isGone(moved))) linkSync(aside, path);
  } catch (error) {
    // Another process has cleared it away, or has the bundle by now.
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function ownerIn(path: string): Owner | 'unreadable' | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : 'unreadable';
  }
}

function inUse(writer: Owner | 'unreadable', directory: string, path: string): UsageError {
  const who = writer === 'unreadable' ? 'another process' : `process ${writer.pid} on ${writer.host}`;
  return new UsageError(
    `${directory} is being written by ${who}: wait for its end, or, if it has gone for certain, delete ${path}`,
  );
}
