// Which strategies carry every feature, and how many jobs does each need to drain for some seconds here?

/** By their names. `drainJobs` last two to four seconds on a machine of two cores. */
export const STRATEGIES = [
  { name: 'skip-locked', drainJobs: 15_000 },
  { name: 'batch', drainJobs: 150_000 },
  { name: 'packed-lease', drainJobs: 250_000 },
  { name: 'range-lease', drainJobs: 600_000 },
  { name: 'ring', drainJobs: 1_000_000 },
] as const;
