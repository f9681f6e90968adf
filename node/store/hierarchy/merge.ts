import type { Context } from '../api.ts'

/** One context on the way down. @param Level.address - named as a source. */
export type Level = { readonly address: string; readonly context: Context }

/** What becomes of a level, when contexts from the root down to the leaf are merged. */
export type Part = 'merged' | 'notForChildren' | 'overridden'

const lists = ['technologies', 'tags', 'insights'] as const
/** They say how the leaf itself is merged; they are no knowledge that could be inherited. */
const steering = ['appliesToChildren', 'overridesParent'] as const
const ownRules: ReadonlySet<string> = new Set([...lists, ...steering, 'metadata'])

/**
 * Which levels take part. `distances` counts path segments down to the address that is resolved: 0 is that address itself.
 * A level without `appliesToChildren` is for all that lies below. One that takes part and has `overridesParent` ends the
 * way up; one that takes no part ends nothing.
 */
export function partsOf(levels: readonly { context: Context; distance: number }[]): Part[] {
  const reaches = levels.map(({ context, distance }) => {
    const to = context.appliesToChildren ?? 'descendants'
    return distance === 0 || to === 'descendants' || (to === 'children' && distance === 1)
  })
  const start = levels.findLastIndex(({ context }, at) => reaches[at] && context.overridesParent === true)
  return reaches.map((reach, at) => (!reach ? 'notForChildren' : at < start ? 'overridden' : 'merged'))
}

/**
 * Merges contexts from the root down: lists are united, of everything else the nearest to the leaf wins. A text that is
 * empty says nothing. A decision goes as a whole; metadata goes name by name.
 *
 * @param leaf - the context at the address itself; null where nothing is, or nothing can be opened.
 * @returns for each field also the addresses that it comes from, from the root down.
 */
export function mergeContexts(
  levels: readonly Level[],
  leaf: Context | null,
): { context: Context; sources: Record<string, string[]> } {
  const merged = new Map<string, unknown>()
  const sources = new Map<string, string[]>()
  const fields = [...new Set(levels.flatMap(({ context }) => Object.keys(context)))]
  for (const field of fields.filter(each => !ownRules.has(each))) {
    const said = levels.findLast(({ context }) => saysSomething(context[field as keyof Context]))
    if (said === undefined) continue
    merged.set(field, said.context[field as keyof Context])
    sources.set(field, [said.address])
  }
  for (const field of lists) {
    const having = levels.filter(({ context }) => context[field] !== undefined)
    if (having.length === 0) continue
    merged.set(field, [...new Set(having.flatMap(({ context }) => context[field] ?? []))])
    const telling = having.filter(({ context }) => context[field]?.length)
    sources.set(
      field,
      (telling.length > 0 ? telling : having.slice(-1)).map(({ address }) => address),
    )
  }
  for (const field of steering) {
    const flag = leaf?.[field]
    if (flag === undefined) continue
    merged.set(field, flag)
    sources.set(field, [levels.at(-1)!.address])
  }
  mergeMetadata(levels, merged, sources)
  return { context: Object.fromEntries(merged) as Context, sources: Object.fromEntries(sources) }
}

function mergeMetadata(
  levels: readonly Level[],
  merged: Map<string, unknown>,
  sources: Map<string, string[]>,
): void {
  const entries = new Map<string, { value: unknown; address: string }>()
  for (const { address, context } of levels) {
    for (const [name, value] of Object.entries(context.metadata ?? {})) entries.set(name, { value, address })
  }
  if (entries.size === 0) return
  merged.set('metadata', Object.fromEntries([...entries].map(([name, { value }]) => [name, value])))
  const telling = new Set([...entries.values()].map(({ address }) => address))
  sources.set(
    'metadata',
    levels.map(({ address }) => address).filter(address => telling.has(address)),
  )
}

const saysSomething = (value: unknown): boolean => value !== undefined && value !== null && value !== ''
