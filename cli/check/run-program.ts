// How is another program run, so that it ends, and so that what it says of a failure is known?

import { execFile } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { interruption } from '../interruption.ts';

export interface ProgramEnd {
  readonly ok: boolean;
  readonly stdout: string;
  /** The last line of what it said of its failure; its exit code where it said nothing. */
  readonly failure: string;
}

const OUTPUT_BYTES = 64 * 1024 * 1024;

/** Runs it with this Node.js first in PATH, and ends it after `timeoutMs` or with the command. Never rejects. */
export function runProgram(
  program: string,
  words: readonly string[],
  options: { readonly cwd: string; readonly timeoutMs: number },
): Promise<ProgramEnd> {
  const PATH = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return new Promise((resolve) => {
    execFile(
      program,
      [...words],
      {
        ...{ cwd: options.cwd, timeout: options.timeoutMs, maxBuffer: OUTPUT_BYTES, signal: interruption },
        env: { ...process.env, PATH },
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ ok: true, stdout, failure: '' });
        const late = error.killed === true && !interruption.aborted;
        const ended = late
          ? `it was not done after ${options.timeoutMs / 1_000} s`
          : `it ended with ${error.code}`;
        resolve({ ok: false, stdout, failure: lastLine(stderr) || lastLine(stdout) || ended });
      },
    );
  });
}

/** What tells a line that names a cause from those around it: package managers end with advice, and with where their log lies. */
const CAUSE = /error|fatal|not found|missing|no such|cannot|unable|failed|invalid/i;
const NOISE = /complete log of this run|debug-\d+\.log|^npm (warn|notice)/i;

/** Of several lines the one that names a cause, else the last that is a sentence. */
function lastLine(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((line) => line.includes(' ') && !NOISE.test(line));
  return lines.find((line) => CAUSE.test(line)) ?? lines.at(-1) ?? text.trim().split('\n').at(-1);
}
