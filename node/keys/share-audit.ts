import type { PeerId } from '../../base/ids.ts'
import type { SecretName } from '../../crypto/shares/secret-name.ts'

/** What one key version of one secret is called. */
export type SharedSecret = { readonly secret: SecretName; readonly keyVersion: number }

/** Where it is recorded what became of shares. */
export type ShareAudit = {
  /**
   * A share is about to be given to a peer.
   *
   * @throws SlurpError AUDIT_UNAVAILABLE when that cannot be recorded; then it is not given.
   */
  shareReleased(to: PeerId, what: SharedSecret): Promise<void>
  /**
   * A peer asked for a share (`release`), dealt one (`deal`) or sent one that does not count, or what is no question at all
   * (`deliver`), in vain.
   *
   * @param code - of `base/errors.ts`, or the reason in one word.
   */
  shareRefused(from: PeerId, operation: 'release' | 'deal' | 'deliver', code: string): void
}

/** Where nobody records. */
export const noShareAudit: ShareAudit = {
  shareReleased: async () => undefined,
  shareRefused: () => undefined,
}
