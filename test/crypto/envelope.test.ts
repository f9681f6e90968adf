// Goal: what is opened is what its author sealed for this very place, or nothing. Method: round trips; every byte
// flipped with and without a fitting hash; a member who signs another's sealed bytes under his own name or for
// another place; readers with other keys; random and mutated bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import type { Version } from '../../base/ids.ts'
import { openEnvelope, readEnvelope, sealEnvelope, sealTombstone } from '../../crypto/envelope.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import {
  decodeEnvelope,
  type EnvelopeSubject,
  encodeSigned,
  encodeSubject,
} from '../../crypto/envelope-codec.ts'
import { clockTagOf, type Identity, sha256Hex, verifyBy } from '../../crypto/identity.ts'
import { plaintextBytesMax } from '../../crypto/padding.ts'
import { signingBytes } from '../../crypto/verified-envelopes.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import {
  fleet,
  flipped,
  identitiesAmong,
  key,
  newIdentity,
  otherKey,
  recipientsOf,
  refusedAs,
  roleKeys,
  versionOf,
} from './fixtures.ts'

const author = await newIdentity()
const keys = roleKeys('tester', 'admin', 'developer')
const roles = recipientsOf(keys)
const identitiesOf = identitiesAmong(keys)
const version = versionOf(author, 1_700_000_000_000)
const parent = versionOf(author, 1_600_000_000_000)
const plan = { fleet, key, version, parent, author, expiresAtMs: 1_800_000_000_000 }
const expected = { fleet, key, version, parent }
const plaintext = Buffer.from('Canary: chosen because the cache was cold. '.repeat(20))

test('a context comes back, for the holder of any one of its roles', async () => {
  const { data, hash } = await sealEnvelope({ ...plan, roles, plaintext })
  assert.equal(hash, sha256Hex(data))
  for (const held of keys) {
    const opened = await openEnvelope({ data, expected, identitiesOf: identitiesAmong([held]) })
    assert.deepEqual(Buffer.from(opened.plaintext), plaintext)
    const { bodyBytes, bodyHash, ...subject } = opened.header
    assert.deepEqual(subject, {
      format: 2,
      fleet,
      key,
      version,
      parent,
      kind: 'live',
      expiresAtMs: plan.expiresAtMs,
      author: author.peerId,
      grant: null,
      scope: null,
      standsFor: null,
      roles: ['admin', 'developer', 'tester'].map(name => ({ name, keyVersion: 1 })),
    })
    assert.ok(bodyBytes > 0 && bodyHash.length === 64)
  }
  assert.ok(!Buffer.from(data).includes('Canary'))
})

test('any plaintext and any subject come back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 2000 }),
      fc.boolean(),
      fc.nat(2 ** 31),
      fc.subarray(roles, { minLength: 1 }),
      async (bytes, first, expiresAtMs, chosen) => {
        const own = { ...plan, parent: first ? null : parent, expiresAtMs }
        const { data } = await sealEnvelope({ ...own, roles: chosen, plaintext: bytes })
        const opened = await openEnvelope({
          data,
          expected: { ...expected, parent: own.parent },
          identitiesOf,
        })
        assert.deepEqual(Buffer.from(opened.plaintext), Buffer.from(bytes))
        assert.deepEqual(readEnvelope(data), opened.header)
        assert.equal(opened.header.roles.length, chosen.length)
      },
    ),
    { numRuns: 60 },
  )
})

test('the signature is the author’s over everything but the body, under a purpose', async () => {
  const { data } = await sealEnvelope({ ...plan, roles, plaintext })
  const { signedBytes, signature, body } = decodeEnvelope(data)
  assert.ok(verifyBy(author.peerId, signingBytes(signedBytes), signature))
  assert.ok(!verifyBy(author.peerId, signedBytes, signature))
  assert.equal(signedBytes.length + 64 + body.length, data.length)
})

test('a tombstone is signed, needs no key and has no body', async () => {
  const { data, hash } = await sealTombstone({ ...plan, expiresAtMs: 0 })
  const opened = await openEnvelope({ data, expected, identitiesOf: () => [] })
  assert.equal(opened.header.kind, 'tombstone')
  assert.equal(opened.plaintext.length, 0)
  const checker = newEnvelopeChecker({ fleet, isAuthor: () => true, isGranted: () => true })
  const claim = { key, version, parent, kind: 'tombstone', hash, expiresAtMs: 0, data } as const
  assert.ok(checker.accepts(claim))
  for (let at = 0; at < data.length; at++) {
    const wrong = flipped(data, at, at % 8)
    assert.ok(!checker.accepts({ ...claim, data: wrong, hash: sha256Hex(wrong) }))
  }
})

