// Goal: what peers answered is on record after a kill -9, others hold what a peer signed, and a tail that is cut off shows.
// Method: a real fleet under writes, one peer killed and started again; then copies of its log are attacked and checked
// with the command line alone.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { headerBytes } from '../../crypto/audit/segment.ts'
import { Fleet, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-audit-e2e-'))
let fleet: Fleet
before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

const addressOf = (i: number) => `ucxl://any:any@notes:any/*^/n${i}`

test('whatever was answered before a kill -9 is in the log, and the chain goes on', async () => {
  let answered = 0
  let killed = false
  const writer = async (lane: number) => {
    for (let i = 0; !killed; i++) {
      const path = fleet.context(addressOf(lane * 100_000 + i))
      const { status } = await fleet.call('p1', 'PUT', path, { summary: 'x' }).catch(() => ({ status: 0 }))
      if (status === 200) answered += 1
    }
  }
  const writers = [0, 1, 2, 3].map(writer)
  await until('some writes', () => answered > 200)
  await fleet.kill('p1')
  killed = true
  await Promise.all(writers)
  const { code, out } = await runSlurp(['audit', 'verify', '--dir', join(fleet.dir, 'p1'), '--json'])
  assert.equal(code, 0, out)
  await fleet.revive('p1')
  await until('p1 is ready', () => fleet.isReady('p1'))
  const exported = await fleet.slurp('p1', ['audit', 'export'])
  const entries = exported.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const writes = entries.filter(
    ({ operation, outcome }) => operation === 'write' && outcome === 'allowed',
  ).length
  assert.ok(writes >= answered, `${writes} of ${answered}`)
  assert.equal(entries.filter(({ kind }) => kind === 'started').length, 2)
  const report = JSON.parse((await fleet.slurp('p1', ['audit', 'verify', '--json'])).out)
  assert.deepEqual([report.broken, report.peer], [null, fleet.peer('p1').id])
})

test('a tail that is cut off shows by what the other peers hold', async () => {
  const [p1, p2, p3] = ['p1', 'p2', 'p3'].map(name => fleet.peer(name))
  const held = (dir: string) => {
    try {
      return readFileSync(join(dir, 'audit', 'held', `${p1!.id}.held`)).length
    } catch {
      return 0
    }
  }
  await until('both others hold checkpoints of p1', () => held(p2!.dir) > 0 && held(p3!.dir) > 0)
  await fleet.call('p1', 'PUT', fleet.context(addressOf(1)), { summary: 'late' })
  const before = held(p2!.dir)
  await until('a newer one came', () => held(p2!.dir) > before)
  const copy = join(work, 'copy')
  cpSync(join(p1!.dir, 'audit'), copy, { recursive: true })
  const others = `${p2!.dir},${p3!.dir}`
  const verify = async (more: string[]) => {
    const { code, out } = await runSlurp(['audit', 'verify', '--dir', copy, '--json', ...more])
    return { code, report: JSON.parse(out) }
  }
  const whole = await verify(['--checkpoints', others, '--peer', p1!.id])
  assert.equal(whole.code, 0, JSON.stringify(whole.report))
  assert.ok(whole.report.heldMatched > 0)
  // Cut behind the last whole entry of the first half.
  const name = readdirSync(copy)
    .filter(each => each.endsWith('.audit'))
    .sort()
    .at(-1)!
  const bytes = readFileSync(join(copy, name))
  writeFileSync(join(copy, name), bytes.subarray(0, bytes.length / 2))
  assert.equal((await verify([])).code, 0)
  const cut = await verify(['--checkpoints', others])
  assert.deepEqual([cut.code, cut.report.broken.what], [8, 'cut'])
  assert.equal(cut.report.broken.seq, cut.report.lastSeq + 1)
  const changed = Buffer.from(bytes)
  changed[Math.floor(bytes.length / 3)]! ^= 1
  writeFileSync(join(copy, name), changed)
  assert.equal((await verify([])).code, 8)
  assert.equal((await verify(['--peer', p2!.id])).report.broken.what, 'foreign')
})

test('an entry that is taken out, moved or put in twice is named', async () => {
  const copy = join(work, 'rearranged')
  cpSync(join(fleet.peer('p1').dir, 'audit'), copy, { recursive: true })
  const name = readdirSync(copy)
    .filter(each => each.endsWith('.audit'))
    .sort()
    .at(-1)!
  const bytes = readFileSync(join(copy, name))
  // Each entry is its length, its bytes and a hash.
  const records: Buffer[] = []
  for (let at = headerBytes; at + 4 < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at) + 32
    records.push(bytes.subarray(at, end))
    at = end
  }
  assert.ok(records.length > 20)
  const [third, fourth] = [records[2]!, records[3]!]
  const arranged: Record<string, Buffer[]> = {
    removed: records.toSpliced(2, 1),
    moved: records.toSpliced(2, 2, fourth, third),
    doubled: records.toSpliced(2, 0, third),
  }
  const report = async (entries: readonly Buffer[]) => {
    writeFileSync(join(copy, name), Buffer.concat([bytes.subarray(0, headerBytes), ...entries]))
    const { code, out } = await runSlurp(['audit', 'verify', '--dir', copy, '--json'])
    return { code, broken: JSON.parse(out).broken }
  }
  assert.equal((await report(records)).code, 0)
  for (const [what, entries] of Object.entries(arranged)) {
    const { code, broken } = await report(entries)
    assert.equal(code, 8, what)
    assert.ok(broken.seq > 0, what)
  }
})

test('a wrong token and a blocked role are found in the log, and nothing that was sent', async () => {
  await fleet.call('p2', 'GET', fleet.context(addressOf(1)), undefined, 'not-the-token')
  await until('the refusal is recorded', async () => {
    const { out } = await fleet.slurp('p2', [
      'audit',
      'search',
      '--denied',
      '--code',
      'TOKEN_WRONG',
      '--json',
    ])
    return JSON.parse(out).entries.length > 0
  })
  const { out } = await fleet.slurp('p2', ['audit', 'export'])
  assert.doesNotMatch(out, /not-the-token|ucxl:|notes/)
  const told = await fleet.slurp('p1', ['audit', 'search', '--address', addressOf(1), '--json'])
  assert.ok(JSON.parse(told.out).entries.length > 0)
})
