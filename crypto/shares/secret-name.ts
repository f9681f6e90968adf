import { isRoleName, type RoleName } from '../../base/ids.ts'

/** Names of shared secrets that are of no role: no role can be called like that. */
export const fleetSecretName = '@fleet'
/** The seed of the key that signs grants for the authority from day to day. */
export const signingKeyName = '@signing'
/**
 * Where all members are blind, in place of the one above: the seed of a key that signs memberships without roles, and
 * nothing else. It vouches for no role.
 */
export const membersKeyName = '@members'

/** Which of the shared secrets of a fleet: the key of a role, or one of those above. */
export type SecretName = RoleName | typeof fleetSecretName | typeof signingKeyName | typeof membersKeyName

export const isSecretName = (text: string): text is SecretName =>
  text === fleetSecretName || text === signingKeyName || text === membersKeyName || isRoleName(text)
