// Goal: replicas that differ are told apart by who is behind and who is ahead, and equal ones pass. Method: replicas
// made by hand, and real ones: the database of a peer, written by the product's own disk and codec.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ContextKey } from '../../base/ids.ts'
import { openLevelDisk } from '../../node/adapters/level-disk/open-level-disk.ts'
import { encodeChange } from '../../node/driver/codec/records.ts'
import { compareReplicas, type Replica } from '../../sim/chaos/after/compare.ts'
import { readReplica } from '../../sim/chaos/after/replica-disk.ts'
import { ballotAt, valueAt, versionAt } from '../replication/memory-records.ts'

const key = 'a'.repeat(64) as ContextKey
const ownership = [['p1', 'p2', 'p3']]
const head = (at: number, chain = [at]) => ({
  accepted: ballotAt(at),
  version: versionAt(at),
  chain: chain.map(each => ({ version: versionAt(each), bytes: 100 })),
})
const replica = (at: number | null | 'damaged'): Replica =>
  new Map(at === null ? [] : [[key, at === 'damaged' ? at : head(at)]])
const compare = (...held: (number | null | 'damaged')[]) =>
  compareReplicas(new Map(held.map((at, index) => [`p${index + 1}`, replica(at)])), ownership)

test('equal replicas pass, whoever else holds the key', () => {
  const { keys, behind, ahead } = compare(5, 5, 5, null)
  assert.deepEqual([keys, behind, ahead], [1, [], []])
})

test('an owner that lacks what a majority holds is behind', () => {
  for (const held of [
    [7, 7, 5],
    [null, 7, 7],
    [7, 'damaged', 7],
  ] as const) {
    const { behind, ahead } = compare(...held)
    assert.deepEqual([behind.length, ahead.length], [1, 0], String(held))
  }
  assert.match(compare(null, 7, 7).behind[0]!.what, /p1 nothing/)
})

test('an owner with a value that no majority holds is ahead', () => {
  const { behind, ahead } = compare(5, 5, 7)
  assert.deepEqual([behind.length, ahead.length], [0, 1])
})

test('older versions that one owner lacks are counted', () => {
  const replicas = new Map([
    ['p1', new Map([[key, head(7, [7, 5, 3])]])],
    ['p2', new Map([[key, head(7)]])],
    ['p3', new Map([[key, head(7, [7, 5])]])],
  ])
  assert.deepEqual(compareReplicas(replicas, ownership).holes, 3)
})

test('what a peer has on its disk is read as it was written', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-compare-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const opened = await openLevelDisk({ dir: join(dir, 'data'), expectExisting: false })
  const value = { ...valueAt(7), parent: versionAt(5) }
  const { recentOps: _ops, opsFloor: _floor, ...record } = value
  const changes = [
    encodeChange({ kind: 'head', key, head: { accepted: ballotAt(8), value } }),
    encodeChange({ kind: 'version', key, record }),
  ]
  await new Promise<void>((resolve, reject) =>
    opened.disk.write(changes, failure => (failure === null ? resolve() : reject(failure))),
  )
  await opened.close()
  assert.deepEqual(
    [...(await readReplica(dir))],
    [
      [
        key,
        {
          accepted: ballotAt(8),
          version: versionAt(7),
          chain: [{ version: versionAt(7), bytes: record.data!.length }],
        },
      ],
    ],
  )
})
