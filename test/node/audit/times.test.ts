// Goal: the times of a log run forward whatever the clock of its machine does, so that a clock that was set right accuses
// nobody. Method: the real sink on real files, under clocks that jump between its starts.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Checkpoint, encodeCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import { HeldCheckpoints } from '../../../node/audit/held-checkpoints.ts'
import { readPage } from '../../../node/audit/log-reader.ts'
import { FolderStorage } from '../../../node/audit/storage.ts'
import { fleet, newIdentity } from '../../crypto/audit/logs.ts'
import { allowed, newDir, openSink } from './sinks.ts'

test('the times of a log never run back, whatever the clock of the machine does, also over a restart', async t => {
  const dir = newDir(t)
  const identity = await newIdentity()
  const checkpoints: Checkpoint[] = []
  const nowMs = Date.now()
  for (const [boot, offMs] of [3_600_000, 0, -3_600_000].entries()) {
    const opened = await openSink(t, dir, { identity, incarnation: boot + 1, wallMs: () => nowMs + offMs })
    await opened.sink.decided(allowed)
    await opened.sink.stop(1000)
    checkpoints.push(...opened.checkpoints)
  }
  const times = (await readPage(new FolderStorage(dir), {}, 100)).entries.map(({ hlc }) => hlc)
  assert.deepEqual(times, times.toSorted())
  const held = await HeldCheckpoints.open(join(dir, 'held'), fleet, () => true)
  const heard = checkpoints.map(each =>
    held.hear(identity.peerId, encodeCheckpoint(each, identity.publicKey)),
  )
  assert.deepEqual([checkpoints.length >= 3, ...new Set(heard)], [true, 'kept'])
})

test('a time that somebody changed does not stop the log', async t => {
  const dir = newDir(t)
  const { sink, identity } = await openSink(t, dir, { wallMs: () => 2 ** 48 - 1 })
  await sink.decided(allowed)
  await sink.stop(1000)
  const again = await openSink(t, dir, { identity, incarnation: 2 })
  await again.sink.decided(allowed)
  await again.sink.stop(1000)
  const { entries } = await readPage(new FolderStorage(dir), {}, 100)
  assert.ok(Date.parse(entries.findLast(({ kind }) => kind === 'started')!.at) <= Date.now())
})
