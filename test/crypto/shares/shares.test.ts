// Goal: any k holders give a process its key, fewer give nothing that could even be tested, and what is wrong is noticed,
// attributed and left out. Method: dealings to real identities; every subset; every bit of every byte string turned;
// a dealer, a holder, a requester and a stranger who each cheat with good signatures.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { combine as combineShares } from 'shamir-secret-sharing'
import type { PeerId } from '../../../base/ids.ts'
import { sha256 } from '../../../crypto/digest.ts'
import { sealTo } from '../../../crypto/sealing.ts'
import { CollectedKey } from '../../../crypto/shares/collected-key.ts'
import { type Dealing, deal, redeal } from '../../../crypto/shares/deal.ts'
import { askForShares, openShare, release } from '../../../crypto/shares/release.ts'
import { encodeSealedShare, sealedShareBytesMax } from '../../../crypto/shares/sealed-share-codec.ts'
import { commitmentOf, fitsCommitment, type OpenShare, packShare } from '../../../crypto/shares/share.ts'
import { ShareRefused, supersedes, thresholdFor } from '../../../crypto/shares/share-set.ts'
import { decodeShareSet, shareSetBytesMax, signShareSet } from '../../../crypto/shares/share-set-codec.ts'
import { X25519Identity } from '../../../crypto/x25519.ts'
import { flipped, newIdentity, refusedAs } from '../fixtures.ts'
import {
  combineFor,
  dealer,
  dealTo,
  holdersOf,
  nonce,
  peers,
  planFor,
  releasesOf,
  requester,
  secret,
  shareOf,
} from './dealings.ts'

const five = peers.slice(0, 5)
const dealing = await dealTo(five)
const { record } = dealing
const request = askForShares(record, requester, nonce)
const releases = await releasesOf(dealing, request, five)
const secretOf = (result: Awaited<ReturnType<typeof combineFor>>) =>
  result.kind === 'open' ? Buffer.from(result.key.secret).toString('hex') : result.kind
const secretHex = Buffer.from(secret).toString('hex')
const blames = (culprit: PeerId | null) => (failure: unknown) =>
  failure instanceof ShareRefused && failure.code === 'INTEGRITY_FAILED' && failure.culprit === culprit

const subsets = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((_, place) => (bits >> place) & 1))

test('every set of k or more holders opens the key, in any order, and none of fewer', async () => {
  for (const some of subsets(releases)) {
    const result = await combineFor(record, request, requester, some.reverse())
    if (some.length >= 3) assert.equal(secretOf(result), secretHex)
    else assert.deepEqual(result, { kind: 'short', good: some.length, needed: 3, bad: [] })
  }
})

test('any size, threshold and secret comes back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: peers.length }),
      fc.nat(),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(bytes => bytes.some(byte => byte !== 0)),
      async (count, chance, bytes) => {
        const some = peers.slice(0, count)
        const threshold = count === 1 ? 1 : 2 + (chance % (count - 1))
        const dealt = await deal(bytes, planFor(some, { threshold }))
        const asked = askForShares(dealt.record, requester, nonce)
        const answers = await releasesOf(dealt, asked, some.slice(count - threshold))
        const opened = await combineFor(dealt.record, asked, requester, answers)
        assert.equal(secretOf(opened), Buffer.from(bytes).toString('hex'))
        const fewer = await combineFor(dealt.record, asked, requester, answers.slice(1))
        assert.equal(fewer.kind, 'short')
      },
    ),
    { numRuns: 25 },
  )
})

test('a role key comes back as the identity that it was', async () => {
  const result = await combineFor(record, request, requester, releases)
  assert.ok(result.kind === 'open')
  const opens = new X25519Identity(result.key.secret)
  assert.equal(opens.recipient.text, new X25519Identity(secret).recipient.text)
  result.key.wipe()
  assert.throws(() => result.key.secret, refusedAs('CONFIG_INVALID'))
})

async function openAll(some: Dealing): Promise<OpenShare[]> {
  return await Promise.all(five.map(holder => openShare(some.record, shareOf(some, holder), holder)))
}
const rawOf = ({ index, points }: OpenShare) => Uint8Array.of(...points, index)