test('one flipped bit anywhere is refused by checker and reader, even with the hash made to fit', async () => {
  const { data, hash } = await sealEnvelope({
    ...plan,
    roles: roles.slice(0, 1),
    plaintext: Buffer.from('why'),
  })
  const checker = newEnvelopeChecker({ fleet, isAuthor: () => true, isGranted: () => true })
  const claim = { key, version, parent, kind: 'live', hash, expiresAtMs: plan.expiresAtMs, data } as const
  assert.ok(checker.accepts(claim))
  for (let at = 0; at < data.length; at++) {
    const wrong = flipped(data, at, at % 8)
    assert.ok(!checker.accepts({ ...claim, data: wrong }), `byte ${at}`)
    assert.ok(!checker.accepts({ ...claim, data: wrong, hash: sha256Hex(wrong) }), `byte ${at}`)
    await assert.rejects(
      openEnvelope({ data: wrong, expected, identitiesOf }),
      at === 2 ? refusedAs('FORMAT_UNKNOWN') : refusedAs('INTEGRITY_FAILED'),
    )
  }
  for (const cut of [0, 1, 100, data.length - 1]) {
    await assert.rejects(
      openEnvelope({ data: data.subarray(0, cut), expected, identitiesOf }),
      refusedAs('INTEGRITY_FAILED'),
    )
  }
})

test('an envelope opens at no other place than its own', async () => {
  const { data } = await sealEnvelope({ ...plan, roles, plaintext })
  const places: Partial<typeof expected | { parent: null }>[] = [
    { key: otherKey },
    { fleet: '00'.repeat(32) as typeof fleet },
    { version: versionOf(author, 1_700_000_000_001) },
    { parent: versionOf(author, 1) },
  ]
  for (const place of places) {
    const ask = { data, expected: { ...expected, ...place }, identitiesOf }
    await assert.rejects(openEnvelope(ask), refusedAs('INTEGRITY_FAILED', 'Canary'))
  }
  await assert.rejects(
    openEnvelope({ data, expected: { ...expected, parent: null }, identitiesOf }),
    refusedAs('INTEGRITY_FAILED'),
  )
})

/** What a member can do with another's envelope: take the sealed bytes and sign whatever he likes about them. */
function resigned(signer: Identity, subject: Omit<EnvelopeSubject, 'author'>, body: Uint8Array): Uint8Array {
  const signed = encodeSigned(encodeSubject(subject, signer.publicKey), body)
  return Buffer.concat([signed, signer.sign(signingBytes(signed)), body])
}

test('sealed bytes signed again for another place, parent, author or set of roles are refused', async () => {
  const thief = await newIdentity()
  const { data } = await sealEnvelope({ ...plan, roles, plaintext })
  const { header, body } = decodeEnvelope(data)
  const stolen = versionOf(thief, 1_700_000_000_000)
  const forgeries: [Identity, Partial<EnvelopeSubject>][] = [
    [author, { key: otherKey }],
    [author, { fleet: '00'.repeat(32) as typeof fleet }],
    [author, { parent: null }],
    [author, { version: versionOf(author, 1_700_000_000_009) }],
    [author, { expiresAtMs: 0 }],
    [author, { roles: header.roles.map(role => ({ ...role, keyVersion: 2 })) }],
    [thief, { version: stolen }],
  ]
  const anyVersion = identitiesAmong([...keys, ...keys.map(held => ({ ...held, keyVersion: 2 }))])
  for (const [signer, lie] of forgeries) {
    const subject = { ...header, ...lie }
    const { fleet: home, key: at, version: as, parent: after } = subject
    const ask = {
      data: resigned(signer, subject, body),
      expected: { fleet: home, key: at, version: as, parent: after },
      identitiesOf: anyVersion,
    }
    await assert.rejects(openEnvelope(ask), refusedAs('INTEGRITY_FAILED', 'Canary'), JSON.stringify(lie))
  }
  const same = { data: resigned(author, header, body), expected, identitiesOf }
  assert.deepEqual(Buffer.from((await openEnvelope(same)).plaintext), plaintext)
})

test('a version with the clock tag of another process is refused', async () => {
  const thief = await newIdentity()
  const { data } = await sealEnvelope({ ...plan, roles, plaintext })
  const { header, body } = decodeEnvelope(data)
  const forged = resigned(thief, header, body)
  assert.notEqual(clockTagOf(thief.peerId), clockTagOf(author.peerId))
  await assert.rejects(openEnvelope({ data: forged, expected, identitiesOf }), refusedAs('INTEGRITY_FAILED'))
  const claim = {
    key,
    version,
    parent,
    kind: 'live',
    hash: sha256Hex(forged),
    expiresAtMs: plan.expiresAtMs,
    data: forged,
  } as const
  assert.ok(!newEnvelopeChecker({ fleet, isAuthor: () => true, isGranted: () => true }).accepts(claim))
})

