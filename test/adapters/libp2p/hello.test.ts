import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FleetId } from '../../../base/ids.ts'
import {
  commonVersion,
  decodeHelloMessage,
  encodeHello,
  encodeRefusal,
  type Hello,
  objection,
  refusalReasons,
} from '../../../node/adapters/libp2p/hello.ts'

const plain = { noNullPrototype: true }
const range = fc
  .tuple(fc.nat(0xffff), fc.nat(0xffff))
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))
const hello: fc.Arbitrary<Hello> = fc.record(
  {
    versions: range,
    fleet: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map(bytes => Buffer.from(bytes).toString('hex') as FleetId),
    incarnation: fc.nat(0xffff_ffff),
    epoch: fc.maxSafeNat(),
    grant: fc.string({ unit: fc.constantFrom('a', 'Z', '-', '_', '.', '\n'), maxLength: 300 }),
  },
  plain,
)

// Goal: what is said is what is heard, and newer versions may say more. Method: round trip with bytes added.
test('a hello comes out as it went in, whatever a newer version appends', () => {
  fc.assert(
    fc.property(hello, fc.uint8Array({ maxLength: 50 }), (said, appended) => {
      const body = encodeHello(said).subarray(2)
      assert.deepEqual(decodeHelloMessage(body), { kind: 'hello', hello: said })
      const longer = new Uint8Array([...body, ...appended])
      assert.deepEqual(decodeHelloMessage(longer), { kind: 'hello', hello: said })
    }),
  )
})

test('every refusal comes out as it went in', () => {
  for (const reason of refusalReasons) {
    assert.deepEqual(decodeHelloMessage(encodeRefusal(reason).subarray(2)), { kind: 'refusal', reason })
  }
})

// Goal: no bytes of a stranger trip the decoder. Method: random bytes, cut and changed hellos.
test('malformed hellos decode to null or to something valid, never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), bytes => void decodeHelloMessage(bytes)))
  fc.assert(
    fc.property(hello, fc.nat(60), fc.nat(52), fc.nat(255), (said, length, at, value) => {
      const body = encodeHello(said).subarray(2)
      assert.equal(decodeHelloMessage(body.subarray(0, Math.min(length, body.length - 1))), null)
      body[at] = value
      const heard = decodeHelloMessage(body)
      if (heard?.kind === 'hello') assert.ok(heard.hello.versions.from <= heard.hello.versions.to)
    }),
  )
})

// Goal: both sides come to the same version or the same refusal. Method: random ranges, both ways round.
test('the common version is symmetric and within both ranges', () => {
  fc.assert(
    fc.property(hello, hello, (a, b) => {
      const version = commonVersion(a.versions, b.versions)
      assert.equal(version, commonVersion(b.versions, a.versions))
      if (version !== null) {
        for (const { versions } of [a, b]) assert.ok(version >= versions.from && version <= versions.to)
      }
      assert.equal(objection(a, b), objection(b, a))
      assert.equal(objection(a, { ...b, fleet: a.fleet }), version === null ? 'versionUnsupported' : null)
    }),
  )
})
