// Which parts of jstat, which brings no types, do the tests compare with?

declare module 'jstat' {
  type Jstat = {
    gammaln(x: number): number;
    ibeta(x: number, a: number, b: number): number;
    normal: { cdf(x: number, mean: number, deviation: number): number };
    studentt: { cdf(t: number, degrees: number): number; inv(p: number, degrees: number): number };
  };
  const jstat: Jstat;
  export default jstat;
}
