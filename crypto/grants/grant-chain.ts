import { randomBytes } from 'node:crypto'
import type { Digest, FleetId } from '../../base/ids.ts'
import { type Authority, fleetOf } from '../authority.ts'
import { sha256Hex } from '../digest.ts'
import type { SigningKey } from '../signing-key.ts'
import { type Delegate, decodeStatement, encodeStatement, type Grant, type GrantId } from './grant-shape.ts'
import { invalid, signToken, type TokenType, verifyToken } from './token.ts'

/** What a holder shows: the authority signed the delegate's certificate, the delegate's key signed the grant. */
export type ChainText = { readonly delegate: string; readonly grant: string }

/**
 * A chain whose signatures are good. It says nothing about now: `decide` does. There is no other way to one than
 * `openGrantChain`.
 */
export class GrantChain {
  readonly delegate: Delegate
  readonly grant: Grant
  /** SHA-256 of the text of the grant, for an envelope to name it. */
  readonly grantHash: Digest

  private constructor(delegate: Delegate, grant: Grant, grantHash: Digest) {
    this.delegate = delegate
    this.grant = grant
    this.grantHash = grantHash
  }

  /** @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
  static async open(text: ChainText, authorityPublicKey: Uint8Array): Promise<GrantChain> {
    const delegate = await openDelegate(text.delegate, authorityPublicKey)
    const grant = await openStatement('grant', text.grant, Buffer.from(delegate.publicKey, 'hex'))
    if (grant.issuer !== delegate.id) throw invalid('grant', 'It names another issuer.')
    if (grant.fleet !== delegate.fleet) throw invalid('grant', 'It is of another fleet.')
    return new GrantChain(delegate, grant, sha256Hex(text.grant))
  }
}

/**
 * Reads a chain and proves it, from the authority's key down. About 2 ms: keep what is opened by its text.
 *
 * @throws SlurpError GRANT_INVALID, or FORMAT_UNKNOWN for one of a later release.
 */
export const openGrantChain = (text: ChainText, authorityPublicKey: Uint8Array): Promise<GrantChain> =>
  GrantChain.open(text, authorityPublicKey)

/** Reads a delegate certificate and proves it. @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
export async function openDelegate(text: string, authorityPublicKey: Uint8Array): Promise<Delegate> {
  const delegate = await openStatement('delegate', text, authorityPublicKey)
  if (delegate.fleet !== fleetOf(authorityPublicKey)) throw invalid('delegate', 'It is of another fleet.')
  return delegate
}

export const newGrantId = (): GrantId => randomBytes(16).toString('hex') as GrantId

/** @throws SlurpError CONFIG_INVALID when a shape or a cap is violated. */
export const signDelegate = (
  authority: Authority,
  delegate: Omit<Delegate, 'format' | 'fleet'>,
): Promise<string> =>
  signToken('delegate', authority, encodeStatement('delegate', { ...delegate, fleet: authority.fleet }))

/**
 * Signs a grant. That it stays within what the delegate may give is looked at by `decide`, with each request.
 *
 * @throws SlurpError CONFIG_INVALID when a shape or a cap is violated.
 */
export const signGrant = (
  key: SigningKey,
  issuer: { readonly id: GrantId; readonly fleet: FleetId },
  grant: Omit<Grant, 'format' | 'fleet' | 'issuer'>,
): Promise<string> =>
  signToken('grant', key, encodeStatement('grant', { ...grant, issuer: issuer.id, fleet: issuer.fleet }))

/** A statement that a key signed as what it is. @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
export const openStatement = async <T extends TokenType>(type: T, text: string, publicKey: Uint8Array) =>
  decodeStatement(type, await verifyToken(type, publicKey, text))
