// How are handlers spread over workers and sessions?

/** Handlers at work at once: worker agents × sessions of each × handlers of each session. */
export interface Crew {
  readonly agents: number;
  readonly sessions: number;
  readonly concurrency: number;
}

export function handlersOf({ agents, sessions, concurrency }: Crew): number {
  return agents * sessions * concurrency;
}

/** Sessions of a worker, where nobody says: each session claims for several handlers where there are more. */
const SESSIONS_MAX = 8;

/** Sessions that may claim where a worker may take so many connections: three of them are for other things. */
export function sessionsMaxFor(connections: number | undefined): number {
  return Math.max(1, Math.min(SESSIONS_MAX, (connections ?? Number.POSITIVE_INFINITY) - 3));
}

/** One worker with so many handlers, over as many sessions as divide them, `SESSIONS_MAX` at most. */
export function crewOf(handlers: number, sessionsMax = SESSIONS_MAX): Crew {
  let sessions = Math.min(handlers, sessionsMax);
  while (handlers % sessions !== 0) sessions -= 1;
  return { agents: 1, sessions, concurrency: handlers / sessions };
}

/** A number of handlers near this one that divides well: from `SESSIONS_MAX` on a multiple of it. */
export function roundHandlers(handlers: number, up = false): number {
  if (handlers <= SESSIONS_MAX) return Math.max(1, up ? Math.ceil(handlers) : Math.round(handlers));
  return (up ? Math.ceil(handlers / SESSIONS_MAX) : Math.round(handlers / SESSIONS_MAX)) * SESSIONS_MAX;
}
