// Goal: who is granted something can show it at once to those whose clock is behind, and is granted nothing longer or earlier by
// that than there is to grant. Method: grants signed now, judged at the moments of other clocks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import { newGrantId } from '../../crypto/grants/grant-chain.ts'
import { grantMsMax } from '../../crypto/grants/grant-shape.ts'
import { grantSlackMs, memberLimits, validFrom } from '../../crypto/grants/membership.ts'
import { signRevocations } from '../../crypto/grants/revocations.ts'
import type { GrantKeeper } from '../../node/grants/grant-keeper.ts'
import type { GrantWish } from '../../node/grants/grant-signer.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { dayMs, newKeepers } from './keepers.ts'

const ruleAt = ({ judge }: GrantKeeper, chain: GrantChain, atMs: number) => {
  const { subject } = chain.grant
  return judge.decide(chain, { subject, address: null, operation: 'link', target: 'fleet' }, atMs).rule
}
const wishFor = (subject: GrantChain['grant']['subject'], ttlMs: number): GrantWish => ({
  ...{ id: newGrantId(), subjectKind: 'agent', subject, name: 'ci', bearer: null },
  ...{ limits: memberLimits(true), ttlMs },
})

test('a clock that is behind takes a grant of now, and it ends when it was to end', async t => {
  const { members, clock } = await newKeepers(t, 2)
  const { keeper } = members[0]!
  const { peerId } = await newIdentity()
  const chain = await keeper.grants.prove(await keeper.signer.sign(wishFor(peerId, dayMs)))
  const { nowMs } = clock
  const at = (ms: number) => ruleAt(keeper, chain, nowMs + ms)
  assert.deepEqual([at(-grantSlackMs - 1), at(-grantSlackMs), at(0)], ['notYet', 'granted', 'granted'])
  assert.deepEqual([at(dayMs - 1), at(dayMs)], ['granted', 'expired'])
  // As long as a grant may last at most: no longer for having begun before.
  const longest = await keeper.grants.prove(await keeper.signer.sign(wishFor(peerId, grantMsMax)))
  assert.equal(longest.grant.expiresMs - longest.grant.issuedAtMs, grantMsMax)
  assert.equal(ruleAt(keeper, longest, nowMs - grantSlackMs), 'granted')
  const member = await keeper.grants.prove(await keeper.signer.signMember(peerId, 'p9', null))
  assert.equal(ruleAt(keeper, member, nowMs - grantSlackMs), 'granted')
})

test('nothing is signed as of before its key could sign', () => {
  const issuer = { notBeforeMs: 1_000_000, expiresMs: 1_000_000 + dayMs }
  assert.equal(validFrom(issuer, 1_000_010, dayMs).issuedAtMs, 1_000_000)
  assert.equal(validFrom(issuer, 1_000_010, 2 * dayMs).expiresMs, 1_000_000 + dayMs)
})

test('what is signed right after the authority cut the key off counts', async t => {
  const { members, authority, delegate, clock } = await newKeepers(t, 2)
  const { keeper } = members[0]!
  const cut = { delegate: delegate.id, beforeMs: clock.nowMs }
  const list = {
    signer: 'authority',
    version: 1,
    issuedAtMs: clock.nowMs,
    revoked: [],
    cutOffs: [cut],
  } as const
  const text = await signRevocations(authority, authority.fleet, {
    ...list,
    revoked: [],
    cutOffs: [...list.cutOffs],
  })
  const { peerId } = await newIdentity()
  const before = await keeper.grants.prove(await keeper.signer.sign(wishFor(peerId, dayMs)))
  await keeper.revocations.learn({ text, delegate: null })
  assert.equal(ruleAt(keeper, before, clock.nowMs), 'delegateCutOff')
  const after = await keeper.grants.prove(await keeper.signer.sign(wishFor(peerId, dayMs)))
  assert.equal(ruleAt(keeper, after, clock.nowMs), 'granted')
})
