// Goal: a decision whose promise resolved is in the log; what cannot be recorded is refused or counted, by policy; nothing
// waits for ever. Method: the real sink on real files; disks that are full or hang, in a wrapper and as a small tmpfs.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AuditPage, readAll, readPage, verifyLog } from '../../../node/audit/log-reader.ts'
import type { AuditRecord } from '../../../node/audit/records.ts'
import { FolderStorage } from '../../../node/audit/storage.ts'
import { allowed, FaultyStorage, newDir, openSink, until } from './sinks.ts'

const unavailable = { code: 'AUDIT_UNAVAILABLE', httpStatus: 503 }
const kindsOf = ({ entries }: AuditPage) => entries.map(({ kind }) => kind)
const whole = async (dir: string) => {
  const report = await verifyLog(new FolderStorage(dir), {})
  assert.equal(report.broken, null, report.broken?.detail ?? '')
  return report
}

test('what was promised is in the files, which only their owner reads', async t => {
  const dir = newDir(t)
  const { sink, identity } = await openSink(t, dir)
  await Promise.all(Array.from({ length: 3000 }, () => sink.decided(allowed)))
  // Not stopped: as if the process were killed now.
  const report = await verifyLog(new FolderStorage(dir), { peer: identity.peerId })
  assert.equal(report.broken, null)
  assert.ok(report.lastSeq >= 3001, `${report.lastSeq}`)
  for (const name of readdirSync(dir)) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
})

test('a checkpoint is told, and covers what was recorded', async t => {
  const dir = newDir(t)
  const { sink, checkpoints } = await openSink(t, dir)
  await sink.decided(allowed)
  await until('a checkpoint over it', () => (checkpoints.at(-1)?.seq ?? 0) >= 2)
  const report = await verifyLog(new FolderStorage(dir), { held: checkpoints })
  assert.equal(report.broken, null)
  assert.equal(report.heldMatched, checkpoints.length)
})

test('an idle log does not grow', async t => {
  const { sink, checkpoints } = await openSink(t, newDir(t))
  await until('the first checkpoint', () => checkpoints.length > 0)
  const { seq } = checkpoints[0]!
  sink.refused({ code: 'TOKEN_WRONG', subject: 'stranger', source: null, operation: 'call', rule: 'token' })
  await until('the next checkpoint', () => checkpoints.length > 1)
  assert.deepEqual([checkpoints.length, checkpoints[1]!.seq - seq], [2, 2])
})

test('a log goes on after a stop', async t => {
  const dir = newDir(t)
  const first = await openSink(t, dir)
  await first.sink.decided(allowed)
  await first.sink.stop(1000)
  assert.equal((await whole(dir)).signedTo, (await whole(dir)).lastSeq - 1)
  const second = await openSink(t, dir, { identity: first.identity, incarnation: 2 })
  await second.sink.decided(allowed)
  await second.sink.stop(1000)
  const page = await readPage(new FolderStorage(dir), {}, 100)
  assert.equal(kindsOf(page).filter(kind => kind === 'started').length, 2)
  await whole(dir)
  await assert.rejects(second.sink.decided(allowed), unavailable)
})

async function begun(t: TestContext, entries: number) {
  const dir = newDir(t)
  const { sink, identity } = await openSink(t, dir)
  for (let i = 0; i < entries; i++) await sink.decided(allowed)
  await sink.stop(1000)
  const name = readdirSync(dir).sort().at(-1)!
  return { dir, identity, path: join(dir, name), name }
}

test('a tail torn by a crash is cut off, noted, and gone on from', async t => {
  for (const torn of [1, 3, 40, 100]) {
    const { dir, identity, path } = await begun(t, 3)
    truncateSync(path, statSync(path).size - torn)
    const before = await whole(dir)
    assert.ok(before.tornBytes > 0)
    const { sink, tornBytes, brokenAt } = await openSink(t, dir, { identity, incarnation: 2 })
    assert.deepEqual([tornBytes, brokenAt], [before.tornBytes, 0])
    await sink.decided(allowed)
    const report = await whole(dir)
    assert.equal(report.tornBytes, 0)
    const started = (await readPage(new FolderStorage(dir), {}, 100)).entries.findLast(
      ({ kind }) => kind === 'started',
    )
    assert.deepEqual(started && { ...started, at: '', hlc: '', hash: '' }, {
      seq: before.lastSeq + 1,
      at: '',
      hlc: '',
      hash: '',
      kind: 'started',
      incarnation: 2,
      tornBytes: before.tornBytes,
      brokenAt: 0,
    })
  }
})

