import { generateKeyPair } from '@libp2p/crypto/keys'
import { bootTag, newClock } from '../../base/hlc.ts'
import type { FleetId, RoleName } from '../../base/ids.ts'
import { clockTagOf, Identity } from '../../crypto/identity.ts'
import { newRoleKey, type RoleKey } from '../../crypto/roles.ts'

export const fleetId = 'f1'.repeat(32) as FleetId

export const newIdentity = async (): Promise<Identity> => new Identity(await generateKeyPair('Ed25519'))

export const newHlcOf = (identity: Identity) => newClock(bootTag(clockTagOf(identity.peerId), 1))

export const roleKeys: readonly RoleKey[] = (['admin', 'developer', 'tester'] as RoleName[]).map(name =>
  newRoleKey(name),
)

export const roleRecipients = roleKeys.map(({ name, keyVersion, identity }) => ({
  name,
  keyVersion,
  recipient: identity.recipient.text,
}))
