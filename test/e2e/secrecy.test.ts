// Goal: no byte of a context's text, address or tags is in any file, log or on the wire. Method: contexts full of
// canary words, a capture of the loopback interface while they are written and read, then a search of every file.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-canary-'))
const canaries = [
  'KanarienvogelText',
  'kanarienvogel-pfad',
  'kanarienvogel-projekt',
  'kanarienvogel-marke',
  'kanarienvogel-agent',
]
const address = `ucxl://${canaries[4]}:developer@${canaries[2]}:task/*^/src/${canaries[1]}.ts`
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

const peerPorts = () => fleet.peers.map(peer => Number(new URL(peer.url).port))

function hasCapture(): boolean {
  if (spawnSync('tcpdump', ['--version']).error === undefined) return true
  if (process.env.CI) throw new Error('tcpdump is missing: the wire cannot be searched')
  console.error('SKIPPED LOUDLY: tcpdump is not installed, so the wire is not searched')
  return false
}

/** Everything on loopback but the HTTP doors themselves, whose clients send plain JSON to this machine. */
async function capture(path: string): Promise<ChildProcess> {
  const notHttp = peerPorts()
    .map(port => `not port ${port}`)
    .join(' and ')
  const dump = spawn('tcpdump', ['-i', 'lo', '-U', '-s', '0', '-w', path, `tcp and ${notHttp}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  dump.stderr!.on('data', chunk => {
    said += chunk
  })
  await until('the capture runs', () => said.includes('listening on'))
  return dump
}

const search = (bytes: Buffer): string[] =>
  canaries.filter(
    canary => bytes.includes(canary) || bytes.includes(Buffer.from(canary).toString('base64').slice(1, -3)),
  )

function* filesIn(dir: string): Generator<string> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else yield path
  }
}

test('canaries are found in no file, log or packet', async () => {
  const packets = join(work, 'packets.pcap')
  const dump = hasCapture() ? await capture(packets) : null
  const context = {
    summary: `${canaries[0]} `.repeat(50),
    tags: [canaries[3]],
    decision: { reason: canaries[0] },
    metadata: { note: canaries[0] },
  }
  for (let copy = 0; copy < 30; copy++) {
    const put = await fleet.call(`p${(copy % 3) + 1}`, 'PUT', fleet.context(address), context)
    assert.equal(put.status, 200, JSON.stringify(put.body))
    const got = await fleet.call(`p${((copy + 1) % 3) + 1}`, 'GET', fleet.context(address))
    assert.equal((got.body.context as { summary: string }).summary, context.summary)
  }
  await fleet.call('p1', 'GET', fleet.context(`${address}x`))
  await fleet.call('p2', 'DELETE', fleet.context(address))
  if (dump) {
    const ended = once(dump, 'exit')
    dump.kill('SIGINT')
    await ended
    assert.ok(statSync(packets).size > 30_000, 'the capture saw the peers talk')
    assert.deepEqual(search(readFileSync(packets)), [])
  }
  let files = 0
  for (const path of filesIn(fleet.dir)) {
    if (!existsSync(path)) continue
    files += 1
    assert.deepEqual(search(readFileSync(path)), [], path)
  }
  assert.ok(files > 20, 'the directories of the peers were searched')
})

test('the search itself finds a canary', () => {
  assert.deepEqual(search(Buffer.from(`x${canaries[3]}y`)), [canaries[3]])
})

test('files with secrets are readable by their owner only', () => {
  for (const path of filesIn(fleet.dir)) {
    if (/\.key$|\.share$|token$/.test(path)) assert.equal(statSync(path).mode & 0o077, 0, path)
  }
})
