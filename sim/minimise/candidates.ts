import type { FaultKind } from '../faults.ts'
import type { SimPlan } from '../scenario.ts'

/** How small each number of a plan may become, in the order in which they are tried. */
const floors = { operations: 1, keys: 1, clients: 1, peers: 3 } as const satisfies Partial<
  Record<keyof SimPlan, number>
>

const hardnessMin = 0.1

/** Plans with fewer kinds of faults: none at all, then halves, quarters, down to single kinds left out. */
export function* fewerFaults(plan: SimPlan): Generator<SimPlan> {
  const kinds = Object.entries(plan.faults) as [FaultKind, number][]
  for (let size = kinds.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < kinds.length; at += size) {
      const faults = Object.fromEntries(kinds.filter((_, index) => index < at || index >= at + size))
      yield { ...plan, faults }
    }
  }
}

/** Plans with one thing switched off that is on. */
export function* switchedOff(plan: SimPlan): Generator<SimPlan> {
  for (const name of switchesOf(plan)) if (isOn(plan, name)) yield { ...plan, [name]: false }
}

/** Names of what a plan switches on or off. */
export const switchesOf = (plan: object): string[] =>
  Object.entries(plan).flatMap(([name, value]) => (typeof value === 'boolean' ? [name] : []))

export const isOn = (plan: object, name: string): boolean => (plan as Record<string, unknown>)[name] === true

/** Plans with one number smaller: as small as it may be, then half the way there, then one less. */
export function* smallerNumbers(plan: SimPlan): Generator<SimPlan> {
  for (const [name, floor] of Object.entries(floors) as [keyof typeof floors, number][]) {
    const value = plan[name]
    for (const smaller of new Set([floor, floor + Math.floor((value - floor) / 2), value - 1])) {
      if (smaller >= floor && smaller < value) yield { ...plan, [name]: smaller }
    }
  }
}

/** Plans with one fault that hits less hard, in hundredths. */
export function* milderFaults(plan: SimPlan): Generator<SimPlan> {
  for (const [kind, hard] of Object.entries(plan.faults)) {
    for (const milder of new Set([hardnessMin, inHundredths(hard / 2), inHundredths(hard - 0.005)])) {
      if (milder >= hardnessMin && milder < hard)
        yield { ...plan, faults: { ...plan.faults, [kind]: milder } }
    }
  }
}

export const inHundredths = (value: number): number => Math.round(value * 100) / 100
