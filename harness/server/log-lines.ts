// Which lines of a server's log say what went wrong?

import { oneLine } from '../errors.ts';

const TELLING = /FATAL|PANIC|ERROR|HINT|could not|invalid|unrecognized|in use|No space left|rror:/;
const AT_MOST = 6;

/** The lines that tell most, on one line; `its log is empty` where there is none. */
export function complaintsIn(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => TELLING.test(line));
  return (
    oneLine((telling.length > 0 ? telling : lines.slice(-3)).slice(0, AT_MOST).join(' | ')) ||
    'its log is empty'
  );
}
