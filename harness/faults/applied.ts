// How is it written down that a fault took effect, and that it was over?

/** A fault that took effect, or the end of one. The label begins with the fault's name. */
export interface AppliedFault {
  readonly label: string;
  readonly atUs: number;
}

/** The label of the end of a fault. */
export function endLabel(fault: string): string {
  return `${fault} ends`;
}
