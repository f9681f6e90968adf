import { SlurpError } from '../base/errors.ts'
import { type FaultKind, faultKinds } from './faults.ts'
import { minimise } from './minimise/minimise.ts'
import { commandOfBroken, minimisedWords } from './minimise/words.ts'
import { runSeed, type SimOptions, type SimResult } from './scenario.ts'
import { pageOf } from './timeline/page.ts'

/** As SimOptions, from somebody who types: faults by any name. */
export type ReplayOptions = Omit<SimOptions, 'faults' | 'limits' | 'mixedWith' | 'tellsStory'> & {
  readonly faults?: Readonly<Record<string, number>>
  /** Looks for a smaller world when the seed breaks; what is told is then that one. */
  readonly minimises?: boolean
  /** Draws the story when the seed breaks. */
  readonly draws?: boolean
}

export type Replayed = SimResult & { readonly minimised?: readonly string[]; readonly page?: string }

/**
 * One seed for one reader.
 *
 * @throws SlurpError USAGE for a fault that there is not.
 */
export function replay(seed: number, { minimises, draws, faults, ...world }: ReplayOptions): Replayed {
  const options: SimOptions = faults === undefined ? world : { ...world, faults: known(faults) }
  const smaller = minimises ? minimise(seed, options) : null
  const result = smaller?.result ?? runSeed(seed, options)
  return {
    ...result,
    ...(smaller === null ? {} : { minimised: minimisedWords(smaller) }),
    ...(draws && result.tale !== null ? { page: storyPage(result) } : {}),
  }
}

function known(faults: Readonly<Record<string, number>>): NonNullable<SimOptions['faults']> {
  for (const kind of Object.keys(faults)) {
    if (faultKinds.includes(kind as FaultKind)) continue
    throw new SlurpError('USAGE', `The simulator has no fault ${kind}.`, {
      hint: `It has ${faultKinds.join(', ')}.`,
    })
  }
  return faults
}

/** The story of a broken world as a page. */
export function storyPage(result: SimResult, facts: readonly (readonly [string, string])[] = []): string {
  const { seed, violations, plan, tale, mixedWith } = result
  if (tale === null) return ''
  const broken = violations.map(
    ({ invariant, what, atMs }) => `invariant ${invariant} at ${(atMs / 1000).toFixed(4)} s: ${what}`,
  )
  const faults = Object.entries(plan.faults).map(([kind, hard]) => `${kind} ${hard.toFixed(2)}`)
  const { peers, clients, keys, operations } = plan
  return pageOf(
    {
      title: `Seed ${seed}: invariant ${violations[0]?.invariant ?? '?'} broken`,
      facts: [
        ['broken', broken.join('\n')],
        ['world', `${peers} peers, ${clients} callers, ${keys} keys, ${operations} operations`],
        ['faults', faults.join(', ') || 'none'],
        ['again', commandOfBroken({ seed, plan, ...(mixedWith === undefined ? {} : { mixedWith }) })],
        ...facts,
      ],
    },
    tale,
  )
}
