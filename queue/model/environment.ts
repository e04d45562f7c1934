// How is the model's test told to run more sequences, or the same ones again?

/** The whole number in the environment's `name`; absent where that is not set. Throws when it is something else. */
export function wholeNumber(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`${name} is "${text}": give a whole number`);
  return number;
}
