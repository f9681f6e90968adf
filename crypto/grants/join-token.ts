import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, FleetId, PeerId } from '../../base/ids.ts'
import { fleetOf } from '../authority.ts'
import { sha256Hex } from '../digest.ts'

/** Whom a token lets in: a member of the ring, or an agent, which is granted something and no more. */
export type Joiner = 'peer' | 'agent'

/** What a new peer or agent is handed to come into a fleet once. The text of it is a secret. */
export type JoinToken = {
  readonly lets: Joiner
  readonly fleet: FleetId
  /** 32 bytes: by it the new peer knows the right fleet; its SHA-256 is the fleet's id. */
  readonly authorityPublicKey: Uint8Array
  readonly expiresMs: number
  /** Multiaddresses of members, 1 to `bootstrapMax`. */
  readonly bootstrap: readonly string[]
  /** 32 bytes. */
  readonly secret: Uint8Array
}

/** What of a token decides whether the fleet knows it. */
export type ShownToken = Pick<JoinToken, 'lets' | 'fleet' | 'expiresMs' | 'secret'>

/** All that the fleet keeps of a token. */
export type JoinTokenRecord = { readonly hash: Digest; readonly expiresMs: number }

export type Redeemed<R extends JoinTokenRecord = JoinTokenRecord> =
  | { readonly outcome: 'redeemed'; readonly record: R; readonly left: readonly R[] }
  | { readonly outcome: 'unknown' | 'expired' }

export const bootstrapMax = 16
/** Tokens that a fleet waits for at once, at most. */
export const joinTokensMax = 64
const secretBytes = 32
const addressLengthMax = 256
const textLengthMax = 8 * 1024
const starts: Readonly<Record<Joiner, string>> = { peer: 'slurp-join-1', agent: 'slurp-agent-1' }
const purpose = 'slurp/v1/join token\0'
/** What is hashed differs by kind: a token of the one kind is none of the other, whatever its text says. */
const purposes: Readonly<Record<Joiner, string>> = { peer: purpose, agent: 'slurp/v1/agent token\0' }
const proofPurpose = 'slurp/v1/agent joins\0'
const checksumDigits = 8
const secretShape = /^[A-Za-z0-9_-]{43}$/

export const newJoinToken = (
  authorityPublicKey: Uint8Array,
  bootstrap: readonly string[],
  expiresMs: number,
  lets: Joiner = 'peer',
): JoinToken => ({
  lets,
  fleet: fleetOf(authorityPublicKey),
  authorityPublicKey,
  expiresMs,
  bootstrap,
  secret: Uint8Array.from(randomBytes(secretBytes)),
})

/**
 * One line without blanks: `slurp-join-1.FLEET.AUTHORITY.EXPIRY.ADDRESSES.SECRET.CHECKSUM`; `slurp-agent-1` for an agent.
 *
 * @throws SlurpError CONFIG_INVALID.
 */
export function formatJoinToken(token: JoinToken): string {
  const text = textOf(token)
  try {
    parseJoinToken(text)
  } catch (failure) {
    if (!(failure instanceof SlurpError)) throw failure
    throw new SlurpError('CONFIG_INVALID', failure.message)
  }
  return text
}

/**
 * Reads a token as far as its text says; whether the fleet still knows it is said by `redeemJoinToken`.
 *
 * @throws SlurpError JOIN_TOKEN_WRONG, which names the part that is wrong and quotes nothing.
 */
export function parseJoinToken(text: string): JoinToken {
  if (text.length > textLengthMax) throw wrong(`It is longer than ${textLengthMax} characters.`)
  const parts = text.split('.')
  const [begin, fleet = '', authority = '', expiry = '', addresses = '', secret = '', checksum = ''] = parts
  const lets = begin === starts.peer ? 'peer' : begin === starts.agent ? 'agent' : null
  if (lets === null) throw wrong(`It begins neither with ${starts.peer} nor with ${starts.agent}.`)
  if (parts.length !== 7)
    throw wrong(`It has ${parts.length} parts and not 7: it was cut off, or text was added.`)
  if (!/^[0-9a-f]{64}$/.test(fleet)) throw wrong('Part 2, the id of the fleet, is not 64 hex digits.')
  const authorityPublicKey = bytesFrom(authority)
  if (authorityPublicKey?.length !== 32) throw wrong('Part 3, the key of the authority, is not 32 bytes.')
  if (!/^[1-9][0-9]{0,14}$/.test(expiry)) throw wrong('Part 4, the expiry, is no time.')
  const bootstrap = addressesFrom(addresses)
  if (bootstrap === null) throw wrong('Part 5, the addresses, is not as it must be.')
  const secretRead = secretShape.test(secret) ? bytesFrom(secret) : null
  if (secretRead === null) throw wrong('Part 6, the secret, is not 32 bytes.')
  if (checksum !== checksumOf(parts.slice(0, -1).join('.'))) {
    throw wrong('Part 7, the checksum, does not fit the rest: a character was changed.')
  }
  if (fleetOf(authorityPublicKey) !== fleet)
    throw wrong('Part 3, the key of the authority, is not of this fleet.')
  return {
    lets,
    fleet: fleet as FleetId,
    authorityPublicKey,
    expiresMs: Number(expiry),
    bootstrap,
    secret: secretRead,
  }
}

