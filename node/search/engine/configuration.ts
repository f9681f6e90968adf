import { SlurpError } from '../../../base/errors.ts'
import { type Analyzer, type Analyzers, english } from '../analysis/analyzers.ts'
import { type TextField, textFields } from '../api.ts'
import { type Bm25, defaultBm25 } from '../rank/bm25.ts'

/** One way to index everything; several may stand beside each other. */
export type IndexConfiguration = {
  /** 1 to 64 of `a-z 0-9 -`. */
  readonly name: string
  /** What is made of the words of each field, `english` where nothing is said. Other ones make another index. */
  readonly analyzers?: Readonly<Partial<Record<TextField, Analyzer>>>
  /** How much a word counts in each field, 1 to 16, 1 where nothing is said. */
  readonly weights?: Readonly<Partial<Record<TextField, number>>>
  readonly k1?: number
  readonly b?: number
  /** Keep versions that were written over, for searches as of a time. Default true. */
  readonly history?: boolean
}

export const mainIndex: IndexConfiguration = { name: 'main' }

export const weightsOf = ({ weights }: IndexConfiguration): number[] =>
  textFields.map(field => weights?.[field] ?? 1)

export const analyzersOf = ({ analyzers }: IndexConfiguration): Analyzers =>
  analyzers === undefined ? english : textFields.map(field => analyzers[field] ?? 'english')

export const bm25Of = ({ k1, b }: IndexConfiguration): Bm25 => ({
  k1: k1 ?? defaultBm25.k1,
  b: b ?? defaultBm25.b,
})

/** What the segments are made with: when it changes they are made anew. `analysis` is a number of this code. */
export const fingerprintOf = (configuration: IndexConfiguration): string =>
  JSON.stringify({
    analysis: 1,
    weights: weightsOf(configuration),
    history: configuration.history ?? true,
    ...analyzersNamed(configuration),
  })

/** All that the ranking of an index depends on. */
export const asMade = (configuration: IndexConfiguration): string => {
  const { k1, b } = bm25Of(configuration)
  return `${fingerprintOf(configuration)} ${k1} ${b}`
}

/** By name and by what its words are: with other words it is another index, of which nothing is there yet. */
export const identityOf = (configuration: IndexConfiguration): string => {
  const { analyzers } = analyzersNamed(configuration)
  return analyzers === undefined ? configuration.name : `${configuration.name} ${analyzers.join()}`
}

const analyzersNamed = (configuration: IndexConfiguration): { analyzers?: Analyzers } => {
  const analyzers = analyzersOf(configuration)
  return analyzers.every(each => each === 'english') ? {} : { analyzers }
}

export const indexUnknown = (name: string): SlurpError =>
  new SlurpError('INDEX_UNKNOWN', `There is no index ${name}.`, {
    hint: '`slurp index ls` lists those of a peer; `slurp help config` says how one is added.',
  })