test('zeros and a segment without a header, as a power cut leaves them, are torn and not broken', async t => {
  const { dir, identity, path } = await begun(t, 3)
  appendFileSync(path, Buffer.alloc(300))
  writeFileSync(join(dir, '0000000000000999.audit'), Buffer.alloc(20))
  const { sink, brokenAt, tornBytes } = await openSink(t, dir, { identity })
  assert.deepEqual([brokenAt, tornBytes], [0, 300])
  await sink.decided(allowed)
  await whole(dir)
})

test('what was changed is left as it is, named, and the log goes on in a new segment', async t => {
  const { dir, identity, path } = await begun(t, 5)
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('127.0.0.1')]! ^= 1
  writeFileSync(path, bytes)
  const { broken } = await verifyLog(new FolderStorage(dir), {})
  const { sink, brokenAt, tornBytes } = await openSink(t, dir, { identity })
  assert.deepEqual([brokenAt, tornBytes], [broken?.seq, 0])
  assert.equal(broken?.what, 'changed')
  await sink.decided(allowed)
  assert.deepEqual(readFileSync(path), bytes)
  assert.equal(readdirSync(dir).length, 2)
  assert.deepEqual((await verifyLog(new FolderStorage(dir), {})).broken, broken)
})

test('a log that grows too large lets its start go, says so, and stays whole', async t => {
  const dir = newDir(t)
  const bytesMax = 1024 * 1024
  const { sink, checkpoints } = await openSink(t, dir, { bytesMax })
  for (let round = 0; round < 40; round++)
    await Promise.all(
      Array.from({ length: 500 }, () => sink.decided({ ...allowed, detail: 'x'.repeat(100) })),
    )
  await sink.stop(1000)
  const sizes = readdirSync(dir).map(name => statSync(join(dir, name)).size)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  assert.ok(bytes <= bytesMax * 1.3, `${bytes}`)
  assert.ok(sink.counters().auditSegmentsTrimmed! > 0)
  const report = await verifyLog(new FolderStorage(dir), { held: checkpoints })
  assert.equal(report.broken, null, report.broken?.detail ?? '')
  assert.ok(report.firstSeq > 1)
  // More than the log admits cannot go unnoticed.
  const storage = new FolderStorage(dir)
  await storage.remove((await storage.list())[0]!.name)
  assert.equal((await verifyLog(storage, {})).broken?.what, 'missing')
})

test('closed: on a full disk whoever asks is refused, the reason shows, and the log goes on when there is room', async t => {
  const dir = newDir(t)
  const storage = new FaultyStorage(dir)
  const { sink, told } = await openSink(t, dir, { storage })
  await sink.decided(allowed)
  storage.free = 30
  await assert.rejects(sink.decided(allowed), unavailable)
  assert.match(sink.reason ?? '', /full \(ENOSPC\)/)
  assert.throws(() => sink.check(), unavailable)
  await assert.rejects(sink.decided(allowed), unavailable)
  storage.free = Number.POSITIVE_INFINITY
  await until('recovery', () => sink.reason === null)
  await sink.decided(allowed)
  assert.deepEqual(
    told.map(each => each.split(':')[0]),
    ['failing', 'recovered'],
  )
  const report = await whole(dir)
  assert.deepEqual([report.lost, sink.counters().auditRefused, sink.counters().auditUnaudited], [3, 3, 0])
})

