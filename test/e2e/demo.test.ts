// Goal: the demo is what a newcomer gets: a fleet of processes with samples in it, used through the command line,
// that survives a killed peer and leaves nothing behind however it ends. Method: the real thing, start to end.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundledMain } from '../../scripts/bundle.mjs'
import { isAlive, type PeerLine, until } from './fleet.ts'

type Ready = { type: string; url: string; tokenFile: string; peers: PeerLine[] }
type Line = { type: string; name?: string; stored?: number; step?: string }

/** What `npm start` and `npm run slurp` run. */
const main = await bundledMain(fileURLToPath(new URL('../..', import.meta.url)))
const address = 'ucxl://any:any@notes:any/*^/first'

/** A user of their own: home, state and temporary directory below one that the test removes. */
function newUser(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'slurp-demo-test-'))
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    SLURP_DEBUG: '1',
    HOME: home,
    XDG_STATE_HOME: join(home, 'state'),
    TMPDIR: home,
  }
  delete environment.SLURP_URL
  delete environment.SLURP_TOKEN_FILE
  const started: ChildProcess[] = []
  t.after(async () => {
    for (const child of started) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 10 })
  })
  const start = (args: readonly string[]) => {
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
    })
    started.push(child)
    const said = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', text => {
      said.out += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      said.err += text
    })
    const lines = (): Line[] =>
      said.out
        .split('\n')
        .slice(0, -1)
        .map(line => JSON.parse(line))
    const line = async (type: string): Promise<Line> => {
      await until(
        `a line of type ${type}`,
        () => {
          const found = lines().some(each => each.type === type)
          if (!found && child.exitCode !== null) throw new Error(`ended: ${said.out} ${said.err}`)
          return found
        },
        60_000,
      )
      return lines().find(each => each.type === type)!
    }
    const ended = async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      return child.exitCode
    }
    return { child, said, lines, line, ended }
  }
  const slurp = async (...args: string[]) => {
    const run = start(args)
    run.child.stdin.end()
    await once(run.child, 'close')
    return { code: run.child.exitCode, ...run.said }
  }
  const temporary = () => readdirSync(home).filter(name => name.startsWith('slurp-'))
  return { home, start, slurp, temporary }
}

