import { type Random, seeded } from '../../../base/random.ts'
import { type BenchContext, makeContext, makeVocabulary, zipf } from './corpus.ts'

export type Question = { readonly query: string; readonly mode?: 'all' }
export type Kind = (by: Random) => Question

/** Contexts that phrases are taken from. */
const sampled = 1_000

/** Contexts by number, and questions of each kind about them: the same in every run. */
export type Corpus = {
  readonly context: (number: number) => BenchContext
  readonly kinds: Readonly<Record<string, Kind>>
}

export function makeCorpus(): Corpus {
  const words = makeVocabulary(seeded(1))
  const context = (number: number) => makeContext(seeded(1_000 + number), words, number)
  const sample = Array.from({ length: sampled }, (_, number) => context(number))
  return {
    context,
    kinds: {
      rare: by => ({ query: words[20_000 + by.below(20_000)]! }),
      common: by => ({ query: words[by.below(30)]! }),
      'AND of 2': by => ({ query: `${words[by.below(300)]} ${words[by.below(300)]}`, mode: 'all' }),
      'OR of 5': by => ({ query: Array.from({ length: 5 }, () => zipf(by, words)).join(' ') }),
      phrase: by => {
        const text = by.pick(sample).content.split(' ')
        const at = by.below(text.length - 2)
        return { query: `"${text[at]} ${text[at + 1]}"` }
      },
      prefix: by => ({ query: `${words[by.below(2000)]!.slice(0, 4)}*` }),
      fuzzy: by => ({ query: `${misspelt(by, words[by.below(5000)]!)}~` }),
    },
  }
}

/** Two letters that changed places. */
function misspelt(by: Random, word: string): string {
  const at = 1 + by.below(word.length - 2)
  return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2)
}
