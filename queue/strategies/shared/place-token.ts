// How does one growing number name a job by its lease and its place in it?

/** Places in a lease that a fencing token can tell apart: more than a claim may ask for. */
export const PLACES = 16_384;

/** The token of a place: a later lease has the greater one, and it says all that a settle needs, whoever sends it. */
export function tokenOf(lease: number, place: number): string {
  const token = lease * PLACES + place;
  return Number.isSafeInteger(token) ? String(token) : String(BigInt(lease) * BigInt(PLACES) + BigInt(place));
}

/** The way back. */
export function placeOfToken(token: string): { readonly lease: number; readonly place: number } {
  const value = BigInt(token);
  return { lease: Number(value / BigInt(PLACES)), place: Number(value % BigInt(PLACES)) };
}
