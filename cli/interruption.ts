// What does Ctrl-C do?

const controller = new AbortController();

/** Aborted by the first SIGINT or SIGTERM: commands end cleanly and keep what they have. */
export const interruption: AbortSignal = controller.signal;

/** One Ctrl-C reaches us up to three times, as the terminal, npm and tsx each pass it on: those are one wish. */
const ONE_WISH_MS = 1_500;

/** From now on a signal aborts instead of killing; a later one ends at once, and the watchdogs clear up. */
export function handleInterruption(): void {
  let firstMs: number | undefined;
  const onSignal = (): void => {
    if (firstMs !== undefined) {
      if (performance.now() - firstMs > ONE_WISH_MS) process.exit(130);
      return;
    }
    firstMs = performance.now();
    // A progress line may stand there.
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    process.stderr.write(
      '\nclaimbench: stopping after the cells that have finished; once more to stop at once\n',
    );
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
