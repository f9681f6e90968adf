import type { PeerId } from '../../base/ids.ts'
import { isRole, type SecretEntry } from '../../crypto/registry/registry.ts'
import { decodeEntry } from '../../crypto/registry/registry-codec.ts'
import { isGenuine } from '../../crypto/registry/statements.ts'
import { roleKeyVersionsMax } from '../../crypto/roles.ts'
import type { Log } from '../running-peer.ts'
import type { Dealer } from './dealer.ts'
import { fingerprintOf } from './key-report.ts'
import type { RegistryBook } from './registry-book.ts'
import type { ReleaseRule } from './release-rule.ts'
import { withKey } from './rotation.ts'
import type { ShareHolder } from './share-holder.ts'
import type { Answered, KeyQuestion } from './wire.ts'

export type ReplacingParts = {
  readonly self: { readonly peerId: PeerId }
  readonly book: RegistryBook
  readonly rule: ReleaseRule
  readonly holder: Pick<ShareHolder, 'held'>
  readonly dealer: Pick<Dealer, 'holdersWanted'>
  readonly log: Log
  /** Something changed: the others are told. */
  readonly tell: () => void
}

/**
 * Puts the next key of a role, which an agent made and dealt, into the registry. A member that can open nothing can tell
 * all the same that the key before vouches for it, and that it is dealt to those who are to hold shares.
 *
 * @param from - the agent, as its connection proved it; that it may change keys was looked at.
 * @returns why not; nothing but bytes when the registry says so, also where it did already.
 */
export async function replaceFor(
  parts: ReplacingParts,
  from: PeerId,
  { entry, dropsHistory }: Extract<KeyQuestion, { kind: 'replace' }>,
): Promise<Answered> {
  const { book, log, tell } = parts
  await book.agree()
  const offered = decodeEntry(entry)
  const { name, keyVersion } = offered
  const isThere = book.registry.secrets.some(
    each => each.name === name && Buffer.compare(each.verifier, offered.verifier) === 0,
  )
  if (isThere) return new Uint8Array(0)
  const why = objection(parts, from, offered)
  if (why !== null) return why
  await book.change(registry => withKey(registry, offered, dropsHistory ? 'drop' : 'keep'))
  tell()
  log.warn({ role: name, keyVersion, fingerprint: fingerprintOf(offered), by: from }, 'a role has a new key')
  return new Uint8Array(0)
}

function objection(parts: ReplacingParts, from: PeerId, offered: SecretEntry): string | null {
  const { book, rule } = parts
  const { registry } = book
  const { set } = offered.set
  if (set.dealer !== from) return 'Who asks is not who dealt it.'
  if (!isRole(offered.name) || offered.state !== 'current') return 'Only the next key of a role is taken.'
  const decision = rule.mayRelease(from, offered.name)
  if (decision.kind === 'denied') return decision.reason
  const versions = registry.secrets.filter(({ name }) => name === offered.name)
  const newest = versions.at(-1)
  if (newest === undefined || offered.keyVersion !== newest.keyVersion + 1)
    return 'Somebody else has rotated that role meanwhile, or there is none.'
  if (versions.filter(({ state }) => state !== 'destroyed').length >= roleKeyVersionsMax)
    return 'The role has as many key versions as the registry keeps.'
  if (!isGenuine(registry, offered)) return 'The key before does not vouch for it.'
  return objectionToHolders(parts, offered)
}

/** Whether it is dealt to those who are to hold shares, as far as this member can tell. */
export function objectionToHolders(
  { self, holder, dealer }: Pick<ReplacingParts, 'self' | 'holder' | 'dealer'>,
  { set: { set } }: Pick<SecretEntry, 'set'>,
): string | null {
  const wanted = dealer.holdersWanted()
  const holders = new Set(set.holders.map(({ peer }) => peer))
  if (holders.size !== wanted.length || !wanted.every(peer => holders.has(peer)))
    return 'It is not dealt to those who are to hold shares now.'
  // Who has no share of it cannot say that anybody has.
  if (holders.has(self.peerId) && !holder.held.some(({ setId }) => setId === set.setId))
    return 'This member has not got its share of it.'
  return null
}
