import type { AuditedRole } from '../../crypto/audit/entry.ts'
import { keyFingerprint } from '../../crypto/audit/fingerprint.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'

/** How entries name keys: made once for each list of recipients. */
export class RoleNames {
  readonly recipients: readonly RoleRecipient[]
  readonly #versions = new Map<string, AuditedRole>()
  readonly #newest = new Map<string, AuditedRole>()

  constructor(recipients: readonly RoleRecipient[]) {
    this.recipients = recipients
    for (const { name, keyVersion, recipient } of recipients) {
      const role = { name, keyVersion, fingerprint: keyFingerprint(recipient) }
      this.#versions.set(`${name}/${keyVersion}`, role)
      if (keyVersion > (this.#newest.get(name)?.keyVersion ?? 0)) this.#newest.set(name, role)
    }
  }

  /** Those that are known; a name alone means its newest key version. */
  of(roles: readonly (string | { name: string; keyVersion: number })[]): AuditedRole[] {
    const found = roles.map(role =>
      typeof role === 'string'
        ? this.#newest.get(role)
        : this.#versions.get(`${role.name}/${role.keyVersion}`),
    )
    return found.filter(role => role !== undefined)
  }
}
