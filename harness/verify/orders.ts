// Is there no order without its jobs, and no job without its order?

/** Orders of an application's: what its transactions wrote beside the jobs. */
export interface Orders {
  /** Of each order that the schedule has: the key of its first job. */
  readonly scheduled: readonly number[];
  /** Those whose row is in the database, which alone says that the transaction was committed. */
  readonly committed: ReadonlySet<number>;
  /** Jobs of one order, of consecutive keys. */
  readonly jobs: number;
}

export interface OrdersAudit {
  readonly ordersWithoutJobs: number;
  readonly jobsWithoutOrder: number;
}

/** `exists`: the job was handed out, or the database holds it. */
export function ordersAudit(
  { scheduled, committed, jobs }: Orders,
  exists: (key: number) => boolean,
): OrdersAudit {
  let ordersWithoutJobs = 0;
  let jobsWithoutOrder = 0;
  for (const first of scheduled) {
    let found = 0;
    for (let key = first; key < first + jobs; key += 1) if (exists(key)) found += 1;
    if (!committed.has(first)) jobsWithoutOrder += found;
    else if (found < jobs) ordersWithoutJobs += 1;
  }
  return { ordersWithoutJobs, jobsWithoutOrder };
}
