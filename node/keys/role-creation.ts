import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import { type FleetId, isRoleName, type PeerId, type RoleName } from '../../base/ids.ts'
import {
  entitledTo,
  isRole,
  type Registry,
  type SecretEntry,
  withEntitlement,
  withEntries,
} from '../../crypto/registry/registry.ts'
import { endorse, entitle } from '../../crypto/registry/statements.ts'
import { newRoleKey, rolesMax } from '../../crypto/roles.ts'
import { SecretProver } from '../../crypto/shares/dealing-proof.ts'
import { fleetSecretName, type SecretName, signingKeyName } from '../../crypto/shares/secret-name.ts'
import { wipe } from '../../crypto/shares/share.ts'
import type { View } from '../../dht/view.ts'
import type { CreatedRole, RoleOrder } from '../key-control.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { Collector } from './collector.ts'
import type { Dealer } from './dealer.ts'
import { fingerprintOf } from './key-report.ts'
import type { RegistryBook } from './registry-book.ts'

export type RoleCreationParts = {
  readonly fleet: FleetId
  readonly view: () => View
  readonly book: RegistryBook
  readonly collector: Collector
  readonly dealer: Dealer
  readonly isGranted: (peer: PeerId, secret: SecretName) => boolean
  readonly clock: Clock
  readonly log: Log
}

/**
 * Makes a new role in a fleet that runs. Its first key has none before it that could vouch for it, so the key that signs
 * grants does; and who may have it is said by the new key itself, as whoever has a key can pass it on.
 *
 * @throws SlurpError USAGE for a name that is none; VERSION_CONFLICT when there is a role of that name; TOO_MANY past
 * `rolesMax`; MEMBER_UNKNOWN; ROLE_DENIED for a peer that could not use it; SEALED; QUORUM_UNREACHED.
 */
export async function createRole(parts: RoleCreationParts, order: RoleOrder): Promise<CreatedRole> {
  const { book, collector, dealer, fleet, clock, log } = parts
  if (!isRoleName(order.name))
    throw new SlurpError('USAGE', 'A role is named by 1 to 32 of a-z, 0-9 and -, a letter first.')
  const name = order.name as RoleName
  await book.agree()
  refuseTaken(book.registry, name)
  const peers = peersOf(parts, order)
  const entitled = peers.map(({ name: peer }) => peer).sort()
  const voucher = book.registry.secrets.filter(each => each.name === signingKeyName).at(-1)
  const vouching = voucher === undefined ? null : collector.keyOf(voucher)
  if (voucher === undefined || vouching === null)
    throw new SlurpError('SEALED', 'The key that vouches for new roles is not open at this peer.', {
      hint: '`slurp key status` shows whether it is sealed; a blind peer never has it: ask the door of one with roles.',
    })
  if (order.dryRun) return { name, keyVersion: 1, fingerprint: null, entitled }
  const { keyVersion, identity } = newRoleKey(name)
  const secret = identity.scalar()
  try {
    const own = new SecretProver(secret)
    const recipient = identity.recipient.text
    const key = { name, keyVersion, recipient, createdAtMs: clock.wallMs(), verifier: own.verifier }
    const endorsement = endorse(fleet, key, new SecretProver(vouching.secret))
    const facts = { ...key, state: 'current' as const, endorser: voucher.verifier, endorsement }
    const entry = await dealer.dealNew(facts, secret)
    const signer = { sign: (bytes: Uint8Array) => own.sign(bytes), publicKey: own.verifier }
    const entitlements = peers.map(({ id }) => entitle(fleet, id, [name], signer))
    await book.change(registry => entitlements.reduce(withEntitlement, withRole(registry, entry)))
    const fingerprint = fingerprintOf(entry)
    log.warn({ role: name, fingerprint, entitled }, 'a role was made')
    return { name, keyVersion, fingerprint, entitled }
  } finally {
    wipe(secret)
    identity.wipe()
  }
}

/** Those who shall have it: whom the order names, or every peer that has roles. */
function peersOf(
  { view, book, isGranted }: RoleCreationParts,
  { name, peers }: RoleOrder,
): readonly { readonly id: PeerId; readonly name: string }[] {
  const { members } = view()
  const hasRoles = (peer: PeerId) => entitledTo(book.registry, peer).includes(fleetSecretName)
  if (peers === null) return members.filter(({ id }) => hasRoles(id) && isGranted(id, name as RoleName))
  if (peers.length === 0) throw new SlurpError('USAGE', 'A role that no peer may have could never be opened.')
  return [...new Set(peers)].map(text => {
    const found = members.find(member => member.name === text || member.id === text)
    if (found === undefined) throw new SlurpError('MEMBER_UNKNOWN', 'The fleet has no peer of that name.')
    if (hasRoles(found.id) && isGranted(found.id, name as RoleName)) return found
    throw new SlurpError('ROLE_DENIED', `${found.name} is blind, or its grant is not for this role.`, {
      hint: '`slurp key shares` shows who is entitled to what, `slurp grant show NAME` what a peer is granted.',
    })
  })
}

/** @throws SlurpError VERSION_CONFLICT, TOO_MANY. */
function withRole(registry: Registry, entry: SecretEntry): Registry {
  const before = registry.secrets.find(({ name }) => name === entry.name)
  // Asked again, as the outcome of the last attempt is not known: it was ours.
  if (before !== undefined && sameBytes(before.verifier, entry.verifier)) return registry
  refuseTaken(registry, entry.name)
  return withEntries(registry, [entry])
}

function refuseTaken({ secrets }: Registry, name: SecretName): void {
  const roles = new Set(secrets.map(each => each.name).filter(isRole))
  if (roles.has(name))
    throw new SlurpError('VERSION_CONFLICT', `There is a role "${name}" already.`, {
      hint: '`slurp role ls` lists the roles, also those that are retired; choose another name.',
    })
  if (roles.size >= rolesMax)
    throw new SlurpError('TOO_MANY', `The fleet has ${rolesMax} roles, which is the most.`, {
      hint: '`slurp role ls` lists them. A role that is retired keeps its place, as what is sealed to it stays readable.',
    })
}
