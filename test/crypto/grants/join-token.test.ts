// Goal: a join token works once, until it runs out, and an error about one never shows it. Method: round trips, each
// character changed, each part replaced, a second use.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SlurpError } from '../../../base/errors.ts'
import {
  formatJoinToken,
  type JoinToken,
  joinTokensMax,
  newJoinToken,
  parseJoinToken,
  recordOf,
  redeemJoinToken,
  withJoinToken,
} from '../../../crypto/grants/join-token.ts'
import { refusedAs } from '../fixtures.ts'
import { authority, dayMs, newAuthority, nowMs } from './fixtures.ts'

const bootstrap = ['/ip4/10.0.0.1/tcp/4001', '/ip6/2001:db8::1/tcp/4001']
const token = newJoinToken(authority.publicKey, bootstrap, nowMs + dayMs)
const text = formatJoinToken(token)
const parts = text.split('.')
const secret = parts[5]!
const wrong = refusedAs('JOIN_TOKEN_WRONG', secret, token.fleet, parts[2]!)
const replaced = (at: number, part: string) => parts.with(at, part).join('.')
const messageOf = (bad: string): string => {
  try {
    parseJoinToken(bad)
  } catch (failure) {
    assert.ok(wrong(failure))
    return (failure as SlurpError).message
  }
  assert.fail(`accepted: ${bad.length}`)
}

test('a token comes back whole', () => {
  assert.deepEqual(parseJoinToken(text), token)
  assert.match(text, /^[a-zA-Z0-9_.-]+$/)
  assert.notDeepEqual(newJoinToken(authority.publicKey, bootstrap, nowMs).secret, token.secret)
})

test('an error names the part that is wrong', async () => {
  assert.match(messageOf(replaced(0, 'slurp-join-2')), /begin/)
  assert.match(messageOf(text.slice(0, -30)), /parts|Part 6/)
  assert.match(messageOf(`${text}.more`), /8 parts/)
  assert.match(messageOf(replaced(1, 'f'.repeat(63))), /Part 2/)
  assert.match(messageOf(replaced(2, 'abc')), /Part 3/)
  assert.match(messageOf(replaced(3, '-5')), /Part 4/)
  assert.match(messageOf(replaced(4, Buffer.from('nowhere').toString('base64url'))), /Part 5/)
  assert.match(messageOf(replaced(4, '')), /Part 5/)
  assert.match(messageOf(replaced(5, secret.slice(1))), /Part 6/)
  assert.match(messageOf(replaced(5, 'A'.repeat(43))), /Part 7/)
  assert.match(messageOf(replaced(6, '00000000')), /Part 7/)
  assert.match(messageOf('a'.repeat(9000)), /longer/)
  const other = await newAuthority()
  const mixed: JoinToken = { ...token, authorityPublicKey: other.publicKey }
  assert.throws(() => formatJoinToken(mixed), refusedAs('CONFIG_INVALID', secret))
  assert.throws(() => formatJoinToken({ ...token, bootstrap: [] }), refusedAs('CONFIG_INVALID', secret))
})

test('a token of an agent is another one, also with the same secret', () => {
  const agents = newJoinToken(authority.publicKey, bootstrap, nowMs + dayMs, 'agent')
  assert.deepEqual(parseJoinToken(formatJoinToken(agents)), agents)
  assert.match(formatJoinToken(agents), /^slurp-agent-1\./)
  assert.match(messageOf(replaced(0, 'slurp-agent-1')), /Part 7/)
  const records = [recordOf(agents)]
  assert.equal(redeemJoinToken(records, agents, nowMs).outcome, 'redeemed')
  assert.equal(redeemJoinToken(records, { ...agents, lets: 'peer' }, nowMs).outcome, 'unknown')
})

test('every character counts', () => {
  for (let at = 0; at < text.length; at++) {
    messageOf(text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1))
  }
})

test('any text ends in a refusal that shows nothing', () => {
  const cut = fc
    .tuple(fc.nat(text.length), fc.nat(text.length), fc.string())
    .map(([from, to, more]) => text.slice(0, from) + more + text.slice(to))
  fc.assert(
    fc.property(fc.oneof(fc.string(), cut), bad => {
      if (bad !== text) messageOf(bad)
    }),
  )
})

test('what is stored does not give the token away, and works once', () => {
  const others = Array.from({ length: 3 }, () => newJoinToken(authority.publicKey, bootstrap, nowMs + dayMs))
  const records = [...others, token].reduce<ReturnType<typeof withJoinToken>>(
    (list, each) => withJoinToken(list, each, nowMs),
    [],
  )
  assert.ok(!JSON.stringify(records).includes(secret))
  assert.ok(!JSON.stringify(records).includes(Buffer.from(token.secret).toString('hex')))
  const first = redeemJoinToken(records, parseJoinToken(text), nowMs)
  assert.equal(first.outcome, 'redeemed')
  const left = first.outcome === 'redeemed' ? first.left : []
  assert.deepEqual(left, others.map(recordOf))
  assert.deepEqual(redeemJoinToken(left, token, nowMs), { outcome: 'unknown' })
})

test('a token that ran out, a longer life written into it, another fleet', async () => {
  const records = [recordOf(token)]
  assert.equal(redeemJoinToken(records, token, nowMs + dayMs - 1).outcome, 'redeemed')
  assert.equal(redeemJoinToken(records, token, nowMs + dayMs).outcome, 'expired')
  assert.equal(redeemJoinToken(records, token, Number.NaN).outcome, 'expired')
  const longer = { ...token, expiresMs: token.expiresMs + dayMs }
  assert.equal(redeemJoinToken(records, longer, nowMs).outcome, 'unknown')
  const fleet = (await newAuthority()).fleet
  assert.equal(redeemJoinToken(records, { ...token, fleet }, nowMs).outcome, 'unknown')
})

test('a fleet waits for so many and no more', () => {
  const full = Array.from({ length: joinTokensMax }, () =>
    recordOf(newJoinToken(authority.publicKey, bootstrap, nowMs + dayMs)),
  )
  assert.throws(() => withJoinToken(full, token, nowMs), refusedAs('TOO_MANY'))
  const later = newJoinToken(authority.publicKey, bootstrap, nowMs + 3 * dayMs)
  assert.deepEqual(withJoinToken(full, later, nowMs + dayMs), [recordOf(later)])
})
