// Goal: entries and checkpoints keep their bytes from release to release, come out as they went in, and bytes from outside
// never throw. Method: one example of each kind as hex, random entries, random and changed bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Hlc, RoleName } from '../../../base/ids.ts'
import { openCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import { type AuditEntry, type AuditEvent, auditText } from '../../../crypto/audit/entry.ts'
import { entryBytesMax, readEntry, writeEntry } from '../../../crypto/audit/entry-codec.ts'
import { keyFingerprint, tokenFingerprint } from '../../../crypto/audit/fingerprint.ts'
import { decodeHeader, readRecord } from '../../../crypto/audit/segment.ts'
import { decision } from './logs.ts'

const scratch = Buffer.alloc(entryBytesMax)
const encode = (entry: AuditEntry): Buffer => Buffer.from(scratch.subarray(0, writeEntry(scratch, 0, entry)))
const hlc = '0102030405060708090a0b0c' as Hlc

// Bytes of format 1: a change here is a new format.
const golden: [AuditEvent, string][] = [
  [
    decision(3),
    '000b524f4c455f44454e49454416746f6b656e3a30313233343536373839616263646566093132372e302e302e310577726974650c' +
      '73746f7265436f6e7465787405746f6b656e000000010100000000000000000000000000000000000000000000000000000000000000' +
      '0301096172636869746563740000000' +
      '2fedcba9876543210',
  ],
  [{ kind: 'checkpoint', signature: new Uint8Array(64).fill(7) }, '07'.repeat(64)],
  [{ kind: 'started', incarnation: 2, tornBytes: 3, brokenAt: 4 }, '00000002000000030000000000000004'],
  [{ kind: 'gap', lost: 5, policy: 'open' }, '000000000000000501'],
  [{ kind: 'trimmed', upTo: 6 }, '0000000000000006'],
]

test('every kind has the bytes that docs/FORMATS.md describes', () => {
  for (const [i, [event, body]] of golden.entries()) {
    const entry = { seq: 2 ** 32 + 9, hlc, event }
    const bytes = encode(entry)
    assert.equal(bytes.toString('hex'), `0${i + 1}0000000100000009${hlc}${body}`, event.kind)
    assert.deepEqual(readEntry(bytes), { entry, length: bytes.length })
  }
  assert.equal(keyFingerprint('age1example'), '7cb32448b2d52c6f')
  assert.equal(tokenFingerprint('example'), '0082073659d0b45a')
})

const text = fc.stringMatching(/^[\x21-\x7e]{1,160}$/)
const maybe = fc.option(text, { nil: null })
const entries: fc.Arbitrary<AuditEntry> = fc
  .record(
    {
      outcome: fc.constantFrom('allowed' as const, 'denied' as const),
      code: maybe,
      subject: text,
      source: maybe,
      operation: text,
      detail: maybe,
      key: fc.constant(null),
      roles: fc.array(
        fc.record(
          {
            name: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/).map(name => name as RoleName),
            keyVersion: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
            fingerprint: fc.stringMatching(/^[0-9a-f]{16}$/),
          },
          { noNullPrototype: true },
        ),
        { maxLength: 32 },
      ),
      rule: text,
      count: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    },
    { noNullPrototype: true },
  )
  .map(facts => ({ seq: 7, hlc, event: { kind: 'decision', ...facts } }))

test('entries come out as they went in, and every one fits', () => {
  fc.assert(
    fc.property(entries, entry => {
      const bytes = encode(entry)
      assert.deepEqual(readEntry(bytes)?.entry, entry)
      assert.equal(readEntry(bytes.subarray(0, -1)), null)
    }),
  )
})

test('bytes from outside are refused or read, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      readEntry(bytes)
      openCheckpoint(bytes)
      decodeHeader(bytes)
      readRecord(Buffer.from(bytes), 0, new Uint8Array(32))
    }),
  )
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(255), (entry, at, value) => {
      const bytes = encode(entry)
      bytes[at % bytes.length] = value
      readEntry(bytes)
    }),
  )
})

test('any text becomes one that an entry can hold', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), said =>
      assert.match(auditText(said), /^[\x21-\x7e]{1,160}$/),
    ),
  )
})
