import { type TextField, textFields } from '../api.ts'
import { type Bm25, defaultBm25 } from '../rank/bm25.ts'

/** One way to index everything; several may stand beside each other. */
export type IndexConfiguration = {
  /** 1 to 64 of `a-z 0-9 -`. */
  readonly name: string
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

export const bm25Of = ({ k1, b }: IndexConfiguration): Bm25 => ({
  k1: k1 ?? defaultBm25.k1,
  b: b ?? defaultBm25.b,
})

/** What the segments are made with: when it changes they are made anew. `analysis` is a number of this code. */
export const fingerprintOf = (configuration: IndexConfiguration): string =>
  JSON.stringify({ analysis: 1, weights: weightsOf(configuration), history: configuration.history ?? true })
