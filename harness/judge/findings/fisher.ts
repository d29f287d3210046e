import { logGamma } from '../../statistics/special-functions.ts';

/**
 * Fisher's exact test, one-sided: how probable it is that at least `victims` of `ofVictims` have a property that
 * `victims + others` of all have, if being a victim had nothing to do with it. (The upper tail of the hypergeometric
 * distribution, summed in logarithms: counts may be in the hundred thousands.)
 */
export function fisher(victims: number, ofVictims: number, others: number, ofOthers: number): number {
  const having = victims + others;
  const all = ofVictims + ofOthers;
  let sum = 0;
  for (let k = victims; k <= Math.min(having, ofVictims); k++) {
    sum += Math.exp(lnChoose(having, k) + lnChoose(all - having, ofVictims - k) - lnChoose(all, ofVictims));
  }
  return Math.min(1, sum);
}

function lnChoose(n: number, k: number): number {
  return k < 0 || k > n ? -Infinity : logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}
