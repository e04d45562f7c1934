// Which statements leave together?

/** Connections that have sent something in the present turn of the event loop: what follows at once travels along. */
const sending = new WeakSet<object>();

/**
 * Whether `connection` has sent something in this turn already. When it has not, this is the first, and `flush` is called
 * at the end of the turn.
 */
export function sentTogether(connection: object, flush?: () => void): boolean {
  if (sending.has(connection)) return true;
  sending.add(connection);
  queueMicrotask(() => {
    sending.delete(connection);
    flush?.();
  });
  return false;
}
