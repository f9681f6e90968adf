import type { Version } from '../../base/ids.ts'
import { slotOf } from '../../crypto/registry/registry.ts'
import type { StoredContext } from './disk-walk.ts'

/** Key versions by `slotOf`: those that others took the place of, and of these those that are to go with their history. */
export type KeysOfBefore = { readonly replaced: ReadonlySet<string>; readonly ending: ReadonlySet<string> }

/** What is to be done about one context. */
export type Choice = { readonly kind: 'seal' } | { readonly kind: 'trim'; readonly keepFrom: Version }

/** Null: nothing. What is dead is collected with its history, and nothing is written about it any more. */
export function choiceFor(context: StoredContext, before: KeysOfBefore, wallMs: number): Choice | null {
  const { head, kept } = context
  if (head === null || head.kind === 'tombstone') return null
  if (head.expiresAtMs !== 0 && head.expiresAtMs <= wallMs) return null
  const names = (at: number, slots: ReadonlySet<string>) =>
    kept[at]!.roles.some(role => slots.has(slotOf(role)))
  const standsAt = kept.findIndex(({ version }) => version === head.version)
  if (standsAt < 0) return null
  if (names(standsAt, before.replaced)) return { kind: 'seal' }
  const earlier = [...kept.keys()].filter(at => at < standsAt)
  const dropped = earlier.findLast(at => names(at, before.ending))
  if (dropped !== undefined) return { kind: 'trim', keepFrom: kept[dropped + 1]!.version }
  if (!earlier.some(at => names(at, before.replaced))) return null
  return spared(context, standsAt)
}

/** Where nothing older is kept than what a reseal stands for, the reseal alone says as much as both. */
function spared({ kept }: StoredContext, standsAt: number): Choice | null {
  const oldest = kept[0]!.version
  for (let at = standsAt; at > 0; at--) {
    const { standsFor, version } = kept[at]!
    if (standsFor !== null && standsFor.version <= oldest) return { kind: 'trim', keepFrom: version }
  }
  return null
}
