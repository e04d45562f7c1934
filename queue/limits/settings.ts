// What may a queue be limited to, and how is that written in the database?

/** At most `jobs` handlers start in any window of `periodMs`, over all workers. */
export interface Rate {
  /** 1…1,000,000. */
  readonly jobs: number;
  /** 100…2,678,400,000 ms (31 days). */
  readonly periodMs: number;
}

/** What a queue is limited to; `null` is no limit. */
export interface Limits {
  readonly rate: Rate | null;
  /** Handlers at work at once, over all workers, 1…1,000,000. */
  readonly concurrency: number | null;
  /** The same of jobs with one `concurrencyKey`, 1…1,000,000. Those without a key are free of it. */
  readonly concurrencyPerKey: number | null;
}

/** No limits at all. */
export const UNLIMITED: Limits = { rate: null, concurrency: null, concurrencyPerKey: null };

/** A row of the settings, as `SETTING_COLUMNS` selects it; NULLs where there is none. */
export interface SettingRow {
  readonly paused: boolean;
  readonly rate_jobs: number | null;
  readonly rate_period_ms: number | null;
  readonly concurrency: number | null;
  readonly key_concurrency: number | null;
}

/** Of the settings as `setting`. A period may be longer than an integer holds, and a bigint would arrive as text. */
export const SETTING_COLUMNS = `setting.paused_at IS NOT NULL AS paused, setting.rate_jobs,
  setting.rate_period_ms::double precision AS rate_period_ms, setting.concurrency, setting.key_concurrency`;

/** The limits that a row says. */
export function limitsOf({ rate_jobs, rate_period_ms, concurrency, key_concurrency }: SettingRow): Limits {
  const rate =
    rate_jobs === null || rate_period_ms === null ? null : { jobs: rate_jobs, periodMs: rate_period_ms };
  return { rate, concurrency, concurrencyPerKey: key_concurrency };
}
