// Goal: what was revoked stays revoked, wherever and in whatever order the news comes; nobody revokes what is not theirs.
// Method: lists of authority and delegates against one chain, forged lists, and the laws of a union on random lists.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../../crypto/grants/decide.ts'
import { signDelegate } from '../../../crypto/grants/grant-chain.ts'
import type { GrantId, RevocationList } from '../../../crypto/grants/grant-shape.ts'
import {
  mergeRevocations,
  noRevocations,
  openListsMax,
  openRevocations,
  type Revocations,
  signRevocations,
} from '../../../crypto/grants/revocations.ts'
import type { SigningKey } from '../../../crypto/signing-key.ts'
import { refusedAs } from '../fixtures.ts'
import {
  authority,
  chainWith,
  dayMs,
  delegateKey,
  delegateWith,
  newAuthority,
  newKey,
  nowMs,
  publicHex,
  readAt,
} from './fixtures.ts'

const invalid = refusedAs('GRANT_INVALID')
const chain = await chainWith()
const certificate = await signDelegate(authority, delegateWith())
const otherKey = await newKey()
const otherId = 'd1'.repeat(16) as GrantId
const otherCertificate = await signDelegate(
  authority,
  delegateWith({ id: otherId, publicKey: publicHex(otherKey) }),
)
const idOf = (number: number) => number.toString(16).padStart(32, '0') as GrantId

type Said = Partial<Omit<RevocationList, 'format' | 'fleet' | 'revoked'>> & {
  ids?: GrantId[]
  fromMs?: number
}
const signed = (key: SigningKey, { ids = [], fromMs = 0, ...said }: Said) =>
  signRevocations(key, authority.fleet, {
    signer: 'authority',
    version: 1,
    issuedAtMs: nowMs,
    revoked: ids.map(id => ({ id, fromMs })),
    cutOffs: [],
    ...said,
  })
const byAuthority = async (said: Said) =>
  openRevocations({ text: await signed(authority, said), delegate: null }, authority.publicKey)
const byDelegate = async (said: Said) =>
  openRevocations(
    { text: await signed(delegateKey, { signer: chain.delegate.id, ...said }), delegate: certificate },
    authority.publicKey,
  )
const ruleWith = (...lists: Revocations) =>
  decide(chain, mergeRevocations(noRevocations, lists), readAt(), nowMs).rule

test('the authority revokes a grant, a delegate, and what a delegate gave before a moment', async () => {
  assert.equal(ruleWith(), 'granted')
  assert.equal(ruleWith(await byAuthority({ ids: [idOf(1)] })), 'granted')
  assert.equal(ruleWith(await byAuthority({ ids: [chain.grant.id] })), 'grantRevoked')
  assert.equal(ruleWith(await byAuthority({ ids: [chain.delegate.id] })), 'delegateRevoked')
  const { issuedAtMs } = chain.grant
  const cut = (beforeMs: number) => byAuthority({ cutOffs: [{ delegate: chain.delegate.id, beforeMs }] })
  assert.equal(ruleWith(await cut(issuedAtMs)), 'granted')
  assert.equal(ruleWith(await cut(issuedAtMs + 1)), 'delegateCutOff')
})

test('a delegate revokes what it gave, and nothing else', async () => {
  assert.equal(ruleWith(await byDelegate({ ids: [chain.grant.id] })), 'grantRevoked')
  const foreign = await openRevocations(
    {
      text: await signed(otherKey, { signer: otherId, ids: [chain.grant.id, chain.delegate.id].sort() }),
      delegate: otherCertificate,
    },
    authority.publicKey,
  )
  assert.equal(ruleWith(foreign), 'granted')
  const cutOffs = [{ delegate: otherId, beforeMs: nowMs + dayMs }]
  await assert.rejects(byDelegate({ cutOffs }), invalid)
})

