// Goal: a version that is sealed anew stays what its author signed, opens without the keys of before, and stands for nothing
// but what it replaced. Method: round trips over several rotations; a member who lies about what it sealed anew.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { RoleName, Version } from '../../base/ids.ts'
import {
  type EnvelopePlan,
  openEnvelope,
  sealAnew,
  sealEnvelope,
  sealTombstone,
} from '../../crypto/envelope.ts'
import { decodeEnvelope, type StandsFor, standsForOf } from '../../crypto/envelope-codec.ts'
import { plaintextBytesMax } from '../../crypto/padding.ts'
import { resealBody, shownOf } from '../../crypto/reseal.ts'
import { newRoleKey, type RoleKey } from '../../crypto/roles.ts'
import {
  fleet,
  flipped,
  identitiesAmong,
  key,
  newIdentity,
  otherKey,
  recipientsOf,
  refusedAs,
  versionOf,
} from './fixtures.ts'

const author = await newIdentity()
const leader = await newIdentity()
const keyOf = (name: string, keyVersion: number) => newRoleKey(name as RoleName, keyVersion)
const old = [keyOf('admin', 1), keyOf('developer', 1)]
const newer = [keyOf('admin', 1), keyOf('developer', 2)]
const newest = [keyOf('admin', 2), keyOf('developer', 2)]
const at = (who: typeof author, second: number) => versionOf(who, 1_700_000_000_000 + second * 1000)
const before = at(author, 0)
const version = at(author, 1)
const plan = { fleet, key, expiresAtMs: 1_800_000_000_000 }
const plaintext = Buffer.from('Canary: chosen because the cache was cold. '.repeat(20))
const original = await sealEnvelope({
  ...plan,
  version,
  parent: before,
  author,
  roles: recipientsOf(old),
  plaintext,
})
const standsFor: StandsFor = { version, parent: before, author: author.peerId }

type Change = Partial<EnvelopePlan & { standsFor: StandsFor }>

async function anew(
  data: Uint8Array,
  parent: Version,
  from: readonly RoleKey[],
  to: readonly RoleKey[],
  second: number,
  lie: Change = {},
) {
  const roles = to.map(({ name, keyVersion }) => ({ name, keyVersion }))
  const own = { ...plan, version: at(leader, second), parent, author: leader, standsFor, roles, ...lie }
  const texts = recipientsOf(to).map(({ recipient }) => recipient)
  const sealed = await sealAnew(own, async binding => resealBody(data, identitiesAmong(from), binding, texts))
  return { ...sealed, version: own.version, parent: own.parent }
}

const open = (
  { data, version, parent }: { data: Uint8Array; version: Version; parent: Version | null },
  keys: readonly RoleKey[],
) => openEnvelope({ data, expected: { fleet, key, version, parent }, identitiesOf: identitiesAmong(keys) })

const once = await anew(original.data, version, old, newer, 2)
const twice = await anew(once.data, once.version, newer, newest, 3)

test('what was sealed anew, once or twice, is read with the new keys alone and is its author’s', async () => {
  for (const [reseal, keys] of [
    [once, newer],
    [twice, newest],
  ] as const)
    for (const held of keys) {
      const { header, plaintext: found } = await open(reseal, [held])
      assert.deepEqual(Buffer.from(found), plaintext)
      assert.deepEqual(shownOf(header), standsFor)
      assert.deepEqual(standsForOf(reseal.data), standsFor)
      assert.equal(header.author, leader.peerId)
      assert.equal(header.format, 3)
    }
  await assert.rejects(open(once, old.slice(1)), refusedAs('ROLE_DENIED'))
  await assert.rejects(open(twice, old), refusedAs('ROLE_DENIED'))
  assert.equal(standsForOf(original.data), null)
})

test('nothing of the text and no key shows', () => {
  assert.ok(!Buffer.from(twice.data).includes('Canary'))
  assert.ok(!Buffer.from(twice.data).includes(Buffer.from(decodeEnvelope(original.data).body.subarray(-64))))
})

test('a member that seals anew cannot say of it what is not so', async () => {
  const other = await sealEnvelope({
    ...plan,
    version: at(author, 5),
    parent: version,
    author,
    roles: recipientsOf(old),
    plaintext: Buffer.from('something newer'),
  })
  const lies: [string, () => Promise<{ data: Uint8Array; version: Version; parent: Version | null }>][] = [
    ['an older version put on top', () => anew(original.data, at(author, 5), old, newer, 6)],
    [
      'another author',
      () =>
        anew(original.data, version, old, newer, 2, { standsFor: { ...standsFor, author: leader.peerId } }),
    ],
    [
      'another parent',
      () => anew(original.data, version, old, newer, 2, { standsFor: { ...standsFor, parent: null } }),
    ],
    ['another version', () => anew(other.data, at(author, 5), old, newer, 6)],
    ['it lives longer', () => anew(original.data, version, old, newer, 2, { expiresAtMs: 0 })],
    ['fewer roles', () => anew(original.data, version, old, newer.slice(0, 1), 2)],
    ['a link left out', () => anew(once.data, version, newer, newest, 3)],
  ]
  for (const [what, lie] of lies)
    await assert.rejects(
      lie().then(made => open(made, newest.concat(newer))),
      refusedAs('INTEGRITY_FAILED'),
      what,
    )
})

test('a reseal of another place is refused, and so is one whose bytes were changed', async () => {
  const moved = await anew(original.data, version, old, newer, 2, { key: otherKey })
  await assert.rejects(
    openEnvelope({
      data: moved.data,
      expected: { fleet, key: otherKey, version: moved.version, parent: version },
      identitiesOf: identitiesAmong(newer),
    }),
    refusedAs('INTEGRITY_FAILED'),
  )
  for (let place = 3; place < once.data.length; place += 7)
    await assert.rejects(open({ ...once, data: flipped(once.data, place) }, newer), `byte ${place}`)
})

test('who cannot open it cannot seal it anew, and what is damaged is not handed on', async () => {
  await assert.rejects(anew(original.data, version, newest, newer, 2), refusedAs('ROLE_DENIED'))
  await assert.rejects(
    anew(flipped(original.data, original.data.length - 1), version, old, newer, 2),
    refusedAs('INTEGRITY_FAILED'),
  )
  const dead = await sealTombstone({ ...plan, version, parent: before, author })
  await assert.rejects(anew(dead.data, version, old, newer, 2))
})

test('the largest context fits, sealed anew again', async () => {
  const large = await sealEnvelope({
    ...plan,
    version,
    parent: before,
    author,
    roles: recipientsOf(old),
    plaintext: randomBytes(plaintextBytesMax),
  })
  const first = await anew(large.data, version, old, newer, 2)
  const second = await anew(first.data, first.version, newer, newest, 3)
  assert.ok((await open(second, newest)).plaintext.length >= 1024 * 1024)
})
