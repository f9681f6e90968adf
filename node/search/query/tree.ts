import type { TextField } from '../api.ts'

/** One thing that a document has or has not. `at` is its first character in the query, from 0. */
export type Leaf =
  | { readonly kind: 'word'; readonly text: string; readonly field: TextField | null; readonly at: number }
  | { readonly kind: 'phrase'; readonly text: string; readonly field: TextField | null; readonly at: number }
  /** `parts` in this order with anything between, `['auth', '']` for `auth*`. */
  | {
      readonly kind: 'pattern'
      readonly parts: readonly string[]
      readonly field: TextField | null
      readonly at: number
    }
  | {
      readonly kind: 'fuzzy'
      readonly text: string
      /** Mistakes that are forgiven; null: by length. */
      readonly edits: number | null
      readonly field: TextField | null
      readonly at: number
    }

/** `loose` children stand beside each other without a word between; the mode of the request says what that means. */
export type Node =
  | Leaf
  | { readonly kind: 'loose' | 'all' | 'any'; readonly children: readonly Node[] }
  | { readonly kind: 'not'; readonly child: Node }
