// Which file is the program of a child process?

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The program of that name beside the module at `url`: TypeScript in the repository, JavaScript in the published package. */
export function programBeside(url: string, name: string): string {
  const source = fileURLToPath(new URL(`./${name}.ts`, url));
  return existsSync(source) ? source : fileURLToPath(new URL(`./${name}.js`, url));
}
