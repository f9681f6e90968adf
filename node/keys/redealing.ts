import { sameBytes } from '../../base/bytes.ts'
import type { PeerId } from '../../base/ids.ts'
import { entryOf, type SecretEntry, slotOf, withEntries } from '../../crypto/registry/registry.ts'
import { decodeEntry } from '../../crypto/registry/registry-codec.ts'
import { isGenuine } from '../../crypto/registry/statements.ts'
import { supersedes } from '../../crypto/shares/share-set.ts'
import { inForceOf } from './dealer.ts'
import { objectionToHolders, type ReplacingParts } from './replacing.ts'
import type { Answered, KeyQuestion } from './wire.ts'

/**
 * Puts dealings of an agent into the registry: of secrets that no member can open, once members have come or gone for good. A
 * member can tell that who dealt has the secret, that it is the one in force, and that it is dealt to those who are to hold it.
 *
 * @param from - the agent, as its connection proved it; that it may change keys was looked at.
 * @returns why not; bytes when the registry says so, also where it did already.
 */
export async function redealtFor(
  parts: ReplacingParts,
  from: PeerId,
  { entries }: Extract<KeyQuestion, { kind: 'redealt' }>,
): Promise<Answered> {
  const { book, log, tell } = parts
  await book.agree()
  const offered = entries.map(decodeEntry)
  for (const entry of offered) {
    const why = objection(parts, from, entry)
    if (why !== null) return why
  }
  await book.change(registry => withEntries(registry, inForceOf(registry, offered)))
  tell()
  log.warn({ dealt: offered.map(slotOf), by: from }, 'keys were dealt anew by an agent')
  return new Uint8Array(0)
}

function objection(parts: ReplacingParts, from: PeerId, offered: SecretEntry): string | null {
  const { registry } = parts.book
  const { set } = offered.set
  if (set.dealer !== from) return 'Who asks is not who dealt it.'
  const decision = parts.rule.mayRelease(from, offered.name)
  if (decision.kind === 'denied') return decision.reason
  const now = entryOf(registry, set)
  if (now === undefined || now.state === 'destroyed') return 'There is no such key version.'
  if (!sameBytes(now.verifier, offered.verifier)) return 'It is another secret.'
  if (sameBytes(now.set.hash, offered.set.hash)) return null
  if (!supersedes(set, now.set.set)) return 'A dealing in force is not older.'
  if (!isGenuine(registry, offered)) return 'Who deals has not shown that it has the secret.'
  return objectionToHolders(parts, offered)
}