test('a demo from start to end', async t => {
  const { home, start, slurp, temporary } = newUser(t)
  const demo = start(['demo', '--no-input', '--json', '--peers', '4'])
  const ready = (await demo.line('ready')) as unknown as Ready
  assert.equal(demo.lines().filter(line => line.type === 'ready').length, 1)
  assert.deepEqual(
    ready.peers.map(peer => peer.name),
    ['p1', 'p2', 'p3', 'p4'],
  )
  for (const peer of ready.peers) {
    assert.ok(isAlive(peer.pid) && existsSync(peer.dir))
    assert.deepEqual(Object.keys(peer).sort(), ['dir', 'id', 'name', 'pid', 'url'])
  }
  const samples = demo.lines().find(line => line.step === 'sampleStored')
  assert.ok((samples?.stored ?? 0) > 100, 'samples are stored')

  await t.test('the command line finds it and works on it', async () => {
    const stored = await slurp('put', address, '--field', 'summary=one', '--json')
    assert.equal(stored.code, 0, stored.out)
    const { version } = JSON.parse(stored.out)
    const conflict = await slurp('put', address, '--field', 'summary=two', '--if-version', 'none', '--json')
    assert.deepEqual([conflict.code, JSON.parse(conflict.out).current.version], [5, version])
    await slurp('put', address, '--field', 'summary=two', '--if-version', version)
    assert.equal(JSON.parse((await slurp('get', address, '--json')).out).context.summary, 'two')
    const history = JSON.parse((await slurp('history', address, '--json')).out)
    assert.equal(history.versions.length, 2)
    assert.equal((await slurp('rm', address)).code, 0)
    assert.equal((await slurp('get', address)).code, 4)
    assert.match((await slurp('get', 'ucxl://any:any@slurp:any/*^/base')).out, /summary/)
    assert.equal(JSON.parse((await slurp('ring', 'show', '--json')).out).partitions.length, 256)
    assert.equal(JSON.parse((await slurp('status', '--json')).out).members.length, 4)
  })

  await t.test('what does not fit is refused with its code and changes nothing', async () => {
    const token = readFileSync(ready.tokenFile, 'utf8').trim()
    const path = `/v1/contexts/${encodeURIComponent(address)}`
    const ask = async (where: string, method = 'GET', body?: string, bearer = token) => {
      const headers = { authorization: `Bearer ${bearer}` }
      const response = await fetch(ready.url + where, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      })
      const { error, version, current } = (await response.json()) as {
        error?: { code: string }
        version?: string
        current?: { version: string }
      }
      return { status: response.status, code: error?.code, version, current: current?.version }
    }
    const { version } = await ask(path, 'PUT', '{"summary":"stays"}')
    const stranger = '0'.repeat(24)
    const at = (temporal: string) => path.replace(encodeURIComponent('*^'), encodeURIComponent(temporal))
    const cases: [Parameters<typeof ask>, number, string][] = [
      [[path, 'GET', undefined, 'wrong'], 401, 'TOKEN_WRONG'],
      [['/v1/contexts/nonsense'], 400, 'ADDRESS_INVALID'],
      [[at('~~99')], 404, 'VERSION_UNKNOWN'],
      [[at('^^99')], 404, 'VERSION_UNKNOWN'],
      [[`${path}?role=wizard`], 400, 'ROLE_UNKNOWN'],
      [[`${path}?roles=wizard`, 'PUT', '{}'], 400, 'ROLE_UNKNOWN'],
      [[path, 'PUT', '{"summary"'], 400, 'JSON_INVALID'],
      [[path, 'PUT', '{"tags":1}'], 400, 'CONTEXT_INVALID'],
      [[path, 'PUT', JSON.stringify({ content: 'x'.repeat(1_048_577) })], 413, 'TOO_LARGE'],
      [[path, 'PUT', JSON.stringify({ content: 'x'.repeat(3_000_000) })], 413, 'TOO_LARGE'],
      [[`${path}?ifVersion=${stranger}`, 'PUT', '{}'], 409, 'VERSION_CONFLICT'],
      [[`${path}?ifVersion=${stranger}`, 'DELETE'], 409, 'VERSION_CONFLICT'],
      [[`${path}?ifVersion=newest`, 'PUT', '{}'], 400, 'USAGE'],
    ]
    for (const [asked, status, code] of cases) {
      const answer = await ask(...asked)
      assert.deepEqual([answer.status, answer.code], [status, code], asked.join(' ').slice(0, 200))
      if (code === 'VERSION_CONFLICT') assert.equal(answer.current, version)
    }
    assert.equal((await ask(path)).version, version)
  })

  const [door, , killed] = ready.peers
  await t.test('a killed peer is told of, missed by nobody, and comes back on its old door', async () => {
    process.kill(killed!.pid, 'SIGKILL')
    assert.equal((await demo.line('peerDown')).name, 'p3')
    assert.equal((await slurp('put', address, '--field', 'summary=without p3')).code, 0)
    const up = start(['up', '--dir', killed!.dir, '--json'])
    const again = (await up.line('ready')) as unknown as PeerLine
    assert.deepEqual([again.name, again.id, again.url], ['p3', killed!.id, killed!.url])
    const direct = ['--url', again.url, '--token-file', join(killed!.dir, 'token')]
    assert.match((await slurp('get', address, ...direct)).out, /without p3/)
    up.child.kill('SIGTERM')
    assert.equal(await up.ended(), 0)
  })

  await t.test('with the first door gone, the next one is used', async () => {
    const restarted = start(['demo', '--no-input', '--json', '--dir', dirname(ready.peers[0]!.dir)])
    assert.equal(await restarted.ended(), 2)
    assert.match(restarted.said.out, /DIRECTORY_TAKEN/)
    process.kill(door!.pid, 'SIGKILL')
    await until('p1 is told of', () => demo.lines().filter(line => line.type === 'peerDown').length === 2)
    assert.equal((await slurp('status')).code, 0)
  })

  demo.child.kill('SIGTERM')
  assert.equal(await demo.ended(), 0)
  assert.deepEqual(
    ready.peers.filter(peer => isAlive(peer.pid)),
    [],
  )
  assert.deepEqual(temporary(), [])
  assert.equal(existsSync(join(home, 'state', 'slurp', 'last-fleet.json')), false)
  assert.equal((await slurp('status')).code, 7)
})

