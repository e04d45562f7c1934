// What does a server's message say of a plan, and which plans are of one shape?

/** A plan as auto_explain sends it. */
export interface SeenPlan {
  readonly query: string;
  readonly plan: string;
}

const HEAD = /^duration: [\d.]+ ms {2}plan:\n/;
/** The first line with the planner's estimates: the query above it may have any number of lines. */
const FIRST_NODE = /\n(?=[^\n]* {2}\(cost=\d)/;
const QUERY_CHARACTERS = 4_000;
const PLAN_CHARACTERS = 8_000;
const FIRST_WORDS = 100;

/** Whether a message is auto_explain's, in whatever format. */
export function isPlan(message: string): boolean {
  return HEAD.test(message);
}

/** Query and plan out of auto_explain's message; undefined when it is another message. */
export function parsePlan(message: string): SeenPlan | undefined {
  const head = HEAD.exec(message);
  if (head === null) return undefined;
  const body = message.slice(head[0].length).replace(/^Query Text: /, '');
  const at = FIRST_NODE.exec(body);
  if (at === null) return undefined;
  return {
    query: cut(body.slice(0, at.index).trim(), QUERY_CHARACTERS),
    plan: cut(body.slice(at.index + 1).trimEnd(), PLAN_CHARACTERS),
  };
}

/**
 * What stays of a plan when estimates and values are taken out. A plan for given values (`queue = 'bench'`) and the
 * generic one (`queue = $1`) are two shapes: which of them ran is part of the answer.
 */
export function shapeOf(plan: string): string {
  return plan
    .replaceAll(/ {2}\(cost=[^)]*\)/g, '')
    .replaceAll(/'(?:[^']|'')*'/g, '?')
    .replaceAll(/(?<![$\w])-?\d+(?:\.\d+)?\b/g, '?');
}

/** The beginning of a statement on one line, without its comments. */
export function firstWords(query: string): string {
  const line = query
    .replaceAll(/\/\*.*?\*\//gs, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return cut(line, FIRST_WORDS);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
