import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { type ContextKey, controlKey, type Hlc, isControlKey, type PartitionId } from '../../../base/ids.ts'
import { controlPartition } from '../../../dht/keyspace.ts'
import {
  headKey,
  headRange,
  hintKey,
  hintRange,
  parseHeadKey,
  parseHintKey,
  parseVersionKey,
  partitionKey,
  versionKey,
  versionRange,
  versionsRange,
} from '../../../node/driver/codec/keys.ts'
import { DecodeError } from '../../../node/driver/codec/reader.ts'
import {
  decodeHead,
  decodePartition,
  decodeVersion,
  encodeChange,
  hintIsWhole,
} from '../../../node/driver/codec/records.ts'
import { changes, contextKey, hlc, peerId } from './arbitraries.ts'

type Stored = { key: Uint8Array; value: Uint8Array }

function stored(change: Parameters<typeof encodeChange>[0]): Stored {
  const made = encodeChange(change)
  assert.equal(made.kind, 'put')
  return made as Stored
}

const decoders = {
  head: decodeHead,
  version: decodeVersion,
  partition: decodePartition,
  hint: (key: Uint8Array, value: Uint8Array) => (hintIsWhole(key, value) ? {} : 'damaged'),
}

// Goal: a record read back is the record written. Method: random records of each kind.
test('heads, versions, partitions and hints survive', () => {
  fc.assert(
    fc.property(changes.head, ({ kind, key, head }) => {
      const { key: at, value } = stored({ kind, key, head })
      assert.deepStrictEqual(decodeHead(at, value), head)
      assert.deepStrictEqual(at, headKey(key))
      assert.equal(parseHeadKey(at), key)
    }),
  )
  fc.assert(
    fc.property(changes.version, ({ kind, key, record }) => {
      const { key: at, value } = stored({ kind, key, record })
      assert.deepStrictEqual(decodeVersion(at, value), record)
      assert.deepStrictEqual(at, versionKey(key, record.version))
    }),
  )
  fc.assert(
    fc.property(changes.partition, ({ kind, partition, record }) => {
      const { key: at, value } = stored({ kind, partition, record })
      assert.deepStrictEqual(decodePartition(at, value), record)
      assert.deepStrictEqual(at, partitionKey(partition))
    }),
  )
  fc.assert(
    fc.property(changes.hint, ({ kind, hint }) => {
      const { key: at, value } = stored({ kind, hint })
      assert.ok(hintIsWhole(at, value))
      assert.deepStrictEqual(parseHintKey(at), hint)
      assert.deepStrictEqual(encodeChange({ kind: 'hintDone', hint }), { kind: 'delete', key: at })
    }),
  )
})

test('a head is written without data, and a dropped head is deleted', () => {
  fc.assert(
    fc.property(changes.head, fc.uint8Array({ minLength: 1 }), ({ kind, key, head }, data) => {
      const withData = { ...head, value: { ...head.value, data } }
      assert.deepStrictEqual(stored({ kind, key, head: withData }), stored({ kind, key, head }))
      assert.deepStrictEqual(encodeChange({ kind: 'headDropped', key }), {
        kind: 'delete',
        key: headKey(key),
      })
    }),
  )
})

// Goal: no damage passes as a record. Method: flip any bits of one byte, cut anywhere, swap keys, random bytes.
test('a changed byte, a cut or another key is damage', () => {
  for (const kind of ['head', 'version', 'partition', 'hint'] as const) {
    fc.assert(
      fc.property(
        changes[kind] as fc.Arbitrary<Parameters<typeof encodeChange>[0]>,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (change, place, flip) => {
          const { key, value } = stored(change)
          const at = place % value.length
          const decode = decoders[kind]
          assert.equal(decode(key, value.with(at, value[at]! ^ flip)), 'damaged')
          assert.equal(decode(key, value.subarray(0, at)), 'damaged')
          const keyAt = place % key.length
          assert.equal(decode(key.with(keyAt, key[keyAt]! ^ flip), value), 'damaged')
        },
      ),
    )
  }
})

test('random bytes are damage, with a right checksum too', () => {
  fc.assert(
    fc.property(contextKey, fc.uint8Array({ maxLength: 120 }), (key, payload) => {
      const at = headKey(key)
      assert.equal(decodeHead(at, payload), 'damaged')
      const sum = crc32(payload, crc32(Uint8Array.of(1), crc32(at)))
      const value = new Uint8Array(5 + payload.length)
      value[0] = 1
      new DataView(value.buffer).setUint32(1, sum)
      value.set(payload, 5)
      assert.equal(decodeHead(at, value), 'damaged', 'noise that parses as a head')
    }),
    { numRuns: 1000 },
  )
})

test('a whole record of a later format is named, not called damaged', () => {
  const at = partitionKey(3 as PartitionId)
  const value = new Uint8Array(6)
  value[0] = 77
  new DataView(value.buffer).setUint32(1, crc32(value.subarray(5), crc32(Uint8Array.of(77), crc32(at))))
  assert.throws(() => decodePartition(at, value), { code: 'FORMAT_UNKNOWN', message: /77/ })
})

