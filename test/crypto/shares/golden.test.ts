// Goal: sets and shares of earlier releases stay readable, and no label or order changes unnoticed. Method: a whole
// dealing with fixed identities, kept in golden.ts. When a test here fails, do not edit golden.ts: give the format a new
// version and keep the old bytes decodable.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { fromHex, toHex } from '../../../base/bytes.ts'
import { Identity } from '../../../crypto/identity.ts'
import { askForShares, openShare } from '../../../crypto/shares/release.ts'
import { decodeSealedShare, encodeSealedShare } from '../../../crypto/shares/sealed-share-codec.ts'
import { decodeShareSet, signShareSet } from '../../../crypto/shares/share-set-codec.ts'
import { combineFor } from './dealings.ts'
import {
  firstReleaseGolden,
  firstShareGolden,
  recordGolden,
  requestGolden,
  secondReleaseGolden,
  secondShareGolden,
} from './golden.ts'

const identityOf = async (seed: number) =>
  new Identity(await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)))
const dealer = await identityOf(1)
const first = await identityOf(2)
const second = await identityOf(3)
const requester = await identityOf(4)
const record = decodeShareSet(fromHex(recordGolden)!)

test('a record is read and written as ever', () => {
  const { holders, ...rest } = record.set
  assert.deepEqual(rest, {
    fleet: 'f1'.repeat(32),
    secret: 'developer',
    keyVersion: 3,
    setVersion: 5,
    setId: 'ab'.repeat(16),
    threshold: 2,
    dealer: dealer.peerId,
  })
  assert.deepEqual(holders.map(({ peer }) => peer).sort(), [first.peerId, second.peerId].sort())
  assert.equal(toHex(signShareSet(dealer, record.set).bytes), recordGolden)
})

test('sealed shares are opened and written as ever', async () => {
  for (const [holder, golden] of [
    [first, firstShareGolden],
    [second, secondShareGolden],
  ] as const) {
    await openShare(record, fromHex(golden)!, holder)
    const share = decodeSealedShare('share', fromHex(golden)!)
    assert.equal(toHex(encodeSealedShare('share', dealer, share)), golden)
  }
})

test('a request is written, and its releases are combined, as ever', async () => {
  const request = askForShares(record, requester, new Uint8Array(32).fill(7))
  assert.equal(toHex(request), requestGolden)
  const release = decodeSealedShare('release', fromHex(firstReleaseGolden)!)
  assert.equal(toHex(encodeSealedShare('release', first, release)), firstReleaseGolden)
  const result = await combineFor(record, request, requester, [
    { from: first.peerId, bytes: fromHex(firstReleaseGolden)! },
    { from: second.peerId, bytes: fromHex(secondReleaseGolden)! },
  ])
  assert.ok(result.kind === 'open')
  assert.deepEqual(
    [...result.key.secret],
    Array.from({ length: 32 }, (_, place) => place + 1),
  )
})