test('open: on a full disk requests go through and are counted, and the log says how many', async t => {
  const dir = newDir(t)
  const storage = new FaultyStorage(dir)
  const { sink } = await openSink(t, dir, { storage, policy: 'open' })
  await sink.decided(allowed)
  storage.free = 0
  await Promise.all([sink.decided(allowed), sink.decided(allowed)])
  sink.check()
  await sink.decided(allowed)
  assert.equal(sink.counters().auditUnaudited, 3)
  assert.notEqual(sink.reason, null)
  storage.free = Number.POSITIVE_INFINITY
  await until('recovery', () => sink.reason === null)
  assert.equal((await whole(dir)).lost, 3)
})

test('a sink starts on a full disk, refuses, and begins its log when there is room', async t => {
  const dir = newDir(t)
  const storage = new FaultyStorage(dir)
  storage.free = 0
  const { sink } = await openSink(t, dir, { storage })
  await until('the reason', () => sink.reason !== null)
  await assert.rejects(sink.decided(allowed), unavailable)
  storage.free = Number.POSITIVE_INFINITY
  await until('recovery', () => sink.reason === null)
  await sink.decided(allowed)
  const report = await whole(dir)
  assert.deepEqual([report.firstSeq, report.lost], [1, 1])
  const [first] = (await readPage(new FolderStorage(dir), {}, 100)).entries
  assert.equal(first?.kind, 'started')
})

for (const policy of ['closed', 'open'] as const) {
  test(`${policy}: a disk that hangs keeps nobody waiting, not at the stop either`, async t => {
    const dir = newDir(t)
    const storage = new FaultyStorage(dir)
    const { sink } = await openSink(t, dir, { storage, policy, stallMs: 100 })
    await sink.decided(allowed)
    const { promise, resolve } = Promise.withResolvers<void>()
    storage.hang = promise
    const waiting = [sink.decided(allowed), sink.decided(allowed)]
    const ended = await Promise.allSettled(waiting)
    assert.deepEqual(
      ended.map(({ status }) => status),
      policy === 'closed' ? ['rejected', 'rejected'] : ['fulfilled', 'fulfilled'],
    )
    assert.match(sink.reason ?? '', /hangs/)
    await sink.stop(50)
    resolve()
  })
}

test('a hang that ends is recovered from', async t => {
  const dir = newDir(t)
  const storage = new FaultyStorage(dir)
  const { sink } = await openSink(t, dir, { storage, stallMs: 100 })
  await sink.decided(allowed)
  const { promise, resolve } = Promise.withResolvers<void>()
  storage.hang = promise
  await assert.rejects(sink.decided(allowed), unavailable)
  resolve()
  await until('recovery', () => sink.reason === null)
  await sink.decided(allowed)
  await whole(dir)
})

for (const policy of ['closed', 'open'] as const) {
  test(`${policy}: the queue has an end`, async t => {
    const dir = newDir(t)
    const { sink } = await openSink(t, dir, { policy, queueMax: 10, tickMs: 100_000 })
    const ended = await Promise.allSettled(Array.from({ length: 50 }, () => sink.decided(allowed)))
    const refused = ended.filter(({ status }) => status === 'rejected').length
    // The note of the start has a place in it too.
    assert.equal(refused, policy === 'closed' ? 41 : 0)
    assert.equal(sink.counters()[policy === 'closed' ? 'auditRefused' : 'auditUnaudited'], 41)
    assert.equal(sink.reason, null)
    await sink.decided(allowed)
    await whole(dir)
  })
}

test('after a failed sync nothing is promised any more until a new start', async t => {
  const dir = newDir(t)
  const storage = new FaultyStorage(dir)
  const { sink, checkpoints, identity } = await openSink(t, dir, { storage })
  storage.syncFails = true
  await until('the reason', () => sink.reason !== null)
  storage.syncFails = false
  assert.deepEqual(checkpoints, [])
  await assert.rejects(sink.decided(allowed), unavailable)
  await sink.stop(1000)
  const again = await openSink(t, dir, { identity })
  await again.sink.decided(allowed)
})

test('always: an answer waits for the disk', async t => {
  const storage = new FaultyStorage(newDir(t))
  const { sink } = await openSink(t, newDir(t), { storage, sync: 'always', tickMs: 100_000 })
  await sink.decided(allowed)
  assert.ok(sink.counters().auditSyncs! >= 1)
})

