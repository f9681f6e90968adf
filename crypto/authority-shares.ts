import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { combine, split } from 'shamir-secret-sharing'
import { sameBytes } from '../base/bytes.ts'
import { SlurpError } from '../base/errors.ts'
import type { FleetId } from '../base/ids.ts'
import { Authority } from './authority.ts'
import { sha256Hex } from './digest.ts'
import { isRecipient, sealTo } from './sealing.ts'

/** Who keeps a share of the authority, and the age key that it is sealed to. */
export type Custodian = { readonly name: string; readonly recipient: string }

export const custodiansMax = 32
const start = 'slurp-authority-share-1'
const purpose = 'slurp/v1/authority share\0'
const seedBytes = 32
const shareBytesMax = 256

/** @throws SlurpError USAGE for custodians or a threshold that cannot be. */
export function checkCustodians(custodians: readonly Custodian[], threshold: number): void {
  const names = new Set(custodians.map(({ name }) => name))
  if (custodians.length < 2 || custodians.length > custodiansMax || names.size !== custodians.length) {
    throw new SlurpError(
      'USAGE',
      `An authority is split among 2 to ${custodiansMax} custodians, each of a name of its own.`,
    )
  }
  if (custodians.some(({ name }) => !/^[a-z][a-z0-9-]{0,31}$/.test(name))) {
    throw new SlurpError('USAGE', 'A custodian is named by 1 to 32 of a-z, 0-9 and "-".')
  }
  const keys = new Set(custodians.map(({ recipient }) => recipient))
  if (keys.size !== custodians.length || !custodians.every(({ recipient }) => isRecipient(recipient))) {
    throw new SlurpError('USAGE', 'Every custodian has an age key of its own, written age1….')
  }
  if (!Number.isSafeInteger(threshold) || threshold < 2 || threshold > custodians.length) {
    throw new SlurpError('USAGE', 'So many custodians put the authority together: 2 to all of them.')
  }
}

/**
 * Splits the key of an authority so that `threshold` custodians together have it and fewer know nothing of it.
 *
 * @returns for each custodian an age file that only it opens, by its name; what is in it is one line of text.
 * @throws SlurpError USAGE.
 */
export async function splitAuthority(
  authority: Authority,
  custodians: readonly Custodian[],
  threshold: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  checkCustodians(custodians, threshold)
  const seed = authority.privateKey.raw.slice(0, seedBytes)
  const shares = await split(seed, custodians.length, threshold)
  const sealed = new Map<string, Uint8Array>()
  try {
    for (const [place, { name, recipient }] of custodians.entries()) {
      const body = [
        start,
        authority.fleet,
        threshold,
        Buffer.from(shares[place]!).toString('base64url'),
      ].join('.')
      sealed.set(name, await sealTo([recipient], Buffer.from(`${body}.${checksumOf(body)}\n`)))
    }
    return sealed
  } finally {
    for (const bytes of [seed, ...shares]) bytes.fill(0)
  }
}

/**
 * Puts an authority together from the texts that custodians opened.
 *
 * @throws SlurpError USAGE for what is no share, too few, one twice or of several fleets, INTEGRITY_FAILED when together
 * they are no authority. Nothing of a share is repeated.
 */
export async function joinAuthority(texts: readonly string[]): Promise<Authority> {
  const shares = texts.map(parseShare)
  const [first] = shares
  if (first === undefined) throw wrong('There is none.')
  if (shares.some(({ fleet }) => fleet !== first.fleet)) throw wrong('They are of several fleets.')
  const different = new Set(shares.map(({ bytes }) => bytes.at(-1)))
  if (different.size !== shares.length) throw wrong('One of them is there twice.')
  if (shares.length < first.threshold)
    throw wrong(`${first.threshold} of them are needed, not ${shares.length}.`)
  const seed = await combine(shares.map(({ bytes }) => bytes))
  try {
    const authority = new Authority(await generateKeyPairFromSeed('Ed25519', seed.slice(0, seedBytes)))
    if (seed.length === seedBytes && sameBytes(Buffer.from(authority.fleet), Buffer.from(first.fleet)))
      return authority
  } finally {
    for (const bytes of [seed, ...shares.map(share => share.bytes)]) bytes.fill(0)
  }
  throw new SlurpError('INTEGRITY_FAILED', 'Together these shares are not the authority of their fleet.', {
    hint: 'One of them is not what its custodian was given: try with others.',
  })
}

function parseShare(text: string): { fleet: FleetId; threshold: number; bytes: Uint8Array } {
  const line = text.trim()
  const [begin, fleet = '', threshold = '', share = '', checksum = '', ...more] = line.split('.')
  if (begin !== start || more.length > 0) throw wrong(`One of them does not begin with ${start}.`)
  const body = line.slice(0, line.lastIndexOf('.'))
  const bytes = Uint8Array.from(Buffer.from(share, 'base64url'))
  const isWhole = checksum === checksumOf(body) && /^[0-9a-f]{64}$/.test(fleet) && /^\d{1,2}$/.test(threshold)
  if (!isWhole || bytes.length < 2 || bytes.length > shareBytesMax)
    throw wrong('One of them was cut off or changed.')
  return { fleet: fleet as FleetId, threshold: Number(threshold), bytes }
}

const checksumOf = (body: string): string => sha256Hex(`${purpose}${body}`).slice(0, 16)

const wrong = (why: string): SlurpError =>
  new SlurpError('USAGE', `These shares do not make an authority. ${why}`, {
    hint: 'Each custodian opens its own: `age -d -i KEY authority/NAME.share.age > NAME.share`.',
  })
