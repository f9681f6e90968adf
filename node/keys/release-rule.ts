import type { PeerId, RoleName } from '../../base/ids.ts'
import { entitledTo, isRole, type Registry } from '../../crypto/registry/registry.ts'
import { fleetSecretName, type SecretName } from '../../crypto/shares/secret-name.ts'

export type ReleaseDecision =
  | { readonly kind: 'allowed' }
  /** `reason`: one sentence for who asked, printable ASCII of at most 200 characters. */
  | { readonly kind: 'denied'; readonly reason: string }

/** Who may have a share of which secret. Asked at every release, so that what ends has ended at once. */
export interface ReleaseRule {
  mayRelease(requester: PeerId, secret: SecretName): ReleaseDecision
}

/**
 * Members get what the registry entitles them to; blind ones are entitled to nothing. Agents get what their grants say.
 *
 * @param isGranted - whether a grant in force lets the peer have a secret.
 * @param isAgentGranted - whether one lets who is no member hold a role; null: the secret of the fleet. Nothing else is given.
 */
export const entitlementRule = (
  registry: () => Registry,
  isMember: (peer: PeerId) => boolean,
  isGranted: (peer: PeerId, secret: SecretName) => boolean,
  isAgentGranted: (peer: PeerId, role: RoleName | null) => boolean = () => false,
): ReleaseRule => ({
  mayRelease(requester, secret) {
    if (!isMember(requester)) {
      const isShared = isRole(secret) || secret === fleetSecretName
      if (isShared && isAgentGranted(requester, isRole(secret) ? (secret as RoleName) : null))
        return { kind: 'allowed' }
      return { kind: 'denied', reason: `Who asks is no member, and has no grant in force for ${secret}.` }
    }
    const isEntitled = entitledTo(registry(), requester).includes(secret)
    if (isEntitled && !isGranted(requester, secret))
      return { kind: 'denied', reason: `No grant of who asks, in force now, is for ${secret}.` }
    if (isEntitled) return { kind: 'allowed' }
    return { kind: 'denied', reason: `Who asks is not entitled to ${secret}.` }
  },
})
