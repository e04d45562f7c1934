// What is recommended to run? Handlers over sessions and workers, and the connections that these take.

import type { Cell, PlanAnswer } from '../../harness/result/result.ts';
import { crewOf, sessionsMaxFor } from './crew.ts';
import type { HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import type { MeasuredCell } from './measured.ts';

type Recommendation = NonNullable<PlanAnswer['recommended']>;

/** So many handlers, as the crew that was measured where the question leaves its connections. */
export function recommendationOf(
  { question, cells }: Pick<PlanInput, 'question' | 'cells'>,
  { handlers }: Pick<HandlerChoice, 'handlers'>,
): Recommendation {
  const { agents: workers, sessions, concurrency } = crewOf(handlers, sessionsMaxFor(question.connections));
  const [one] = cells;
  const beside = Number(one?.cell.contender.declared?.['otherConnections'] ?? 3);
  return {
    contender: question.contender,
    strategy: one?.cell.contender.strategy ?? question.contender,
    wakeup: one?.cell.contender.wakeup ?? 'poll',
    batch: one?.cell.contender.batch ?? 1,
    ...{ workers, sessions, concurrency, handlers },
    connections: workers * (sessions + beside),
  };
}

/** Handlers that were measured over other sessions than those that are recommended. */
export function otherCrewRisks(
  cells: readonly MeasuredCell[],
  { handlers, sessions, concurrency }: Pick<Recommendation, 'handlers' | 'sessions' | 'concurrency'>,
): string[] {
  const measured = cells
    .filter((one) => one.handlers === handlers)
    .flatMap(({ cell }) => sessionsOf(cell) ?? []);
  const [other] = measured;
  if (other === undefined || measured.includes(sessions)) return [];
  return [
    `These handlers were measured as ${other} sessions × ${handlers / other}, not as ${sessions} × ${concurrency}: measure anew before you rely on it.`,
  ];
}

function sessionsOf({ contender: { declared } }: Cell): number | undefined {
  const sessions = declared?.['workerConnections'];
  return typeof sessions === 'number' ? sessions : undefined;
}
