import type { Context, RetrieveOptions } from '../api.ts'

export type ResolveOptions = RetrieveOptions & {
  /** Says of every field where it comes from, and of every level what became of it. */
  explain?: boolean
}

/** One context on the way from the root of a project to the address. */
export type ResolvedLevel = {
  /** As it was read: at a past time with that time. */
  address: string
  version: string
  writtenAt: string
  author: string
  /** `notForChildren`: it does not reach so far down; `overridden`: one below it starts anew. */
  part: 'merged' | 'notForChildren' | 'overridden'
}

/** What holds at an address: the context there and those above it, merged. */
export type ResolvedContext = {
  address: string
  context: Context
  /** With `explain`: the contexts that each field comes from, from the root down. */
  sources?: Record<string, string[]>
  /** With `explain`: every context on the way that could be opened, from the root down. */
  levels?: ResolvedLevel[]
}
