// What does Ctrl-C do?

const controller = new AbortController();

/** Aborted by the first SIGINT or SIGTERM: commands end cleanly and keep what they have. */
export const interruption: AbortSignal = controller.signal;

/** From now on a signal aborts instead of killing; a second one ends at once, and the watchdogs clear up. */
export function handleInterruption(): void {
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write(
      '\nclaimbench: stopping after the cells that have finished; once more to stop at once\n',
    );
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
