import type { SimOptions } from '../scenario.ts'
import { isOn, switchesOf } from './candidates.ts'
import type { Broken, Minimised } from './minimise.ts'

/** The command that runs this world again. Limits that were given beside the plan are not in it. */
export function commandOf(seed: number, options: Omit<SimOptions, 'limits' | 'tellsStory'>): string {
  const { peers, clients, keys, operations, faults } = options
  const switches = switchesOf(options).map(name => (isOn(options, name) ? ` --${name}` : ` --no-${name}`))
  const numbers = Object.entries({ peers, clients, keys, operations }).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${value}`],
  )
  const hardness = Object.entries(faults ?? {}).map(([kind, hard]) => `${kind}=${hard}`)
  const given = faults === undefined ? '' : ` --faults ${hardness.join(',') || 'none'}`
  return `npm run -s slurp -- sim run --seed ${seed}${numbers.join('')}${switches.join('')}${given}`
}

/** A seed in a fleet of two versions is run again as one of many. */
export const commandOfMixed = (seed: number, version: string): string =>
  `npm run sim -- --seeds ${seed} --mixed ${version}`

export const commandOfBroken = ({ seed, plan, mixedWith }: Broken): string =>
  mixedWith === undefined ? commandOf(seed, plan) : commandOfMixed(seed, mixedWith)

const endWords = {
  smallest: 'nothing else could go',
  runs: 'no more runs allowed',
  time: 'no more time allowed',
} as const satisfies Record<Minimised['ended'], string>

/** What a minimiser did, in a few lines. */
export function minimisedWords({ invariant, dropped, runs, ended, after }: Minimised): string[] {
  return [
    `smaller: invariant ${invariant} still breaks, after ${runs} runs; ${endWords[ended]}`,
    `dropped: ${dropped.join(', ') || 'nothing'}`,
    `again: ${commandOfBroken(after)}`,
  ]
}