test('a flood of refusals takes a few entries, and all of them are counted', async t => {
  const dir = newDir(t)
  const { sink, checkpoints } = await openSink(t, dir)
  for (let i = 0; i < 20_000; i++) {
    const [source, subject] = [`10.0.${i % 200}.1`, `peer:${i}`]
    sink.refused({ code: 'notMember', subject, source, operation: 'connect', rule: 'member' })
  }
  await until('a checkpoint over them', () => (checkpoints.at(-1)?.seq ?? 0) > 60)
  const { entries } = await readPage(new FolderStorage(dir), { outcome: 'denied' }, 1000)
  assert.equal(entries.length, 65)
  assert.equal(
    entries.reduce((sum, entry) => sum + (entry.kind === 'decision' ? entry.count : 0), 0),
    20_000,
  )
})

test('texts from outside cannot break an entry or a line', async t => {
  const dir = newDir(t)
  const { sink, checkpoints } = await openSink(t, dir)
  const subject = `peer:\n{"outcome":"allowed"}\u202e\u0000${'x'.repeat(5000)}`
  sink.refused({ code: 'notMember', subject, source: ' \n', operation: 'connect', rule: 'member' })
  await until('a checkpoint over it', () => (checkpoints.at(-1)?.seq ?? 0) >= 2)
  const [entry] = (await readPage(new FolderStorage(dir), { outcome: 'denied' }, 10)).entries
  assert.ok(entry?.kind === 'decision')
  assert.match(entry.subject, /^[\x21-\x7e]{160}$/)
  assert.equal(entry.source, '??')
})

test('pages go back to the start, filters hold, and an export has every entry', async t => {
  const dir = newDir(t)
  const { sink } = await openSink(t, dir, { bytesMax: 1024 * 1024 })
  for (let i = 0; i < 12; i++)
    await Promise.all(Array.from({ length: 100 }, () => sink.decided({ ...allowed, subject: `agent:${i}` })))
  await sink.stop(1000)
  const storage = new FolderStorage(dir)
  assert.ok((await storage.list()).length > 1)
  const seqs: number[] = []
  let before: number | undefined
  for (;;) {
    const page = await readPage(storage, {}, 77, before)
    seqs.unshift(...page.entries.map(({ seq }) => seq))
    if (page.before === null) break
    before = page.before
  }
  const { lastSeq } = await whole(dir)
  assert.deepEqual(
    seqs,
    Array.from({ length: lastSeq }, (_, i) => i + 1),
  )
  const some = await readPage(
    storage,
    { subject: 'agent:3', operation: 'write', outcome: 'allowed', role: 'architect' },
    1000,
  )
  assert.equal(some.entries.length, 100)
  assert.equal((await readPage(storage, { role: 'tester' }, 1000)).entries.length, 0)
  const exported: AuditRecord[] = []
  for await (const record of readAll(storage, 700)) exported.push(record)
  assert.deepEqual(
    exported.map(({ seq }) => seq),
    seqs.slice(700),
  )
})

test('a real disk that is full: refused, then recorded again', async t => {
  const dir = join(newDir(t), 'small')
  mkdirSync(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    t.skip('only root may mount a small disk')
    return
  }
  try {
    const { sink } = await openSink(t, dir)
    await sink.decided(allowed)
    const filler = join(dir, 'filler')
    assert.throws(() => writeFileSync(filler, Buffer.alloc(1024 * 1024)), { code: 'ENOSPC' })
    const ended = await Promise.allSettled(Array.from({ length: 200 }, () => sink.decided(allowed)))
    assert.equal(ended.at(-1)?.status, 'rejected')
    assert.match(sink.reason ?? '', /ENOSPC/)
    truncateSync(filler, 0)
    await until('recovery', () => sink.reason === null)
    await sink.decided(allowed)
    const report = await whole(dir)
    assert.ok(report.lost > 0)
    await sink.stop(1000)
  } finally {
    execFileSync('umount', ['-l', dir])
  }
})
