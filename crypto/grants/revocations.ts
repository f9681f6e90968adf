import type { Digest, FleetId } from '../../base/ids.ts'
import { fleetOf } from '../authority.ts'
import { sha256Hex } from '../digest.ts'
import type { SigningKey } from '../signing-key.ts'
import { openDelegate, openStatement } from './grant-chain.ts'
import {
  type Delegate,
  decodeStatement,
  encodeStatement,
  type Grant,
  type GrantId,
  type RevocationList,
} from './grant-shape.ts'
import { invalid, signToken, unverifiedPayload } from './token.ts'

/** A list with what proves it, to be handed on as it is. */
export type OpenedRevocations = {
  readonly list: RevocationList
  readonly text: string
  /** Certificate of the delegate that signed; null when the authority did. */
  readonly delegate: string | null
  /** SHA-256 of `text`. */
  readonly digest: Digest
}

/** What a peer knows to be revoked: of each signer the lists that no other list of that signer contains. */
export type Revocations = readonly OpenedRevocations[]

/** Lists of one signer of which none contains another, at most. More, and all that it could revoke counts as revoked. */
export const openListsMax = 8

export const noRevocations: Revocations = []

/**
 * Signs a list. A signer puts into each version what was in those before; `signer` is `authority` or the id of a
 * delegate, whose list speaks of its own grants only.
 *
 * @throws SlurpError CONFIG_INVALID when a shape or a cap is violated.
 */
export const signRevocations = (
  key: SigningKey,
  fleet: FleetId,
  list: Omit<RevocationList, 'format' | 'fleet'>,
): Promise<string> => signToken('revocations', key, encodeStatement('revocations', { ...list, fleet }))

/**
 * Reads a list and proves who signed it. A certificate that has run out meanwhile still proves it.
 *
 * @throws SlurpError GRANT_INVALID, or FORMAT_UNKNOWN for one of a later release.
 */
export async function openRevocations(
  { text, delegate }: Pick<OpenedRevocations, 'text' | 'delegate'>,
  authorityPublicKey: Uint8Array,
): Promise<OpenedRevocations> {
  // Whose key has to have signed is said by the certificate beside it, never by the list.
  const signer = delegate === null ? null : await openDelegate(delegate, authorityPublicKey)
  const publicKey = signer === null ? authorityPublicKey : Buffer.from(signer.publicKey, 'hex')
  const claimed = decodeStatement('revocations', unverifiedPayload('revocations', text))
  if (claimed.signer !== (signer?.id ?? 'authority')) throw invalid('revocations', 'It names another signer.')
  const list = await openStatement('revocations', text, publicKey)
  if (list.fleet !== fleetOf(authorityPublicKey)) throw invalid('revocations', 'It is of another fleet.')
  if (signer !== null && list.cutOffs.length > 0) {
    throw invalid('revocations', 'A delegate cannot cut off a delegate.')
  }
  return { list, text, delegate, digest: sha256Hex(text) }
}

/** The union: whatever one side knows to be revoked stays revoked. Order and repetition make no difference. */
export function mergeRevocations(first: Revocations, second: Revocations): Revocations {
  const all = [...new Map([...first, ...second].map(opened => [opened.digest, opened])).values()]
  const kept = all.filter(opened => !all.some(other => replaces(other, opened)))
  const bySigner = Map.groupBy(kept.sort(byDigest), ({ list }) => list.signer)
  return [...bySigner.values()].flatMap(lists => lists.slice(0, openListsMax + 1)).sort(byDigest)
}

/** Why a grant counts no more. */
export type RevokedBy = 'delegateRevoked' | 'delegateCutOff' | 'grantRevoked' | 'revocationsUnclear'

/**
 * What speaks against the grant at a moment: of what was written, that is the time of its version.
 *
 * @returns null when nothing that is known does. Cost: O(entries of the lists).
 */
export function revokedBy(
  revocations: Revocations,
  delegate: Delegate,
  grant: Grant,
  atMs: number,
): RevokedBy | null {
  const heard = revocations.filter(
    ({ list }) => list.fleet === grant.fleet && (list.signer === 'authority' || list.signer === delegate.id),
  )
  const authority = heard.filter(({ list }) => list.signer === 'authority')
  const names = ({ list }: OpenedRevocations, id: GrantId) =>
    list.revoked.some(each => each.id === id && each.fromMs <= atMs)
  if (authority.some(opened => names(opened, delegate.id))) return 'delegateRevoked'
  const isCutOff = authority.some(({ list }) =>
    list.cutOffs.some(
      cut => cut.delegate === delegate.id && grant.issuedAtMs < cut.beforeMs && cut.beforeMs <= atMs,
    ),
  )
  if (isCutOff) return 'delegateCutOff'
  if (heard.some(opened => names(opened, grant.id))) return 'grantRevoked'
  // A list may have been left out of so many: what it named must not come back.
  const own = heard.filter(({ list }) => list.signer !== 'authority')
  const tooMany = [authority, own].filter(lists => lists.length > openListsMax).flat()
  return tooMany.some(({ list }) => list.issuedAtMs <= atMs) ? 'revocationsUnclear' : null
}

/** Contains all of it; of two that contain each other the higher version stays, then the higher digest. */
function replaces(one: OpenedRevocations, other: OpenedRevocations): boolean {
  if (one.digest === other.digest || one.list.signer !== other.list.signer) return false
  if (one.list.fleet !== other.list.fleet || !contains(one.list, other.list)) return false
  if (!contains(other.list, one.list)) return true
  if (one.list.version !== other.list.version) return one.list.version > other.list.version
  return one.digest > other.digest
}

function contains(one: RevocationList, other: RevocationList): boolean {
  const from = new Map(one.revoked.map(({ id, fromMs }) => [id, fromMs]))
  const cuts = new Map(one.cutOffs.map(({ delegate, beforeMs }) => [delegate, beforeMs]))
  return (
    other.revoked.every(({ id, fromMs }) => (from.get(id) ?? Number.POSITIVE_INFINITY) <= fromMs) &&
    other.cutOffs.every(({ delegate, beforeMs }) => (cuts.get(delegate) ?? -1) >= beforeMs)
  )
}

const byDigest = (one: OpenedRevocations, other: OpenedRevocations): number =>
  one.digest < other.digest ? -1 : 1