// Goal: ranges hold exactly what they promise. Method: compare with the definition on random keys.
test('heads of a partition form one range, ordered by context key', () => {
  const partitionCount = fc.nat(12).map(bits => 2 ** bits)
  fc.assert(
    fc.property(contextKey, contextKey, partitionCount, fc.nat(), (key, after, partitions, pick) => {
      fc.pre(!isControlKey(key))
      const partition = (pick % partitions) as PartitionId
      const { from, to } = headRange(partition, partitions, null)
      const owner = Math.floor(Number.parseInt(key.slice(0, 4), 16) / (0x10000 / partitions))
      assert.equal(within(headKey(key), from, to), owner === partition)
      const rest = headRange(partition, partitions, after)
      assert.equal(within(headKey(key), rest.from, rest.to), owner === partition && key > after)
      assert.equal(Math.sign(Buffer.compare(headKey(key), headKey(after))), order(key, after))
    }),
    { numRuns: 500 },
  )
})

test('the ends of the key space belong to the first and the last partition', () => {
  const lowest = '0'.repeat(64) as ContextKey
  const highest = 'f'.repeat(59).concat('effff') as ContextKey
  for (const partitions of [1, 2, 256, 4096]) {
    const first = headRange(0 as PartitionId, partitions, null)
    const last = headRange((partitions - 1) as PartitionId, partitions, null)
    assert.ok(within(headKey(lowest), first.from, first.to))
    assert.ok(within(headKey(highest), last.from, last.to))
    const behind = headRange((partitions - 1) as PartitionId, partitions, highest)
    assert.ok(!within(headKey(highest), behind.from, behind.to))
  }
})

test('control registers are a range of their own, behind those of all partitions', () => {
  for (const number of [0, 1, 0xffff]) {
    const [head, version] = [
      headKey(controlKey(number)),
      versionKey(controlKey(number), '7'.repeat(24) as Hlc),
    ]
    for (const partitions of [1, 2, 256, 4096]) {
      const heads = headRange(controlPartition, partitions, null)
      const versions = versionsRange(controlPartition, partitions)
      assert.ok(within(head, heads.from, heads.to) && within(version, versions.from, versions.to))
      const last = (partitions - 1) as PartitionId
      const [lastHeads, lastVersions] = [headRange(last, partitions, null), versionsRange(last, partitions)]
      assert.ok(!within(head, lastHeads.from, lastHeads.to))
      assert.ok(!within(version, lastVersions.from, lastVersions.to))
    }
  }
})

test('versions of a partition form one range, and a key of one gives back what it was made of', () => {
  const partitionCount = fc.nat(12).map(bits => 2 ** bits)
  fc.assert(
    fc.property(contextKey, hlc, partitionCount, fc.nat(), (key, version, partitions, pick) => {
      fc.pre(!isControlKey(key))
      const partition = (pick % partitions) as PartitionId
      const { from, to } = versionsRange(partition, partitions)
      const owner = Math.floor(Number.parseInt(key.slice(0, 4), 16) / (0x10000 / partitions))
      assert.equal(within(versionKey(key, version), from, to), owner === partition)
      assert.deepStrictEqual(parseVersionKey(versionKey(key, version)), { key, version })
    }),
  )
})

test('versions of one key and hints of one peer form one range each, versions oldest first', () => {
  fc.assert(
    fc.property(contextKey, contextKey, hlc, hlc, peerId, peerId, (key, other, one, two, peer, otherPeer) => {
      const versions = versionRange(key)
      assert.ok(within(versionKey(key, one), versions.from, versions.to))
      assert.equal(within(versionKey(other, one), versions.from, versions.to), key === other)
      assert.equal(Math.sign(Buffer.compare(versionKey(key, one), versionKey(key, two))), order(one, two))
      const hints = hintRange(peer)
      const owed = (to: string) => hintKey({ peer: to, key, version: one })
      assert.ok(within(owed(peer), hints.from, hints.to))
      assert.equal(within(owed(otherPeer), hints.from, hints.to), peer === otherPeer)
    }),
  )
  const full = 'f'.repeat(64) as ContextKey
  const range = versionRange(full)
  assert.ok(within(versionKey(full, 'f'.repeat(24) as never), range.from, range.to))
})

test('keys of other kinds and random keys are refused', () => {
  fc.assert(
    fc.property(contextKey, fc.uint8Array({ maxLength: 60 }), (key, noise) => {
      assert.throws(() => parseHintKey(headKey(key)), DecodeError)
      assert.throws(() => parseHeadKey(noise.length === 33 ? noise.subarray(1) : noise), DecodeError)
    }),
  )
})

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const within = (key: Uint8Array, from: Uint8Array, to: Uint8Array) =>
  Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0
