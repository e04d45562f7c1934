// How do many numbers of a sequence travel from the server in a few bytes?

/** The numbers that one statement has drawn; `numbers` only when those of others lie between them. */
export interface DrawnRow {
  readonly first: string | null;
  readonly count: number;
  readonly numbers: string | null;
}

/** Columns of a DrawnRow, over rows that are in the order in which their `number` was drawn. */
export function drawnColumns(number: string): string {
  return `min(${number}) AS first, count(*)::integer AS count,
  CASE WHEN max(${number}) - min(${number}) + 1 > count(*) THEN string_agg(${number}::text, ',') END AS numbers`;
}

/** The numbers, in their order; `undefined` when none was drawn. */
export function numbersOf({ first, count, numbers }: DrawnRow): readonly number[] | undefined {
  if (count === 0) return undefined;
  if (numbers !== null) return numbers.split(',').map(Number);
  return Array.from({ length: count }, (_, index) => Number(first) + index);
}
