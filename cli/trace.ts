// Which jobs does a trace file hold? Read line by line; every error names the line and the mend.

import { readFile, stat } from 'node:fs/promises';
import { oneLine, UsageError } from '../harness/errors.ts';
import { TRACE_JOBS_MAX, type TraceJob, traceJobSchema } from '../scenarios/arrival.ts';

const FILE_BYTES_MAX = 128 * 1024 * 1024;
const SHAPE = 'give seconds, or {"at": seconds, "priority": …, "payloadBytes": …}';

/** Reads the file at `path`; `shown` is how messages call it. Throws UsageError. */
export async function readTrace(path: string, shown: string): Promise<TraceJob[]> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX)
      throw new UsageError(
        `trace ${shown} has ${Math.round(size / 1e6)} MB, and may have ${Math.round(FILE_BYTES_MAX / 1e6)}: cut it`,
      );
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`trace ${shown} could not be read: ${oneLine(error)}`, { cause: error });
  }
  return parseTrace(text, shown);
}

/** One job a line, ascending; empty lines are passed over. Throws UsageError. */
export function parseTrace(text: string, shown: string): TraceJob[] {
  const jobs: TraceJob[] = [];
  let [last, lastLine] = [0, 0];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const number = i + 1;
    const job = parseLine(line, `trace ${shown}, line ${number}`);
    if (job.at < last) {
      throw new UsageError(
        `trace ${shown}, line ${number}: ${job.at} s comes before the ${last} s of line ${lastLine}: sort the lines by their time`,
      );
    }
    [last, lastLine] = [job.at, number];
    jobs.push(job);
    if (jobs.length > TRACE_JOBS_MAX)
      throw new UsageError(`trace ${shown} holds more than ${TRACE_JOBS_MAX} jobs: cut it`);
  }
  if (jobs.length === 0) throw new UsageError(`trace ${shown} holds no jobs: one a line, ${SHAPE}`);
  return jobs;
}

function parseLine(line: string, where: string): TraceJob {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    throw new UsageError(`${where} is neither a number nor JSON: ${SHAPE}`);
  }
  const parsed = traceJobSchema.safeParse(typeof data === 'number' ? { at: data } : data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw new UsageError(`${where}: unknown key ${issue.keys[0]}: ${SHAPE}`);
  const key = issue?.path.map(String).join('.') ?? '';
  throw new UsageError(`${where}: ${key === '' ? '' : `${key}: `}${issue?.message}: ${SHAPE}`);
}