/** What the fleet keeps: from it nobody finds the token. */
export const recordOf = (token: ShownToken): JoinTokenRecord => ({
  hash: createHash('sha256')
    .update(`${purposes[token.lets]}${token.fleet}\0${token.expiresMs}\0`)
    .update(token.secret)
    .digest('hex') as Digest,
  expiresMs: token.expiresMs,
})

/**
 * Uses a token up. The caller stores `left` in place of `records` by compare-and-set, and lets nobody in before that is
 * done: of two who show one token, one loses. All records are compared, each in constant time.
 */
export function redeemJoinToken<R extends JoinTokenRecord>(
  records: readonly R[],
  token: ShownToken,
  nowMs: number,
): Redeemed<R> {
  const shown = Buffer.from(recordOf(token).hash, 'hex')
  const found = records.filter(({ hash }) => isSame(Buffer.from(hash, 'hex'), shown))
  if (found.length === 0) return { outcome: 'unknown' }
  if (!found.every(({ expiresMs }) => nowMs < expiresMs)) return { outcome: 'expired' }
  return { outcome: 'redeemed', record: found[0]!, left: records.filter(record => !found.includes(record)) }
}

/** Takes out what has run out and adds one. @throws SlurpError TOO_MANY beyond `joinTokensMax`. */
export function withJoinToken<R extends JoinTokenRecord>(
  records: readonly R[],
  token: JoinToken,
  nowMs: number,
): readonly (R | JoinTokenRecord)[] {
  const left = records.filter(({ expiresMs }) => nowMs < expiresMs)
  if (left.length < joinTokensMax) return [...left, recordOf(token)]
  throw new SlurpError('TOO_MANY', `The fleet waits for the holders of ${joinTokensMax} tokens already.`, {
    hint: 'Use the tokens that there are, or wait until they have run out.',
  })
}

/**
 * What an agent signs with its own key as it shows a token: it has the key of the id that is granted something, and asks for what
 * is sealed to it to be sealed to this recipient. Who finds the token later cannot ask in its name.
 */
export const agentProofBytes = (token: ShownToken, id: PeerId, recipient: string): Uint8Array =>
  Buffer.from(`${proofPurpose}${recordOf(token).hash}\0${id}\0${recipient}`)

function textOf({ lets, fleet, authorityPublicKey, expiresMs, bootstrap, secret }: JoinToken): string {
  const addresses = base64urlOf(Buffer.from(bootstrap.join('\n')))
  const body = [
    starts[lets],
    fleet,
    base64urlOf(authorityPublicKey),
    expiresMs,
    addresses,
    base64urlOf(secret),
  ].join('.')
  return `${body}.${checksumOf(body)}`
}

function addressesFrom(text: string): string[] | null {
  const bytes = bytesFrom(text)
  if (bytes === null) return null
  const addresses = Buffer.from(bytes).toString('utf8')
  const list = addresses.split('\n')
  // Bytes that are no UTF-8 would all be read as one and the same sign.
  if (!sameBytes(Buffer.from(addresses), bytes)) return null
  const isRight = list.length <= bootstrapMax && new Set(list).size === list.length && list.every(isAddress)
  return isRight ? list : null
}

function isAddress(text: string): boolean {
  if (text.length === 0 || text.length > addressLengthMax) return false
  try {
    return multiaddr(text).toString() === text
  } catch (failure) {
    // The library has errors of several kinds for a text that is no address.
    if (failure instanceof Error) return false
    throw failure
  }
}

function bytesFrom(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64url')
  return base64urlOf(bytes) === text ? Uint8Array.from(bytes) : null
}

const base64urlOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const checksumOf = (body: string): string => sha256Hex(`${purpose}${body}`).slice(0, checksumDigits)
const isSame = (one: Buffer, other: Buffer): boolean =>
  one.length === other.length && timingSafeEqual(one, other)
const wrong = (why: string): SlurpError =>
  new SlurpError('JOIN_TOKEN_WRONG', `This join token is refused. ${why}`)
