import { decode, encode } from 'cborg'
import { SlurpError } from '../base/errors.ts'
import { type FleetId, isRoleName, type RoleName } from '../base/ids.ts'
import { fleetSecretBytes } from './context-key.ts'
import { isKeyVersion, type RoleKey, roleKeysMax } from './roles.ts'
import { openWith, sealTo } from './sealing.ts'
import { damagedFile, readSecretFile, writeNewSecretFile } from './secret-file.ts'
import type { SigningKey } from './signing-key.ts'
import { X25519Identity, type X25519Recipient } from './x25519.ts'

const format = 1
const what = 'keyring'

/** What one peer was given. Blind: no fleet secret and no role keys. */
export type KeyringContent = {
  readonly fleet: FleetId
  /** 32 bytes; null for a blind peer. */
  readonly fleetSecret: Uint8Array | null
  readonly roleKeys: readonly RoleKey[]
}

/** The secrets of one peer in memory; printing it shows none of them. */
export class Keyring {
  readonly fleet: FleetId
  /** Roles of which at least one key version is held, by name. */
  readonly heldRoles: readonly RoleName[]
  readonly #fleetSecret: Uint8Array | null
  readonly #roleKeys: readonly RoleKey[]
  readonly #identities = new Map<string, X25519Identity[]>()

  constructor(content: KeyringContent) {
    this.fleet = content.fleet
    this.#fleetSecret = content.fleetSecret
    this.#roleKeys = content.roleKeys
    for (const { name, keyVersion, identity } of content.roleKeys) {
      const slot = `${name}/${keyVersion}`
      this.#identities.set(slot, [...(this.#identities.get(slot) ?? []), identity])
    }
    this.heldRoles = [...new Set(content.roleKeys.map(key => key.name))].sort()
  }

  /** All that is held: for handing it on to another peer, sealed. */
  content(): KeyringContent {
    return { fleet: this.fleet, fleetSecret: this.#fleetSecret, roleKeys: this.#roleKeys }
  }

  /** 32 bytes for `contextKeyOf`; null for a blind peer. */
  get fleetSecret(): Uint8Array | null {
    return this.#fleetSecret
  }

  /** Identities held for one key version of a role; empty for none. */
  identitiesOf(role: RoleName, keyVersion: number): readonly X25519Identity[] {
    return this.#identities.get(`${role}/${keyVersion}`) ?? []
  }
}

/**
 * Writes a keyring sealed to this peer's own key, mode 0600: a copy of the file alone opens nothing.
 *
 * @throws SlurpError DIRECTORY_TAKEN when the file exists.
 */
export async function createKeyring(
  path: string,
  identity: SigningKey,
  content: KeyringContent,
): Promise<Keyring> {
  await writeNewSecretFile(path, await sealKeyring(identity.ageRecipient, content))
  return new Keyring(content)
}

/** The bytes of a keyring file for whoever holds the identity behind `recipient`. */
export async function sealKeyring(recipient: X25519Recipient, content: KeyringContent): Promise<Uint8Array> {
  const plaintext = encode({
    format,
    fleet: content.fleet,
    fleetSecret: content.fleetSecret,
    roles: content.roleKeys.map(key => [key.name, key.keyVersion, key.identity.secretText()]),
  })
  return await sealTo([recipient], plaintext)
}

/** @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read it, INTEGRITY_FAILED, FORMAT_UNKNOWN. */
export async function openKeyring(path: string, identity: SigningKey): Promise<Keyring> {
  const file = await readSecretFile(path, what)
  let content: unknown
  try {
    content = decode(await openWith([identity.ageIdentity], file), { rejectDuplicateMapKeys: true })
  } catch {
    // A decoder's error may quote what it read, and that is secret: nothing of it goes on.
    throw damagedFile(what, path)
  }
  if ((content as { format?: unknown } | null)?.format !== format) {
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      `The ${what} ${path} has a format that this release does not know.`,
    )
  }
  const read = contentFrom(content as Record<string, unknown>)
  if (read === null) throw damagedFile(what, path)
  return new Keyring(read)
}

function contentFrom({ fleet, fleetSecret, roles }: Record<string, unknown>): KeyringContent | null {
  if (typeof fleet !== 'string' || !/^[0-9a-f]{64}$/.test(fleet)) return null
  if (fleetSecret !== null) {
    if (!(fleetSecret instanceof Uint8Array) || fleetSecret.length !== fleetSecretBytes) return null
  }
  if (!Array.isArray(roles) || roles.length > roleKeysMax) return null
  const roleKeys: RoleKey[] = []
  for (const role of roles) {
    const [name, keyVersion, secret] = Array.isArray(role) ? role : []
    if (typeof name !== 'string' || !isRoleName(name) || typeof secret !== 'string') return null
    if (!isKeyVersion(keyVersion)) return null
    try {
      roleKeys.push({ name, keyVersion, identity: new X25519Identity(secret) })
    } catch (failure) {
      if (failure instanceof SlurpError) return null
      throw failure
    }
  }
  return { fleet: fleet as FleetId, fleetSecret, roleKeys }
}
