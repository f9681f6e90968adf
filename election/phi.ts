import { assert } from '../base/assert.ts'

const halfLogOfTwoPi = Math.log(2 * Math.PI) / 2
const tailFrom = 2
const seriesTerms = 40
const fractionTerms = 120

/**
 * Phi of the accrual failure detector: -log10 of the chance that a heartbeat is later than it is now, when arrivals
 * are normal. 1: one such silence in ten is no failure; 8: one in a hundred million.
 *
 * @param deviations - how much later than the mean it is, in standard deviations.
 * @returns at least 0; exact to about 12 digits, and finite however late it is.
 * Source: Hayashibara, Défago, Yared and Katayama 2004, section 4 (there P_later).
 */
export function phiOf(deviations: number): number {
  if (deviations < -8) return 0
  return deviations < tailFrom
    ? Math.max(0, -Math.log10(0.5 - density(deviations) * series(deviations)))
    : (deviations ** 2 / 2 + halfLogOfTwoPi - Math.log(millsRatio(deviations))) / Math.LN10
}

/** How many deviations late a heartbeat is when phi reaches `phi`, which is above 0. */
export function deviationsAt(phi: number): number {
  assert(phi > 0 && phi <= 1_000, 'a threshold is something to reach')
  let [low, high] = [-8, 80]
  // To the last bit of a double.
  for (let half = 0; half < 64; half++) {
    const middle = (low + high) / 2
    if (phiOf(middle) < phi) low = middle
    else high = middle
  }
  return high
}

const density = (x: number): number => Math.exp(-(x ** 2) / 2 - halfLogOfTwoPi)

/** The integral from 0 to x over the density at x: x + x^3/3 + x^5/15 + … */
function series(x: number): number {
  let term = x
  let sum = x
  for (let odd = 3; odd < 2 * seriesTerms + 3; odd += 2) {
    term *= x ** 2 / odd
    sum += term
  }
  return sum
}

/** The tail above x over the density at x, by Laplace's continued fraction 1/(x + 1/(x + 2/(x + …))). */
function millsRatio(x: number): number {
  let below = x
  for (let term = fractionTerms; term >= 1; term--) below = x + term / below
  return 1 / below
}
