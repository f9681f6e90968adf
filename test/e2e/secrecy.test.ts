// Goal: no byte of a context's text, address or tags is in any file, log or on the wire, and no secret is anywhere but in its own
// file. Method: contexts full of canary words, a capture of the loopback interface while they are written and read, then a search of
// every file, and of what every process shows: metrics, answers, arguments, environment.
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

/** What nobody may find, and the files that are made for it. */
type Secret = { readonly what: string; readonly bytes: Buffer; readonly home: RegExp }

const isIn = (place: Buffer, { bytes }: Secret): boolean =>
  [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('base64').replace(/=+$/, ''))].some(
    form => place.includes(form),
  )

/** The seed at the end of a libp2p key file. */
const seedIn = (path: string): Buffer => readFileSync(path).subarray(-64, -32)

async function secretsOfFleet(): Promise<Secret[]> {
  const [grant, join4] = ['agent.token', 'p4.join'].map(name => join(work, name)) as [string, string]
  const made = [
    await fleet.slurp('p1', ['grant', 'create', '--subject', 'canary', '--token-out', grant, '--json']),
    await fleet.slurp('p1', ['token', 'create', '--out', join4, '--json']),
  ]
  for (const { code, err } of made) assert.equal(code, 0, err)
  const bearer = readFileSync(grant, 'utf8').trim()
  const joining = readFileSync(join4, 'utf8').trim().split('.').at(-2)!
  const used = await fleet.call('p2', 'GET', fleet.context(address), undefined, bearer)
  assert.ok(used.status < 500)
  return [
    {
      what: 'the token of a door',
      bytes: Buffer.from(readFileSync(fleet.tokenFile, 'utf8').trim()),
      home: /token$/,
    },
    { what: 'the secret of a grant', bytes: Buffer.from(bearer), home: /agent\.token$/ },
    { what: 'a join token', bytes: Buffer.from(joining), home: /p4\.join$/ },
    ...fleet.peers.map(({ name, dir }) => ({
      what: `the key of ${name}`,
      bytes: seedIn(join(dir, 'identity.key')),
      home: new RegExp(`${name}/identity\\.key$`),
    })),
    {
      what: 'the key of the authority',
      bytes: seedIn(join(fleet.dir, 'authority', 'authority.key')),
      home: /authority\/authority\.key$/,
    },
  ]
}

test('secrets are in their own files, and in no other, no metric, answer, argument or environment', async () => {
  const secrets = await secretsOfFleet()
  for (const path of filesIn(work)) {
    if (!existsSync(path)) continue
    const bytes = readFileSync(path)
    for (const secret of secrets)
      if (!secret.home.test(path)) assert.ok(!isIn(bytes, secret), `${secret.what} is in ${path}`)
  }
  for (const { what, bytes, home } of secrets)
    assert.ok(
      [...filesIn(work)].some(path => home.test(path) && isIn(readFileSync(path), { what, bytes, home })),
      `the search finds ${what} where it belongs`,
    )
  const shown: [string, Buffer][] = []
  const authorization = `Bearer ${readFileSync(fleet.tokenFile, 'utf8').trim()}`
  for (const { name, url, pid } of fleet.peers) {
    for (const path of [
      '/metrics',
      '/v1/status',
      '/v1/grants',
      '/v1/keys',
      '/v1/none',
      '/v1/contexts/nothing',
      '/v1/audit',
    ]) {
      const answer = await fetch(new URL(path, url), { headers: { authorization } })
      shown.push([`${path} of ${name}`, Buffer.from(await answer.arrayBuffer())])
    }
    for (const file of ['cmdline', 'environ'])
      if (process.platform === 'linux')
        shown.push([`${file} of ${name}`, readFileSync(`/proc/${pid}/${file}`)])
  }
  for (const [place, bytes] of shown) {
    for (const secret of secrets) assert.ok(!isIn(bytes, secret), `${secret.what} is in ${place}`)
    assert.deepEqual(search(bytes), [], place)
  }
})

test('the search itself finds a canary', () => {
  assert.deepEqual(search(Buffer.from(`x${canaries[3]}y`)), [canaries[3]])
})

test('files with secrets are readable by their owner only', () => {
  for (const path of filesIn(fleet.dir)) {
    if (/\.key$|\.share$|token$/.test(path)) assert.equal(statSync(path).mode & 0o077, 0, path)
  }
})
