// Which lines of a server's log say what went wrong?

import { oneLine, UsageError } from '../errors.ts';

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

const REFUSED =
  /(?:FATAL|LOG|ERROR): +(.*?(?:unrecognized configuration parameter|(?:invalid value|requires a .*|outside the valid range) for parameter|parameter) "([\w.]+)".*)/;

/** What a log says against one of the `settings` that were asked for, in words for who asked; undefined when it is about something else. */
export function refusedSetting(
  log: string,
  settings: Readonly<Record<string, string>> | undefined,
): UsageError | undefined {
  const [, why, name = ''] = REFUSED.exec(log) ?? [];
  if (why === undefined || settings === undefined || !(name.toLowerCase() in settings)) return undefined;
  return new UsageError(
    `--setting ${name}: ${oneLine(why.replace(/ in file ".*" line \d+/, ''))}; correct it or leave it out`,
  );
}