// Goal: k - 1 shares and the record fit every secret alike. Method: for any payload a k-th share is made that gives it:
// of one point nothing but the field decides, so each byte value must be reached by exactly one value of the share.
test('k - 1 shares are consistent with every secret, and no commitment tells a guess', async () => {
  const [first, second, third] = (await openAll(dealing)) as [OpenShare, OpenShare, OpenShare]
  for (const place of [0, 31, 32, 63]) {
    const reached = new Set<number>()
    for (let value = 0; value < 256; value++) {
      const points = Uint8Array.from(third.points)
      points[place] = value
      const payload = await combineShares([rawOf(first), rawOf(second), rawOf({ ...third, points })])
      reached.add(payload[place]!)
    }
    assert.equal(reached.size, 256)
  }
  // Whoever guesses right knows the points of the third share, not its blind.
  const holder = record.set.holders.find(({ index }) => index === third.index)!
  assert.ok(fitsCommitment(record, holder, third))
  assert.ok(!fitsCommitment(record, holder, { ...third, blind: new Uint8Array(32) }))
})

test('every bit of a record counts', () => {
  for (let bit = 0; bit < record.bytes.length * 8; bit++) {
    const bytes = flipped(record.bytes, bit >> 3, bit & 7)
    assert.throws(
      () => decodeShareSet(bytes),
      (failure: unknown) => blames(null)(failure) || refusedAs('FORMAT_UNKNOWN')(failure),
    )
  }
})

test('every bit of a sealed share counts', async () => {
  const [holder] = five as [(typeof five)[0]]
  const share = shareOf(dealing, holder)
  for (let bit = 0; bit < share.length * 8; bit++) {
    const bytes = flipped(share, bit >> 3, bit & 7)
    await assert.rejects(
      release(record, bytes, request, holder),
      (failure: unknown) => blames(null)(failure) || refusedAs('FORMAT_UNKNOWN')(failure),
    )
  }
})

test('every bit of a release and of a request counts, and its sender is named', async () => {
  const [first, ...others] = releases as [(typeof releases)[0], ...typeof releases]
  for (let bit = 0; bit < first.bytes.length * 8; bit++) {
    const changed = { from: first.from, bytes: flipped(first.bytes, bit >> 3, bit & 7) }
    const result = await combineFor(record, request, requester, [
      changed,
      ...others.slice(0, bit % 64 === 0 ? 3 : 0),
    ])
    assert.deepEqual(
      result.bad.map(({ peer }) => peer),
      [first.from],
    )
    assert.equal(secretOf(result), bit % 64 === 0 ? secretHex : 'short')
  }
  const holder = five[0]!
  for (let bit = 0; bit < request.length * 8; bit++) {
    const asked = flipped(request, bit >> 3, bit & 7)
    await assert.rejects(
      release(record, shareOf(dealing, holder), asked, holder),
      (failure: unknown) => blames(null)(failure) || refusedAs('FORMAT_UNKNOWN')(failure),
    )
  }
})

test('records are cut off, longer or oversize: refused', () => {
  for (let length = 0; length < record.bytes.length; length++)
    assert.throws(() => decodeShareSet(record.bytes.subarray(0, length)), blames(null))
  assert.throws(() => decodeShareSet(Buffer.concat([record.bytes, Buffer.of(0)])), blames(null))
  assert.throws(() => decodeShareSet(new Uint8Array(shareSetBytesMax + 1)), /larger/)
})

test('a set at zero, with an index or a holder twice, or too few of them, is not signed and not read', () => {
  const [a, b, ...rest] = record.set.holders as [
    (typeof record.set.holders)[0],
    (typeof record.set.holders)[0],
    ...typeof record.set.holders,
  ]
  const sets = [
    [{ ...a, index: 0 }, b, ...rest],
    [a, { ...b, index: a.index }, ...rest],
    [b, a, ...rest],
    [a, { ...b, peer: a.peer }, ...rest],
    [a, b],
    [a],
  ]
  for (const holders of sets)
    assert.throws(() => signShareSet(dealer, { ...record.set, holders }), refusedAs('CONFIG_INVALID'))
  assert.throws(() => signShareSet(dealer, { ...record.set, threshold: 1 }), refusedAs('CONFIG_INVALID'))
  assert.throws(() => signShareSet(peers[8]!, record.set), refusedAs('CONFIG_INVALID'))
})

/** A release that its holder signed well, over whatever it likes. */
async function forged(
  holder: (typeof five)[0],
  share: OpenShare,
  over: { binding?: Uint8Array; inner?: Uint8Array; index?: number; holder?: PeerId } = {},
) {
  const binding = over.binding ?? sha256(request)
  const sealed = await sealTo([requester.ageRecipient], packShare(over.inner ?? binding, share))
  const bytes = encodeSealedShare('release', holder, {
    binding,
    holder: over.holder ?? holder.peerId,
    signer: holder.peerId,
    index: over.index ?? share.index,
    sealed,
  })
  return { from: holder.peerId, bytes }
}

