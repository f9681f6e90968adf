import { SlurpError } from '../../base/errors.ts'
import { hlcMs } from '../../base/hlc.ts'
import type { ContextKey, FleetId, PeerId, Version } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { openEnvelope } from '../../crypto/envelope.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import { shownOf } from '../../crypto/reseal.ts'
import { verifiedHeader } from '../../crypto/verified-envelopes.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Context } from './api.ts'
import type { CachedVersion } from './context-cache.ts'
import { isPlainObject } from './json-values.ts'
import type { RoleAccess } from './role-access.ts'
import { readSealedText, type SealedText } from './sealed-text.ts'

/** When a version was written, by the clock of its author. */
export const writtenAtOf = (version: Version): string => new Date(hlcMs(version)).toISOString()

/** Nothing for a reader: deleted, or its time is over. */
export const isGone = (record: { kind: string; expiresAtMs: number }, wallMs: number): boolean =>
  record.kind === 'tombstone' || (record.expiresAtMs !== 0 && record.expiresAtMs <= wallMs)

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Turns what replicas keep into what a reader gets. */
export class VersionOpener {
  readonly #fleet: FleetId
  readonly #access: RoleAccess
  readonly #isAuthor: ((peerId: PeerId) => boolean) | undefined

  readonly #meter: Pick<CryptoTimer, 'timed'>

  constructor(
    fleet: FleetId,
    access: RoleAccess,
    isAuthor: ((peerId: PeerId) => boolean) | undefined,
    meter: Pick<CryptoTimer, 'timed'>,
  ) {
    this.#fleet = fleet
    this.#access = access
    this.#isAuthor = isAuthor
    this.#meter = meter
  }

  /**
   * What everybody may see of a version, tombstones and expired ones too, once it is proved that its author signed
   * it for this key: nobody else can make a context appear, or disappear by saying so. Costs a signature the first
   * time that this process meets the version.
   *
   * @throws SlurpError INTEGRITY_FAILED, FORMAT_UNKNOWN
   */
  prove(key: ContextKey, record: VersionRecord): EnvelopeHeader {
    const data = dataOf(record)
    const header = verifiedHeader(data, sha256Hex(data))
    const itself =
      header.fleet === this.#fleet &&
      header.key === key &&
      header.version === record.version &&
      header.parent === record.parent &&
      header.kind === record.kind &&
      header.expiresAtMs === record.expiresAtMs
    if (!itself)
      throw new SlurpError('INTEGRITY_FAILED', 'A version is kept under a description that is not its own.')
    if (this.#isAuthor !== undefined && !this.#isAuthor(header.author))
      throw new SlurpError('INTEGRITY_FAILED', 'A version is signed by a process that may not write here.')
    return header
  }

  /**
   * Opens a live version and proves that it is the one its author sealed for this key.
   *
   * @param role - open with this role only.
   * @throws SlurpError ROLE_DENIED, INTEGRITY_FAILED, FORMAT_UNKNOWN
   */
  async open(key: ContextKey, record: VersionRecord, role: string | undefined): Promise<CachedVersion> {
    const header = this.prove(key, record)
    const { roles } = header
    const { author: signer, ...shown } = shownOf(header)
    const { version, parent, hash, expiresAtMs } = record
    const { json } = await this.#text(key, record, roles, role)
    return { version, parent, shown, hash, expiresAtMs, roles, signer, json }
  }

  /**
   * The canonical address of a context, from a live version of it; null where it was sealed without.
   *
   * @throws SlurpError as {@link open}
   */
  async placeOf(key: ContextKey, record: VersionRecord): Promise<string | null> {
    return (await this.textOf(key, record)).place
  }

  /** Address and context of a live version, as they were sealed. @throws SlurpError as {@link open} */
  textOf(key: ContextKey, record: VersionRecord): Promise<SealedText> {
    return this.#text(key, record, this.prove(key, record).roles, undefined)
  }

  async #text(
    key: ContextKey,
    record: VersionRecord,
    roles: EnvelopeHeader['roles'],
    role: string | undefined,
  ): Promise<SealedText> {
    await this.#access.ready(roles, role)
    const identitiesOf = this.#access.identitiesFor(roles, role)
    const { version, parent } = record
    const expected = { fleet: this.#fleet, key, version, parent }
    const { plaintext } = await this.#meter.timed('open', () =>
      openEnvelope({ data: dataOf(record), expected, identitiesOf }),
    )
    const text = readSealedText(decode(plaintext))
    if (text.place !== null && this.#access.keyOf(text.place) !== key)
      throw new SlurpError('INTEGRITY_FAILED', 'A version says that it belongs to another address.')
    return text
  }
}

function dataOf(record: VersionRecord): Uint8Array {
  if (record.data === null) throw new SlurpError('INTEGRITY_FAILED', 'The bytes of a version are missing.')
  return record.data
}

function decode(plaintext: Uint8Array): string {
  try {
    return utf8.decode(plaintext)
  } catch (cause) {
    throw new SlurpError('INTEGRITY_FAILED', 'A version holds what is not text.', { cause })
  }
}

/** @throws SlurpError INTEGRITY_FAILED; its author checked it, so anything else is no context of ours. */
export function contextFrom(json: string): Context {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's message quotes the text, and that was sealed: nothing of it goes on.
    throw new SlurpError('INTEGRITY_FAILED', 'A version holds what is not JSON.')
  }
  if (!isPlainObject(value)) throw new SlurpError('INTEGRITY_FAILED', 'A version holds no context.')
  return value as Context
}

/** Who speaks: the agent of the context, the author of its decision, or the process that signed it. */
export function authorOf(context: Context, signer: string): string {
  const named = [context.agent, context.decision?.author]
  return named.find(name => typeof name === 'string' && name !== '') ?? signer
}
