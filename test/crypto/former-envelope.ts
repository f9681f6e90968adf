import type { ContextKey, Digest, FleetId, Version } from '../../base/ids.ts'
import { sha256, sha256Hex } from '../../crypto/digest.ts'
import { encodeSigned, encodeSubject } from '../../crypto/envelope-codec.ts'
import type { Identity } from '../../crypto/identity.ts'
import { pack } from '../../crypto/padding.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import { sealTo } from '../../crypto/sealing.ts'
import { signingBytes } from '../../crypto/verified-envelopes.ts'

export type FormerPlan = {
  readonly fleet: FleetId
  readonly key: ContextKey
  readonly version: Version
  readonly author: Identity
  readonly roles: readonly RoleRecipient[]
  readonly plaintext: Uint8Array
}

const subjectStart = 2 + 1 + 32 + 32 + 12 + 1 + 1 + 8

/** An envelope of format 1, as the release before grants wrote it: of a context without a parent. */
export async function formerEnvelope(plan: FormerPlan): Promise<{ data: Uint8Array; hash: Digest }> {
  const { author, plaintext, ...facts } = plan
  const roles = plan.roles.map(({ name, keyVersion }) => ({ name, keyVersion }))
  const without = {
    parent: null,
    kind: 'live',
    expiresAtMs: 0,
    grant: null,
    scope: null,
    standsFor: null,
  } as const
  const now = encodeSubject({ ...facts, ...without, roles }, author.publicKey)
  const named = subjectStart + author.publicKey.length
  const subject = Buffer.concat([now.subarray(0, named), now.subarray(named + 1)])
  subject[2] = 1
  const binding = sha256(Buffer.concat([Buffer.from('slurp/v1/binding\0', 'latin1'), subject]))
  const body = await sealTo(
    plan.roles.map(({ recipient }) => recipient),
    pack(binding, plaintext),
  )
  const signed = encodeSigned(subject, body)
  const data = Buffer.concat([signed, author.sign(signingBytes(signed)), body])
  return { data, hash: sha256Hex(data) }
}
