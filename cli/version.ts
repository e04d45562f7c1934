// Which version is this?

import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version in package.json, which lies above the sources and above the compiled files of the published package. */
export function version(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8');
      return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
    } catch {
      // Not here: the next place.
    }
  }
  return 'unknown';
}