test('forged lists', async () => {
  const text = await signed(authority, { ids: [chain.grant.id] })
  const open = (list: string, delegate: string | null = null) =>
    openRevocations({ text: list, delegate }, authority.publicKey)
  await assert.rejects(open(await signed(delegateKey, {})), invalid)
  await assert.rejects(open(await signed(delegateKey, {}), certificate), invalid)
  await assert.rejects(open(text, certificate), invalid)
  await assert.rejects(open(await signed(otherKey, { signer: chain.delegate.id }), certificate), invalid)
  await assert.rejects(
    open(await signed(delegateKey, { signer: chain.delegate.id }), otherCertificate),
    invalid,
  )
  await assert.rejects(open(certificate), invalid)
  const stranger = await newAuthority()
  await assert.rejects(open(await signed(stranger, {})), invalid)
  const elsewhere = { signer: 'authority' as const, version: 1, issuedAtMs: nowMs, revoked: [], cutOffs: [] }
  await assert.rejects(open(await signRevocations(authority, stranger.fleet, elsewhere)), invalid)
  const [header, payload, signature] = text.split('.') as [string, string, string]
  const said = Buffer.from(payload, 'base64url').toString().replace(chain.grant.id, idOf(7))
  await assert.rejects(open(`${header}.${Buffer.from(said).toString('base64url')}.${signature}`), invalid)
  const unsorted = [idOf(2), idOf(1)]
  await assert.rejects((async () => signed(authority, { ids: unsorted }))(), refusedAs('CONFIG_INVALID'))
})

test('what is revoked is so from a moment on: what was written before it stays', async () => {
  const revoked = [await byDelegate({ ids: [chain.grant.id], fromMs: nowMs })]
  const at = (ms: number) => decide(chain, revoked, readAt(), ms).rule
  assert.deepEqual([at(nowMs - 1), at(nowMs), at(nowMs + 1)], ['granted', 'grantRevoked', 'grantRevoked'])
  // Two who revoke the same: the earlier moment counts, in whichever order they are heard.
  const earlier = await byAuthority({ ids: [chain.grant.id], fromMs: nowMs - 100 })
  assert.equal(decide(chain, mergeRevocations(revoked, [earlier]), readAt(), nowMs - 50).rule, 'grantRevoked')
  const later = await byDelegate({ version: 2, ids: [chain.grant.id], fromMs: nowMs + 100 })
  assert.deepEqual(mergeRevocations(revoked, [later]), revoked)
  assert.equal(decide(chain, mergeRevocations([later], revoked), readAt(), nowMs).rule, 'grantRevoked')
})

test('a later list takes the place of those that it contains, and of no others', async () => {
  const first = await byAuthority({ ids: [idOf(1)] })
  const second = await byAuthority({ version: 2, ids: [idOf(1), chain.grant.id].sort() })
  assert.deepEqual(mergeRevocations([first], [second]), [second])
  // A later one that leaves out what an earlier one said takes nothing back.
  const forgetful = await byAuthority({ version: 3, ids: [] })
  assert.equal(ruleWith(second, forgetful), 'grantRevoked')
  const partial = await byAuthority({ version: 4, ids: [idOf(9)] })
  assert.equal(ruleWith(second, partial), 'grantRevoked')
  assert.equal(mergeRevocations([second], [partial]).length, 2)
})

test('more loose lists than are kept: all that their signer can revoke counts as revoked', async () => {
  const loose = await Promise.all(
    Array.from({ length: openListsMax + 4 }, (_, at) => byDelegate({ ids: [idOf(at + 1)] })),
  )
  assert.equal(ruleWith(...loose.slice(0, openListsMax)), 'granted')
  assert.equal(ruleWith(...loose), 'revocationsUnclear')
  assert.equal(mergeRevocations(loose, loose).length, openListsMax + 1)
  const all = Array.from({ length: openListsMax + 4 }, (_, at) => idOf(at + 1))
  assert.equal(ruleWith(...loose, await byDelegate({ version: 2, ids: all })), 'granted')
})

test('merging is a union: in any order, any grouping, any number of times', async () => {
  const pool = await Promise.all(
    Array.from({ length: 24 }, (_, at) => {
      const said = {
        version: 1 + (at % 3),
        ids: [1, 2, 3].filter(bit => (at % 8) & (1 << (bit - 1))).map(idOf),
      }
      return at % 2 === 0 ? byAuthority(said) : byDelegate(said)
    }),
  )
  const some = fc.subarray(pool).map(list => mergeRevocations(noRevocations, list))
  fc.assert(
    fc.property(some, some, some, (a, b, c) => {
      const ab = mergeRevocations(a, b)
      assert.deepEqual(mergeRevocations(b, a), ab)
      assert.deepEqual(mergeRevocations(ab, c), mergeRevocations(a, mergeRevocations(b, c)))
      assert.deepEqual(mergeRevocations(ab, b), ab)
      const idsOf = (all: Revocations) =>
        new Set(all.flatMap(({ list }) => list.revoked.map(({ id }) => `${list.signer} ${id}`)))
      assert.deepEqual([...idsOf(ab)].sort(), [...idsOf([...a, ...b])].sort())
    }),
  )
})