test('a holder that cheats with a good signature is named, and the key opens without it', async () => {
  const cheat = five[0]!
  const [own, second] = (await openAll(dealing)) as [OpenShare, OpenShare]
  const wrong = [
    await forged(cheat, { ...own, index: 0 }, { index: 0 }),
    await forged(cheat, { ...own, index: 0 }, { index: own.index }),
    await forged(cheat, second),
    await forged(cheat, second, { holder: five[1]!.peerId }),
    await forged(cheat, { ...own, index: second.index }, { index: own.index }),
    await forged(cheat, { ...own, points: flipped(own.points, 5) }),
    await forged(cheat, { ...own, blind: flipped(own.blind, 5) }),
    await forged(cheat, own, { inner: new Uint8Array(32) }),
    await forged(cheat, own, { binding: new Uint8Array(32) }),
    { from: cheat.peerId, bytes: releases[1]!.bytes },
    { from: cheat.peerId, bytes: new Uint8Array(sealedShareBytesMax + 1) },
    { from: cheat.peerId, bytes: new Uint8Array(0) },
    { from: cheat.peerId, bytes: shareOf(dealing, cheat) },
  ]
  for (const [place, bad] of wrong.entries()) {
    const result = await combineFor(record, request, requester, [bad, ...releases.slice(1, 4)])
    assert.equal(secretOf(result), secretHex, `case ${place}`)
    assert.deepEqual(
      result.bad.map(({ peer }) => peer),
      [cheat.peerId],
      `case ${place}`,
    )
    const short = await combineFor(record, request, requester, [bad, ...releases.slice(1, 3)])
    assert.equal(short.kind, 'short', `case ${place}`)
  }
  const honest = await combineFor(record, request, requester, [
    await forged(cheat, own),
    ...releases.slice(1, 3),
  ])
  assert.equal(secretOf(honest), secretHex, 'the forger can also be honest')
})

test('a second answer of one holder counts once, and many are refused', async () => {
  const twice = await combineFor(record, request, requester, [releases[0]!, releases[0]!, releases[1]!])
  assert.deepEqual(twice, { kind: 'short', good: 2, needed: 3, bad: [] })
  const flood = Array.from({ length: 11 }, () => releases[0]!)
  await assert.rejects(combineFor(record, request, requester, flood), refusedAs('TOO_MANY'))
})

test('a release for another requester, nonce or record opens nothing', async () => {
  const stranger = await newIdentity()
  const other = await dealTo(five, { setId: 'cd'.repeat(16) })
  const replayed = [
    await releasesOf(dealing, askForShares(record, stranger, nonce), five),
    await releasesOf(
      dealing,
      askForShares(
        record,
        requester,
        nonce.map(byte => byte + 1),
      ),
      five,
    ),
    await releasesOf(other, askForShares(other.record, requester, nonce), five),
  ]
  for (const answers of replayed) {
    const result = await combineFor(record, request, requester, answers)
    assert.equal(result.kind, 'short')
    assert.equal(result.bad.length, 5)
  }
  // What was released to one process opens for no other, which may not even try.
  await assert.rejects(combineFor(record, request, stranger, releases), blames(null))
  await assert.rejects(combineFor(other.record, request, requester, releases), blames(null))
  const outsider = { from: stranger.peerId, bytes: releases[0]!.bytes }
  const result = await combineFor(record, request, requester, [outsider])
  assert.deepEqual(
    result.bad.map(({ peer }) => peer),
    [stranger.peerId],
  )
})

test('a share of another set, another holder or another dealer is not released', async () => {
  const [holder, next] = five as [(typeof five)[0], (typeof five)[0]]
  const other = await dealTo(five, { setId: 'cd'.repeat(16) })
  const usurped = await dealTo(five, { dealer: peers[8]! })
  for (const share of [shareOf(other, holder), shareOf(usurped, holder), shareOf(dealing, next)])
    await assert.rejects(release(record, share, request, holder), blames(null))
  const foreignRequest = askForShares(other.record, requester, nonce)
  await assert.rejects(release(record, shareOf(dealing, holder), foreignRequest, holder), blames(null))
})

test('a dealer whose share does not fit its commitment is named by the holder', async () => {
  const holder = five[0]!
  const [own] = (await openAll(dealing)) as [OpenShare]
  const dealt = async (share: OpenShare, index = share.index, to = holder) =>
    encodeSealedShare('share', dealer, {
      binding: record.subjectHash,
      holder: holder.peerId,
      signer: dealer.peerId,
      index,
      sealed: await sealTo([to.ageRecipient], packShare(record.subjectHash, share)),
    })
  const shares = [
    await dealt({ ...own, points: flipped(own.points, 0) }),
    await dealt({ ...own, index: own.index ^ 1 }, own.index),
    await dealt(own, (own.index % 255) + 1),
    await dealt(own, own.index, five[1]),
  ]
  for (const share of shares) await assert.rejects(openShare(record, share, holder), blames(dealer.peerId))
  assert.deepEqual(await openShare(record, await dealt(own), holder), own)
})