test('who may not write is refused, also after the signature was checked', async () => {
  const { data, hash } = await sealEnvelope({ ...plan, roles, plaintext })
  const claim = { key, version, parent, kind: 'live', hash, expiresAtMs: plan.expiresAtMs, data } as const
  let allowed = true
  const checker = newEnvelopeChecker({
    fleet,
    isAuthor: peer => allowed && peer === author.peerId,
    isGranted: () => true,
  })
  assert.ok(checker.accepts(claim))
  allowed = false
  assert.ok(!checker.accepts(claim))
  assert.ok(
    !newEnvelopeChecker({
      fleet: '00'.repeat(32) as typeof fleet,
      isAuthor: () => true,
      isGranted: () => true,
    }).accepts(claim),
  )
  await assert.rejects(
    openEnvelope({ data, expected, identitiesOf, isAuthor: () => false }),
    refusedAs('INTEGRITY_FAILED'),
  )
})

test('without a key of its roles a reader is denied; with a wrong one the envelope is at fault', async () => {
  const { data } = await sealEnvelope({ ...plan, roles, plaintext })
  await assert.rejects(
    openEnvelope({ data, expected, identitiesOf: () => [] }),
    refusedAs('ROLE_DENIED', 'Canary'),
  )
  const otherVersion = identitiesAmong(keys.map(held => ({ ...held, keyVersion: 2 })))
  await assert.rejects(openEnvelope({ data, expected, identitiesOf: otherVersion }), refusedAs('ROLE_DENIED'))
  const stranger = X25519Identity.generate()
  await assert.rejects(
    openEnvelope({ data, expected, identitiesOf: () => [stranger] }),
    refusedAs('INTEGRITY_FAILED'),
  )
})

test('caps: context, roles and their names', async () => {
  const large = { ...plan, roles, plaintext: Buffer.alloc(plaintextBytesMax + 1) }
  await assert.rejects(sealEnvelope(large), refusedAs('TOO_LARGE'))
  await assert.rejects(sealEnvelope({ ...plan, roles: [], plaintext }), refusedAs('USAGE'))
  await assert.rejects(
    sealEnvelope({ ...plan, roles: [roles[0]!, roles[0]!], plaintext }),
    refusedAs('USAGE'),
  )
  const many = recipientsOf(roleKeys(...Array.from({ length: 33 }, (_, i) => `role-${i}`)))
  await assert.rejects(sealEnvelope({ ...plan, roles: many, plaintext }), refusedAs('USAGE'))
  const most = recipientsOf(
    roleKeys(
      ...Array.from(
        { length: 32 },
        (_, i) => `${'r'.repeat(30)}${String.fromCharCode(97 + (i >> 4))}${(i & 15).toString(16)}`,
      ),
    ),
  )
  const noise = Buffer.concat(
    Array.from({ length: plaintextBytesMax >> 5 }, (_, i) => Buffer.from(sha256Hex(String(i)), 'hex')),
  )
  const { data } = await sealEnvelope({ ...plan, roles: most, plaintext: noise })
  assert.equal(readEnvelope(data).roles.length, 32)
})

test('any bytes are read or end in a SlurpError, and the checker never throws', async () => {
  const { data } = await sealEnvelope({ ...plan, roles, plaintext: Buffer.from('x') })
  const checker = newEnvelopeChecker({ fleet, isAuthor: () => true, isGranted: () => true })
  const mutated = fc
    .tuple(fc.nat(data.length), fc.nat(data.length), fc.uint8Array({ maxLength: 60 }))
    .map(([from, to, filling]) => Buffer.concat([data.subarray(0, from), filling, data.subarray(to)]))
  const begun = fc.uint8Array({ maxLength: 500 }).map(rest => Buffer.concat([data.subarray(0, 3), rest]))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 500 }), mutated, begun), async bytes => {
      const refused = (failure: unknown) => assert.ok(failure instanceof SlurpError, String(failure))
      try {
        readEnvelope(bytes)
      } catch (failure) {
        refused(failure)
      }
      const claim = {
        key,
        version,
        parent: plan.parent,
        kind: 'live',
        hash: sha256Hex(bytes),
        expiresAtMs: plan.expiresAtMs,
        data: bytes,
      } as const
      const genuine = Buffer.compare(bytes, data) === 0
      assert.equal(checker.accepts(claim), genuine)
      if (!genuine) await assert.rejects(openEnvelope({ data: bytes, expected, identitiesOf }), SlurpError)
    }),
    { numRuns: 500 },
  )
  const absurd = {
    key,
    version,
    parent: null as Version | null,
    kind: 'live',
    hash: '',
    expiresAtMs: 0,
    data: 'text' as never,
  } as const
  assert.equal(checker.accepts(absurd), false)
})
