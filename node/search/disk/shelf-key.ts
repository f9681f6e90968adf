import { hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { SlurpError } from '../../../base/errors.ts'
import { isRoleName, type RoleName } from '../../../base/ids.ts'
import { sha256Hex } from '../../../crypto/digest.ts'
import { isKeyVersion, type RoleRecipient } from '../../../crypto/roles.ts'
import { openWith, sealTo } from '../../../crypto/sealing.ts'
import type { X25519Identity } from '../../../crypto/x25519.ts'
import { damaged } from './piece-sealer.ts'

/**
 * What lies in the open at the head of a shelf: for which configuration and roles it is, and its secret, sealed to these
 * roles. It is authentic when the pieces open, as their key is made of all of it and of a secret of this process.
 */
const headerShape = z.strictObject({
  format: z.literal(1),
  index: z.string().max(64),
  roles: z
    .array(
      z.strictObject({
        name: z.custom<RoleName>(name => typeof name === 'string' && isRoleName(name)),
        keyVersion: z.custom<number>(isKeyVersion),
      }),
    )
    .min(1)
    .max(64),
  secret: z.base64().max(16_384),
})

export type ShelfHeader = z.infer<typeof headerShape>
export type ShelfKey = { readonly header: ShelfHeader; readonly key: Uint8Array }

/**
 * A new shelf's header and key.
 *
 * @param roles - to whom its documents are sealed, sorted.
 * @param recipients - the newest key of each of them.
 */
export async function newShelfKey(
  index: string,
  roles: readonly RoleName[],
  recipients: readonly RoleRecipient[],
  bindingSecret: Uint8Array,
): Promise<ShelfKey> {
  const to = roles.map(role => recipientOf(role, recipients))
  const secret = randomBytes(32)
  const sealed = await sealTo(
    to.map(({ recipient }) => recipient),
    secret,
  )
  const header: ShelfHeader = {
    format: 1,
    index,
    roles: to.map(({ name, keyVersion }) => ({ name, keyVersion })),
    secret: Buffer.from(sealed).toString('base64'),
  }
  return { header, key: keyOf(header, secret, bindingSecret) }
}

/**
 * @returns a key of null when none of the identities opens it: the process has lost these roles, or the key versions that it
 * is sealed to are destroyed.
 * @throws SlurpError INTEGRITY_FAILED for bytes that are no header.
 */
export async function openShelfKey(
  bytes: Uint8Array,
  identities: readonly X25519Identity[],
  bindingSecret: Uint8Array,
): Promise<ShelfKey | { readonly header: ShelfHeader; readonly key: null }> {
  const header = headerFrom(bytes)
  try {
    const secret = await openWith(identities, Buffer.from(header.secret, 'base64'))
    return { header, key: keyOf(header, secret, bindingSecret) }
  } catch (thrown) {
    if (thrown instanceof SlurpError && thrown.code === 'ROLE_DENIED') return { header, key: null }
    throw thrown
  }
}

export const headerBytes = (header: ShelfHeader): Uint8Array => Buffer.from(JSON.stringify(header))

/** The newest key of a role. @throws SlurpError ROLE_UNKNOWN. */
export function recipientOf(role: RoleName, recipients: readonly RoleRecipient[]): RoleRecipient {
  const [newest] = recipients.filter(({ name }) => name === role).sort((a, b) => b.keyVersion - a.keyVersion)
  if (newest === undefined)
    throw new SlurpError('ROLE_UNKNOWN', 'A context is sealed to a role without a key.')
  return newest
}

function headerFrom(bytes: Uint8Array): ShelfHeader {
  try {
    return headerShape.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch {
    throw damaged()
  }
}

/** Of the header a digest: what a derivation is told of may have 1,024 bytes, and one of seven roles has more. */
const keyOf = (header: ShelfHeader, secret: Uint8Array, bindingSecret: Uint8Array): Uint8Array =>
  new Uint8Array(
    hkdfSync(
      'sha256',
      secret,
      bindingSecret,
      `slurp/v1/search shelf ${sha256Hex(JSON.stringify(header))}`,
      32,
    ),
  )
