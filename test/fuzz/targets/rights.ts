import { createPrivateKey } from 'node:crypto'
import { CompactSign } from 'jose'
import type { ContextKey, Digest, PeerId, RoleName } from '../../../base/ids.ts'
import { sha256Hex } from '../../../crypto/digest.ts'
import {
  decodeFleetRecord,
  encodeFleetRecord,
  signFleetRecord,
  verifyFleetRecord,
} from '../../../crypto/fleet-record.ts'
import { openGrantChain, signDelegate, signGrant } from '../../../crypto/grants/grant-chain.ts'
import { decodeStatement, encodeStatement, type GrantId } from '../../../crypto/grants/grant-shape.ts'
import { hoursOpen, isZone } from '../../../crypto/grants/hours.ts'
import { formatJoinToken, newJoinToken, parseJoinToken } from '../../../crypto/grants/join-token.ts'
import { addressFrom, isNetwork, networksHold } from '../../../crypto/grants/networks.ts'
import { openRevocations, signRevocations } from '../../../crypto/grants/revocations.ts'
import { type TokenType, unverifiedPayload, verifyToken } from '../../../crypto/grants/token.ts'
import { peerKeyOf } from '../../../crypto/peer-keys.ts'
import { deal } from '../../../crypto/shares/deal.ts'
import { askForShares, openShare, release } from '../../../crypto/shares/release.ts'
import {
  decodeReleaseRequest,
  decodeSealedShare,
  encodeReleaseRequest,
  encodeSealedShare,
} from '../../../crypto/shares/sealed-share-codec.ts'
import { decodeShareSet, labelled } from '../../../crypto/shares/share-set-codec.ts'
import { initialView } from '../../../dht/view.ts'
import { parseBootstrap } from '../../../node/adapters/libp2p/address-book.ts'
import { authority, delegateKey, holders, reader, writer } from '../keys.ts'
import { bytesOf, holds, refusesOr, refusesOrLater, same, type Target, textOf } from '../target.ts'

