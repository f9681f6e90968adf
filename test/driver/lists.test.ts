// Goal: what the peer wants listed comes back as an input, also from a disk that fails now and then. Method: a disk in
// memory whose reads fail as often as the test says, on a clock that runs by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hlc, PartitionId, PeerId } from '../../base/ids.ts'
import { headKey, hintKey, versionKey } from '../../node/driver/codec/keys.ts'
import { encodeChange } from '../../node/driver/codec/records.ts'
import { Lists } from '../../node/driver/lists.ts'
import type { Input } from '../../node/peer/step.ts'
import { type Clock, type Disk, DiskFailure } from '../../node/ports/ports.ts'
import { ballotAt, key, valueAt, versionAt } from '../replication/memory-records.ts'

const partition = (Number.parseInt(key[0]!, 16) >> 2) as PartitionId
const partitionCount = 4

function opened(failures = 0) {
  let left = failures
  const timers: { atMs: number; run: () => void }[] = []
  const stored = new Map<string, Uint8Array>()
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 1_000,
    soon: run => run(),
    at: (atMs, run) => {
      timers.push({ atMs, run })
      return () => undefined
    },
  }
  const disk: Disk = {
    write: () => assert.fail('nothing is written'),
    read: () => assert.fail('nothing is read alone'),
    scan: (from, to, limit, done) => {
      if (left-- > 0) return done(new DiskFailure('as wanted'), [])
      const inside = [...stored]
        .map(([text, value]) => ({ key: Buffer.from(text, 'hex'), value }))
        .filter(entry => Buffer.compare(entry.key, from) >= 0 && Buffer.compare(entry.key, to) < 0)
        .sort((one, two) => Buffer.compare(one.key, two.key))
      done(null, inside.slice(0, limit))
    },
  }
  const taken: Input[] = []
  const put = (diskKey: Uint8Array, value: Uint8Array = new Uint8Array()) =>
    stored.set(Buffer.from(diskKey).toString('hex'), value)
  const lists = new Lists(disk, clock, partitionCount, input => taken.push(input))
  return { lists, taken, timers, put }
}

const list = { kind: 'listRecords', list: 7, partition, limit: 10 } as const

test('heads and versions of a partition are listed until none is left', () => {
  const { lists, taken, put } = opened()
  put(headKey(key))
  put(versionKey(key, versionAt(1)))
  put(versionKey('f'.repeat(64) as typeof key, versionAt(1)))
  lists.records(list)
  const versions = [{ key, version: versionAt(1) }]
  assert.deepEqual(taken, [{ kind: 'recordsListed', list: 7, heads: [key], versions, done: false }])
  const empty = opened()
  empty.lists.records(list)
  assert.deepEqual(empty.taken, [{ kind: 'recordsListed', list: 7, heads: [], versions: [], done: true }])
})

test('a list that failed is tried again a while later, and no more after a stop', () => {
  for (const failures of [1, 2]) {
    const { lists, taken, timers } = opened(failures)
    lists.records(list)
    for (let tries = 0; tries < failures; tries++) {
      assert.equal(taken.length, 0)
      const timer = timers.shift()
      assert.ok(timer && timer.atMs > 1_000, 'a disk that fails must not be asked without a pause')
      timer.run()
    }
    assert.equal(taken.length, 1)
  }
  const { lists, taken, timers } = opened(1)
  lists.records(list)
  lists.stop()
  timers[0]!.run()
  assert.deepEqual([taken.length, timers.length], [0, 1])
})

test('a scan gives heads in order, damaged ones without a value, and a failed one gives nothing', () => {
  const { lists, taken, put } = opened()
  const { data: _, ...bare } = valueAt(3)
  const head = { accepted: ballotAt(3), value: { ...bare, data: null } }
  const change = encodeChange({ kind: 'head', key, head })
  assert.ok(change.kind === 'put')
  put(change.key, change.value)
  const later = `${key.slice(0, -1)}f` as typeof key
  put(headKey(later), Uint8Array.of(1, 2, 3))
  const scan = { kind: 'scanPartition', scan: 4, partition, after: null, limit: 10 } as const
  lists.partition(scan)
  const [found] = taken
  assert.ok(found?.kind === 'partitionScanned' && found.done && found.scan === 4)
  assert.deepEqual(
    found.entries.map(entry => [entry.key, entry.accepted, entry.value?.version ?? null]),
    [
      [key, ballotAt(3), versionAt(3)],
      [later, '0'.repeat(32), null],
    ],
  )
  lists.partition({ ...scan, after: key, limit: 1 })
  assert.ok(taken[1]?.kind === 'partitionScanned' && !taken[1].done && taken[1].entries[0]?.key === later)
  const failing = opened(1)
  failing.lists.partition(scan)
  assert.equal(failing.taken.length, 0)
})

test('versions are listed key by key', () => {
  const { lists, taken, put } = opened()
  const other = 'b'.repeat(64) as typeof key
  for (const at of [2, 1]) put(versionKey(key, versionAt(at)))
  put(versionKey('c'.repeat(64) as typeof key, versionAt(1)))
  lists.versions({ kind: 'listVersions', list: 9, keys: [key, other] })
  const versions = new Map([
    [key, [versionAt(1), versionAt(2)]],
    [other, []],
  ])
  assert.deepEqual(taken, [{ kind: 'versionsListed', list: 9, versions }])
})

test('hints are listed peer by peer', () => {
  const { lists, taken, put } = opened()
  const hint = (peer: string) => ({ peer, key, version: '5'.repeat(24) as Hlc })
  for (const peer of ['p1', 'p2']) put(hintKey(hint(peer)))
  lists.hints({ kind: 'listHints', peer: 'p2' as PeerId, limit: 10 })
  assert.deepEqual(taken, [{ kind: 'hintsListed', peer: 'p2', hints: [hint('p2')] }])
})