test('a demo in a directory is opened again with what it held', async t => {
  const { home, start, slurp } = newUser(t)
  const dir = join(home, 'fleet')
  const args = ['demo', '--no-input', '--json', '--empty', '--peers', '3', '--dir', dir]
  const first = start(args)
  const ready = (await first.line('ready')) as unknown as Ready
  await slurp('put', address, '--field', 'summary=kept')
  first.child.kill('SIGTERM')
  assert.equal(await first.ended(), 0)
  const second = start(args)
  const again = (await second.line('ready')) as unknown as Ready
  assert.deepEqual(
    again.peers.map(({ id, url }) => [id, url]),
    ready.peers.map(({ id, url }) => [id, url]),
  )
  assert.match((await slurp('get', address)).out, /kept/)

  await t.test('a demo that is killed takes its peers with it', async () => {
    second.child.kill('SIGKILL')
    await second.ended()
    await until('the peers noticed', () => again.peers.every(peer => !isAlive(peer.pid)))
  })
})

test('commands are taken line by line until the input ends', async t => {
  const { start, temporary } = newUser(t)
  const demo = start(['demo', '--empty', '--peers', '3'])
  await until('the door is told', () => demo.said.out.includes('help'), 60_000)
  const lines = [
    `put '${address}' --field summary="typed by hand"`,
    `get '${address}'`,
    'kill p3',
    'kill p3',
    `get '${address}' --json`,
    'start p3',
    'status',
    'nonsense',
    'put x',
    'help',
  ]
  demo.child.stdin.end(`${lines.join('\n')}\n`)
  assert.equal(await demo.ended(), 0)
  const { out, err } = demo.said
  assert.match(out, /stored ucxl:/)
  assert.match(out, /typed by hand/)
  assert.match(out, /p3 is gone/)
  assert.match(err, /p3 is not running/)
  assert.match(out, /"summary":"typed by hand"/)
  assert.match(out, /p3 is up at/)
  assert.match(out, /p1 is (ready|degraded)/)
  assert.match(err, /There is no command "nonsense" here/)
  assert.match(err, /There is no context to put/)
  assert.match(out, /Ctrl-D/)
  assert.deepEqual(temporary(), [])
})

test('a second interrupt ends everything at once', async t => {
  const { start, temporary } = newUser(t)
  const demo = start(['demo', '--no-input', '--json', '--empty', '--peers', '3'])
  const ready = (await demo.line('ready')) as unknown as Ready
  // A peer that is stopped cannot drain: only force ends it.
  for (const peer of ready.peers) process.kill(peer.pid, 'SIGSTOP')
  demo.child.kill('SIGINT')
  await until('the first is heard', () => demo.lines().some(line => line.step === 'stopping'))
  demo.child.kill('SIGINT')
  assert.equal(await demo.ended(), 130)
  await until('the peers are gone', () => ready.peers.every(peer => !isAlive(peer.pid)))
  assert.deepEqual(temporary(), [])
})

test('what cannot be is refused before anything is made', async t => {
  const { home, slurp, temporary } = newUser(t)
  const taken = join(home, 'taken')
  rmSync(taken, { recursive: true, force: true })
  const file = join(home, 'file')
  writeFileSync(file, 'mine')
  const foreign = mkdtempSync(join(home, 'foreign-'))
  writeFileSync(join(foreign, 'notes.txt'), 'mine')
  const cases: [string[], number, string][] = [
    [['demo', '--no-input', '--dir', foreign], 2, 'DIRECTORY_TAKEN'],
    [['init', '--dir', foreign], 2, 'DIRECTORY_TAKEN'],
    [['init', '--dir', file], 2, 'DIRECTORY_TAKEN'],
    [['init', '--dir', taken, '--peers', '2', '--replicas', '3'], 2, 'USAGE'],
    [['init', '--dir', taken, '--peers', '0'], 2, 'USAGE'],
    [['init', '--dir', taken, '--roles', 'Wrong!'], 2, 'USAGE'],
    [['init', '--dir', taken, '--blind', 'p9'], 2, 'USAGE'],
    [['up', '--dir', taken], 8, 'DATA_MISSING'],
    [['up', '--dir', foreign], 8, 'DATA_MISSING'],
  ]
  for (const [args, code, error] of cases) {
    const told = await slurp(...args, '--json')
    assert.deepEqual([told.code, JSON.parse(told.out).error.code], [code, error], args.join(' '))
  }
  assert.deepEqual(readdirSync(foreign), ['notes.txt'])
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  assert.equal(existsSync(taken), false)
  assert.deepEqual(temporary(), [])
})
