import { isRoleName, type RoleName } from '../../base/ids.ts'

/** Names of shared secrets that are of no role: no role can be called like that. */
export const fleetSecretName = '@fleet'
/** The seed of the key that signs grants for the authority from day to day. */
export const signingKeyName = '@signing'

/** Which of the shared secrets of a fleet: the key of a role, or one of those above. */
export type SecretName = RoleName | typeof fleetSecretName | typeof signingKeyName

export const isSecretName = (text: string): text is SecretName =>
  text === fleetSecretName || text === signingKeyName || isRoleName(text)