test('shares that were committed to and give no secret give nothing, and the dealer is named', async () => {
  const open = await openAll(dealing)
  const skewed = open.map((share, place) =>
    place === 1 ? { ...share, points: flipped(share.points, 9) } : share,
  )
  const holders = five
    .map(({ peerId: peer }, place) => ({
      peer,
      index: skewed[place]!.index,
      commitment: commitmentOf(record.subjectHash, { peer }, skewed[place]!),
    }))
    .sort((a, b) => a.index - b.index)
  const wrong = signShareSet(dealer, { ...record.set, holders })
  const asked = askForShares(wrong, requester, nonce)
  const answers = await Promise.all(
    five.map((holder, place) => forged(holder, skewed[place]!, { binding: sha256(asked) })),
  )
  const result = await combineFor(wrong, asked, requester, answers)
  assert.deepEqual(result, { kind: 'misdealt', dealer: dealer.peerId, bad: [] })
})

test('a key is dealt anew from memory, and shares of the old set are refused', async () => {
  const opened = await combineFor(record, request, requester, releases)
  assert.ok(opened.kind === 'open')
  const members = [...five.slice(1), ...peers.slice(5, 8)]
  const plan = { setId: 'ee'.repeat(16), holders: holdersOf(members), dealer: requester }
  const next = await redeal(opened.key, plan)
  assert.ok(supersedes(next.record.set, record.set) && !supersedes(record.set, next.record.set))
  assert.ok(!supersedes({ ...next.record.set, keyVersion: 4 }, record.set))
  assert.equal(next.record.set.setVersion, 2)
  assert.equal(next.record.set.threshold, 4)
  const asked = askForShares(next.record, requester, nonce)
  const answers = await releasesOf(next, asked, members.slice(0, 4))
  assert.equal(secretOf(await combineFor(next.record, asked, requester, answers)), secretHex)
  const holder = five[1]!
  await assert.rejects(release(next.record, shareOf(dealing, holder), asked, holder), blames(null))
  await assert.rejects(release(next.record, shareOf(next, holder), request, holder), blames(null))
  const mixed = await combineFor(next.record, asked, requester, [
    ...releases.slice(1, 3),
    ...answers.slice(2),
  ])
  assert.equal(mixed.kind, 'short')
  await assert.rejects(
    async () => redeal(opened.key, { ...plan, setId: record.set.setId }),
    refusedAs('CONFIG_INVALID'),
  )
  opened.key.wipe()
  await assert.rejects(async () => redeal(opened.key, plan), refusedAs('CONFIG_INVALID'))
})

test('plans that break a cap are refused, and say nothing of the secret', async () => {
  const [one] = five as [(typeof five)[0]]
  const bad = [
    planFor([]),
    planFor([one, one]),
    planFor(five, { threshold: 1 }),
    planFor(five, { threshold: 6 }),
    planFor(five, { threshold: 2.5 }),
    planFor(five, { setVersion: 0 }),
    planFor(five, { keyVersion: 2 ** 32 }),
    planFor(five, { setId: 'AB'.repeat(16) }),
    planFor(five, {
      holders: [...holdersOf(five), { peer: 'nobody' as PeerId, recipient: one.ageRecipient }],
    }),
  ]
  for (const plan of bad)
    await assert.rejects(async () => deal(secret, plan), refusedAs('CONFIG_INVALID', secretHex))
  for (const bytes of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1)])
    await assert.rejects(async () => deal(bytes, planFor(five)), refusedAs('CONFIG_INVALID'))
  assert.throws(() => askForShares(record, requester, new Uint8Array(31)), refusedAs('CONFIG_INVALID'))
})

test('a majority is needed', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 255].map(thresholdFor), [1, 2, 2, 3, 3, 128])
  for (const count of [0, 256, 2.5]) assert.throws(() => thresholdFor(count), refusedAs('CONFIG_INVALID'))
})

test('a collected key prints nothing of itself', () => {
  const key = new CollectedKey(record.set, Uint8Array.from(secret))
  const shown = `${inspect(key, { depth: 9, showHidden: true })} ${JSON.stringify(key)}`
  assert.deepEqual(Object.keys(key), ['set'])
  assert.ok(!shown.includes([...secret].slice(0, 4).join(', ')) && !shown.includes(secretHex))
})