const dayMs = 86_400_000
const nowMs = Date.UTC(2026, 6, 1, 12)
const id = 'd0'.repeat(16) as GrantId
const limits = {
  operations: ['history', 'read', 'write'] as ('history' | 'read' | 'write')[],
  roles: ['developer'] as RoleName[],
  projects: 'any' as const,
  paths: ['/docs', '/src/main'],
  networks: ['10.0.0.0/8', '2001:db8::/32'],
  hours: { zone: 'Europe/Amsterdam', windows: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' }] },
}
const times = { issuedAtMs: nowMs - dayMs, notBeforeMs: nowMs - dayMs }
const delegate = await signDelegate(authority, {
  id,
  publicKey: Buffer.from(delegateKey.publicKey).toString('hex'),
  ...times,
  expiresMs: nowMs + 90 * dayMs,
  subjectKinds: ['agent', 'peer'],
  grantMsMax: 30 * dayMs,
  grantlessBeforeMs: 0,
  limits: { ...limits, paths: 'any', operations: ['admin:*', ...limits.operations] },
})
const grant = await signGrant(
  delegateKey,
  { id, fleet: authority.fleet },
  {
    id: 'a1'.repeat(16) as GrantId,
    subjectKind: 'agent',
    subject: writer.peerId,
    name: 'writer',
    bearer: 'be'.repeat(32) as Digest,
    ...times,
    expiresMs: nowMs + dayMs,
    limits,
  },
)
const revocations = await signRevocations(authority, authority.fleet, {
  signer: 'authority',
  version: 2,
  issuedAtMs: nowMs,
  revoked: (['a1'.repeat(16), 'b2'.repeat(16)] as GrantId[]).map(each => ({ id: each, fromMs: nowMs })),
  cutOffs: [{ delegate: id, beforeMs: nowMs }],
})
const tokens: [TokenType, string][] = [
  ['delegate', delegate],
  ['grant', grant],
  ['revocations', revocations],
]
const words = [
  '"any"',
  'null',
  '{',
  '}',
  '[',
  ']',
  ',',
  '":',
  '0',
  '-1',
  '1e99',
  '"admin:*"',
  '/..',
  '::/0',
  '\\u0000',
  '__proto__',
]

const statement: Target = {
  name: 'grant statement',
  seeds: tokens.map(([type, text]) => bytesOf(unverifiedPayload(type, text))),
  words,
  weight: 1,
  run: input => {
    const said = textOf(input)
    return tokens
      .map(([type]) =>
        refusesOr(
          () => decodeStatement(type, said),
          read => holds(encodeStatement(type, read) === said, 'a statement has one text'),
        ),
      )
      .some(taken => taken)
  },
}

const token: Target = {
  name: 'grant token',
  seeds: tokens.map(([, text]) => bytesOf(text)),
  words: ['.', '..', 'e30', '-', '_', '=', Buffer.from('{"alg":"none"}').toString('base64url')],
  weight: 0.2,
  run: async input => {
    const said = textOf(input)
    let taken = false
    for (const [type, text] of tokens) {
      const publicKey = type === 'grant' ? delegateKey.publicKey : authority.publicKey
      const isOurs = await refusesOrLater(
        () => verifyToken(type, publicKey, said),
        () => holds(said === text, 'only what was signed is taken, letter by letter'),
      )
      taken ||= isOurs
    }
    const revoked = await refusesOrLater(() =>
      openRevocations({ text: said, delegate: null }, authority.publicKey),
    )
    return taken || revoked
  },
}

const pkcs8Start = Buffer.from('302e020100300506032b657004220420', 'hex')
const signingKey = createPrivateKey({
  key: Buffer.concat([pkcs8Start, new Uint8Array(32).fill(6)]),
  format: 'der',
  type: 'pkcs8',
})

/** Input: what a delegate signs, whatever that is. */
const chain: Target = {
  name: 'grant chain',
  seeds: [bytesOf(unverifiedPayload('grant', grant))],
  words,
  weight: 0.1,
  run: async input => {
    const signer = new CompactSign(input).setProtectedHeader({ alg: 'EdDSA', typ: 'slurp-grant' })
    const signed = await signer.sign(signingKey)
    return refusesOrLater(
      () => openGrantChain({ delegate, grant: signed }, authority.publicKey),
      ({ grant: read }) => holds(encodeStatement('grant', read) === textOf(input), 'a grant has one text'),
    )
  },
}

const joinToken: Target = {
  name: 'join token',
  seeds: [
    formatJoinToken(
      newJoinToken(authority.publicKey, [`/ip4/10.0.0.1/tcp/4100/p2p/${writer.peerId}`], nowMs),
    ),
    formatJoinToken(newJoinToken(authority.publicKey, ['/dns4/host/tcp/4100'], nowMs)),
    formatJoinToken(newJoinToken(authority.publicKey, ['/dns4/host/tcp/4100'], nowMs, 'agent')),
  ].map(bytesOf),
  words: ['.', 'slurp-join-1', 'slurp-agent-1', '0', '=', '-'],
  weight: 0.5,
  // Half of them get the checksum that fits.
  run: input => {
    const said = textOf(input)
    const parts = said.split('.')
    const body = parts.slice(0, -1).join('.')
    const fitting = `${body}.${sha256Hex(`slurp/v1/join token\0${body}`).slice(0, parts.at(-1)?.length)}`
    return [said, fitting]
      .map(text =>
        refusesOr(
          () => parseJoinToken(text),
          read => holds(formatJoinToken(read) === text, 'a join token has one text'),
        ),
      )
      .some(taken => taken)
  },
}

const networks: Target = {
  name: 'networks and hours',
  seeds: [
    '10.0.0.0/8',
    '::ffff:10.0.0.0/104',
    '2001:db8::/32',
    '192.168.1.7',
    'fe80::1%eth0',
    'Europe/Amsterdam',
    'America/St_Johns',
    'Etc/GMT+5',
  ].map(bytesOf),
  words: ['::', '/', '.', ':', '%', '255', '/0', '/129', 'UTC'],
  weight: 0.3,
  run: input => {
    const said = textOf(input)
    const address = addressFrom(said)
    if (address !== null) networksHold(['10.0.0.0/8', '::/0'], address)
    if (isNetwork(said)) networksHold([said], Uint8Array.of(10, 0, 0, 1))
    const isKnown = isZone(said)
    if (isKnown)
      hoursOpen(
        { zone: said, windows: [{ days: [1, 2], from: '09:00', to: '17:00' }] } as unknown as Parameters<
          typeof hoursOpen
        >[0],
        nowMs,
      )
    return address !== null || isKnown || isNetwork(said)
  },
}

const identities = await Promise.all(holders)
const dealing = await deal(new Uint8Array(32).fill(3), {
  fleet: authority.fleet,
  secret: 'developer' as RoleName,
  keyVersion: 3,
  setVersion: 1,
  setId: 'ab'.repeat(16),
  holders: identities.map(({ peerId, ageRecipient }) => ({ peer: peerId, recipient: ageRecipient })),
  dealer: writer,
})
const [first] = identities
const share = dealing.shares.get(first!.peerId)!
const request = askForShares(dealing.record, writer, new Uint8Array(32).fill(7))
const released = await release(dealing.record, share, request, first!)
const signatureBytes = 64

/** Input: what the dealer signs, and after it a signature that does not count. */
const signedAnew = (input: Uint8Array, purpose: string): Uint8Array => {
  const signed = input.subarray(0, Math.max(0, input.length - signatureBytes))
  return Buffer.concat([signed, writer.sign(labelled(purpose, signed))])
}

const shareSet: Target = {
  name: 'share set',
  seeds: [dealing.record.bytes],
  weight: 0.2,
  run: input =>
    [input, signedAnew(input, 'slurp/v1/share set\0')]
      .map(bytes =>
        refusesOr(
          () => decodeShareSet(bytes),
          read => holds(same(read.bytes, bytes), 'a set has one encoding'),
        ),
      )
      .some(taken => taken),
}

const sealedShare: Target = {
  name: 'sealed share',
  seeds: [
    share,
    released,
    encodeSealedShare('release', writer, {
      ...decodeSealedShare('release', released),
      signer: writer.peerId,
    }),
  ],
  weight: 0.2,
  run: async input => {
    const both = [
      input,
      signedAnew(input, 'slurp/v1/sealed share\0'),
      signedAnew(input, 'slurp/v1/released share\0'),
    ]
    let taken = false
    for (const bytes of both) {
      for (const kind of ['share', 'release'] as const) {
        const isRead = refusesOr(
          () => decodeSealedShare(kind, bytes),
          read => {
            if (read.signer !== writer.peerId) return
            holds(same(encodeSealedShare(kind, writer, read), bytes), 'a sealed share has one encoding')
          },
        )
        taken ||= isRead
      }
      const isOpened = await refusesOrLater(() => openShare(dealing.record, bytes, first!))
      taken ||= isOpened
    }
    return taken
  },
}

const releaseRequest: Target = {
  name: 'release request',
  seeds: [request],
  weight: 0.2,
  run: input =>
    [input, signedAnew(input, 'slurp/v1/share request\0')]
      .map(bytes =>
        refusesOr(
          () => decodeReleaseRequest(bytes),
          read => holds(same(encodeReleaseRequest(writer, read), bytes), 'a request has one encoding'),
        ),
      )
      .some(taken => taken),
}

const hash = (text: string) => sha256Hex(text) as string as ContextKey
const members = identities.map(({ peerId }, i) => ({
  id: peerId as PeerId,
  name: `p${i + 1}`,
  weight: 1,
  zone: `p${i + 1}`,
}))
const record = encodeFleetRecord(
  signFleetRecord(authority, {
    view: initialView({ fleet: authority.fleet, members, replicas: 3, partitionCount: 16, hash }),
    roles: [{ name: 'developer' as RoleName, keyVersion: 1, recipient: reader.recipient.text }],
  }),
)

const fleetRecord: Target = {
  name: 'fleet record',
  seeds: [record],
  words,
  weight: 0.3,
  run: input => {
    refusesOr(
      () => verifyFleetRecord(input, authority.fleet),
      () => holds(same(input, record), 'only what was signed is taken, letter by letter'),
    )
    return refusesOr(
      () => decodeFleetRecord(input),
      read => holds(same(encodeFleetRecord(read), input), 'a fleet record has one text'),
    )
  },
}

const peerAddresses: Target = {
  name: 'peer ids and addresses',
  seeds: [
    bytesOf(writer.peerId),
    bytesOf(`/ip4/192.0.2.7/tcp/4100/p2p/${writer.peerId}`),
    bytesOf(`/ip6/::1/tcp/1/p2p/${writer.peerId}`),
    bytesOf(`/dns4/host/tcp/9/p2p/${writer.peerId}`),
  ],
  words: ['/', '/p2p/', '/ip4/', '/p2p-circuit', '12D3KooW', '%', '\0'],
  weight: 0.3,
  run: input => {
    const said = textOf(input)
    const key = peerKeyOf(said)
    if (key !== null) holds(key.peerId === said, 'a peer id has one text')
    return refusesOr(() => parseBootstrap(said)) || key !== null
  },
}

export const rightsTargets = (): Target[] => [
  statement,
  token,
  chain,
  joinToken,
  networks,
  shareSet,
  sealedShare,
  releaseRequest,
  fleetRecord,
  peerAddresses,
]
