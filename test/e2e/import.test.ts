// Goal: real contexts survive what a fleet meets. Method: import the whole collection into five real peers
// while one of them is killed, bring it back, kill them all, start them again, and compare every version.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sharedData } from '../shared-data.ts'
import { Fleet, runSlurp, until } from './fleet.ts'

type Row = Record<string, unknown> & {
  path: string
  project: string
  version: number
  roles: string[]
  agent: string
}
type Version = { version: string; author: string; decision: Record<string, unknown> | null; deleted: boolean }

const work = mkdtempSync(join(tmpdir(), 'slurp-import-'))
const file = sharedData('contexts.ndjson.gz')
const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n')
const rows = lines.map(line => JSON.parse(line) as Row)
/** A machine with much else to do answers late, right after all peers have started again. */
const readWithinMs = 60_000
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '5'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

test('every record is imported although a peer is killed in the middle', async () => {
  const running = fleet.slurp('p1', [
    ...['batch', 'import', file, '--json', '--failures', join(work, 'failures.ndjson')],
  ])
  await until('the import is well under way', async () => (await writtenAt('p1')) > 150)
  await fleet.kill('p3')
  const { code, out, err } = await running
  assert.equal(code, 0, `${out.slice(-500)}${err.slice(-500)}`)
  const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { stored: number; failed: number }
  assert.equal(summary.stored, rows.length)
  assert.equal(summary.failed, 0)
})

test('the killed peer comes back and is handed what it missed', async () => {
  await fleet.revive('p3')
  await fleet.settled()
  await until(
    'the others have no hint left for p3',
    async () => {
      let kept = 0
      let delivered = 0
      for (const { name } of fleet.peers) {
        const { body } = await fleet.call(name, 'GET', '/v1/status')
        const counters = body.counters as Record<string, number>
        kept += counters.hintKept ?? 0
        delivered += counters.hintDelivered ?? 0
      }
      assert.ok(kept > 0, 'a peer was away, so hints were kept')
      return delivered >= kept
    },
    60_000,
  )
})

test('after all peers were killed and restarted every version reads back equal to its input', async () => {
  await Promise.all(fleet.peers.map(peer => fleet.kill(peer.name)))
  await Promise.all(fleet.peers.map(peer => fleet.revive(peer.name)))
  await fleet.settled()
  const byPath = new Map<string, Row[]>()
  for (const row of rows) {
    const address = `ucxl://any:any@${row.project}:any/*^/${row.path}`
    byPath.set(address, [...(byPath.get(address) ?? []), row])
  }
  const work = [...byPath]
  let compared = 0
  await Promise.all(
    Array.from({ length: 16 }, async (_, client) => {
      for (let next = work.pop(); next !== undefined; next = work.pop()) {
        await compare(next[0], next[1], `p${(client % 5) + 1}`)
        compared += next[1].length
      }
    }),
  )
  assert.equal(compared, rows.length)
})

test('an import outlives the door that it was sent to, and nothing is stored twice', async () => {
  const part = rows.slice(0, 1500)
  const file = join(work, 'part.ndjson')
  writeFileSync(file, lines.slice(0, part.length).join('\n'))
  const template = 'ucxl://any:any@again:any/*^/{project}/{path}'
  const before = await writtenAt('p1')
  const args = ['batch', 'import', file, '--json', '--address', template]
  // Without --url it knows every door of the fleet.
  const running = runSlurp(args, undefined, { XDG_STATE_HOME: work })
  await until('the import is well under way', async () => (await writtenAt('p1')) > before + 80)
  await fleet.kill('p1')
  const { code, out, err } = await running
  assert.equal(code, 0, `${out.slice(-500)}${err.slice(-500)}`)
  const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { stored: number }
  assert.equal(summary.stored, part.length)
  const versions = Map.groupBy(part, row => `${row.project}/${row.path}`)
  for (const [path, { length }] of versions) {
    const address = encodePath(`ucxl://any:any@again:any/*^/${path}`)
    const { body } = await fleet.call('p2', 'GET', fleet.context(address, '/history?limit=100'))
    assert.equal((body.versions as Version[]).length, length, address)
  }
})

/** Writes that a peer has coordinated since its start. */
async function writtenAt(peer: string): Promise<number> {
  const { body } = await fleet.call(peer, 'GET', '/v1/status')
  const { slowWrite = 0, fastWrite = 0 } = body.counters as Record<string, number>
  return slowWrite + fastWrite
}

/** Asks as a client does: what is said to be worth another try is tried again. */
async function read(peer: string, path: string): Promise<Awaited<ReturnType<typeof fleet.call>>> {
  for (const endMs = Date.now() + readWithinMs; ; ) {
    const answer = await fleet.call(peer, 'GET', path)
    const { retryable } = (answer.body.error ?? {}) as { retryable?: boolean }
    if (retryable !== true || Date.now() > endMs) return answer
  }
}

async function compare(address: string, expected: Row[], peer: string): Promise<void> {
  const history = await read(peer, fleet.context(encodePath(address), '/history?limit=100'))
  assert.equal(history.status, 200, `${address} ${JSON.stringify(history.body)}`)
  const { body } = history
  const versions = (body.versions as Version[]).toReversed()
  assert.equal(versions.length, expected.length, address)
  for (const [hop, row] of expected.entries()) {
    assert.equal(versions[hop]!.author, row.agent)
    assert.deepEqual(versions[hop]!.decision, row.decision)
    const at = encodePath(address).replace('/*^/', `/^^${hop}/`)
    const { status, body: found } = await read(peer, fleet.context(at))
    assert.equal(status, 200, `${at} ${JSON.stringify(found)}`)
    const { metadata, ...known } = found.context as Record<string, unknown>
    const stored = {
      ...known,
      ...(metadata as object),
      roles: (found.roles as { name: string }[]).map(role => role.name),
    }
    assert.deepEqual({ ...stored, roles: stored.roles.toSorted() }, { ...row, roles: row.roles.toSorted() })
  }
}

/** Paths of real repositories hold spaces and other signs that an address spells as escapes. */
const encodePath = (address: string): string =>
  address.replace(/[^A-Za-z0-9:/@*^~._-]/g, sign => encodeURIComponent(sign))
