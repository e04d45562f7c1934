// Which strategies carry every feature, and how many jobs does each need to drain for about a second here?

/** By their names. `drainJobs` last about a second on a machine of two cores. */
export const STRATEGIES = [
  { name: 'skip-locked', drainJobs: 6_000 },
  { name: 'batch', drainJobs: 70_000 },
  { name: 'packed-lease', drainJobs: 90_000 },
  { name: 'range-lease', drainJobs: 250_000 },
  { name: 'ring', drainJobs: 350_000 },
] as const;
