// Goal: agents work over a fleet of which no peer can read anything, each as far as its own grant goes and no longer. Method: the
// real thing: three blind peers, the agent that grants and two agents as processes, through the command line and their doors.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Process, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-agents-'))
const dir = join(work, 'fleet')
const names = ['p1', 'p2', 'p3'] as const
const roles = ['developer', 'tester']
const revokedWithinMs = 5_000
const canary = 'cormorant-7391-nobody-may-read-this'
const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`
const environment = { ...process.env, XDG_STATE_HOME: work }
const running: Process[] = []
const peers = new Map<string, Process>()

type Door = { readonly url: string; readonly tokenFile: string; readonly id: string; readonly name: string }
let granter: Door
/** An agent with a grant for one minute. */
let brief: { readonly dir: string; readonly process: Process; readonly door: Door }
/** A process that tries for as long as it may to come in with the grant of somebody else. */
let theft: ReturnType<typeof runSlurp>

async function run(args: readonly string[]): Promise<{ process: Process; door: Door }> {
  const started = new Process([...args, '--json'], environment)
  running.push(started)
  return { process: started, door: (await started.line('ready', 90_000)) as Door }
}

const through = (door: Door, args: readonly string[], input?: string) =>
  runSlurp([...args, '--json', '--url', door.url, '--token-file', door.tokenFile], input)
const said = ({ out }: { out: string }) =>
  JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>
const codeOf = (result: { out: string }) => (said(result).error as { code?: string } | undefined)?.code

/** An identity of its own, and a grant for it. */
async function agentDir(name: string, more: readonly string[]): Promise<{ dir: string; id: string }> {
  const own = join(work, name)
  const bootstrap = addressOf('p2')
  const made = await runSlurp(['agent', '--dir', own, '--bootstrap', bootstrap, '--dry-run', '--json'])
  assert.equal(made.code, 0, made.out + made.err)
  const id = String(said(made).id)
  const granted = await through(granter, [
    'grant',
    'create',
    '--subject',
    id,
    '--out',
    join(own, 'grant.json'),
    ...more,
  ])
  assert.equal(granted.code, 0, granted.out + granted.err)
  return { dir: own, id }
}

function addressOf(name: string): string {
  const { port } = JSON.parse(readFileSync(join(dir, name, 'peer.json'), 'utf8')) as { port: number }
  return `/ip4/127.0.0.1/tcp/${port}/p2p/${ids.get(name)}`
}
const ids = new Map<string, string>()

const everything = ['--operations', 'read,write,delete,history,search']

before(async () => {
  const made = await runSlurp([
    'init',
    '--dir',
    dir,
    '--peers',
    '3',
    '--roles',
    roles.join(),
    '--blind',
    names.join(),
    '--json',
  ])
  assert.equal(made.code, 0, made.out + made.err)
  for (const { name, id } of said(made).members as { name: string; id: string }[]) ids.set(name, id)
  const up = await Promise.all(names.map(name => run(['up', '--dir', join(dir, name)])))
  for (const [place, name] of names.entries()) peers.set(name, up[place]!.process)
  granter = (await run(['agent', '--dir', join(dir, 'granter')])).door
  // Its minute goes by while the others work.
  const { dir: own } = await agentDir('brief', ['--roles', 'developer', '--ttl', '1m', ...everything])
  brief = { dir: own, ...(await run(['agent', '--dir', own])) }
  assert.equal((await call(brief.door, 'GET', '/v1/keys')).state, 'open')
  const mine = await agentDir('mine', ['--roles', 'developer', ...everything])
  theft = runSlurp([
    ...['agent', '--dir', join(work, 'thief'), '--bootstrap', addressOf('p1')],
    ...['--grant', join(mine.dir, 'grant.json'), '--json'],
  ])
})
after(async () => {
  await Promise.all(running.map(each => each.end('SIGTERM')))
  rmSync(work, { recursive: true, force: true })
})

test('agents put, get, list the history of, resolve and delete what the peers cannot read', async () => {
  const one = await agentDir('one', ['--roles', 'developer', ...everything])
  const two = await agentDir('two', ['--roles', 'developer', ...everything])
  const other = await agentDir('other', ['--roles', 'tester', ...everything])
  const [a, b, c] = (await Promise.all([one, two, other].map(each => run(['agent', '--dir', each.dir])))).map(
    ({ door }) => door,
  ) as [Door, Door, Door]

  const put = await through(a, ['put', at('orders'), '--field', `summary=${canary}`, '--roles', 'developer'])
  assert.equal(put.code, 0, put.out + put.err)
  const got = await through(b, ['get', at('orders')])
  assert.equal(got.code, 0, got.out + got.err)
  assert.equal((said(got).context as { summary: string }).summary, canary)
  const refused = await through(c, ['get', at('orders')])
  assert.equal(refused.code, 6, refused.out)
  assert.equal(codeOf(refused), 'GRANT_DENIED')
  const beyond = await through(c, ['put', at('orders'), '--field', 'summary=x', '--roles', 'developer'])
  assert.equal(codeOf(beyond), 'GRANT_DENIED')

  assert.equal(
    (await through(b, ['put', at('orders'), '--field', 'summary=second', '--roles', 'developer'])).code,
    0,
  )
  const history = said(await through(a, ['history', at('orders')]))
  assert.equal((history.versions as unknown[]).length, 2)
  const resolved = said(await through(a, ['resolve', at('orders/new')]))
  assert.equal((resolved.context as { summary: string }).summary, 'second')
  const lines = Array.from({ length: 20 }, (_, each) =>
    JSON.stringify({ project: 'shop', path: `b/${each}`, summary: 'b' }),
  )
  const batch = await through(a, ['batch', 'import', '-', '--roles', 'developer'], lines.join('\n'))
  assert.equal(batch.code, 0, batch.out + batch.err)
  assert.equal((await through(b, ['get', at('b/19')])).code, 0)
  assert.equal((await through(b, ['rm', at('b/19')])).code, 0)
  assert.equal((await through(a, ['get', at('b/19')])).code, 4)

  const ring = await through(a, ['ring', 'show'])
  assert.notEqual(ring.code, 0, 'an agent has no ring to show')

  const audited = await Promise.all(
    names.map(name => through(doorOf(name), ['audit', 'search', '--subject', `agent:${one.id}`])),
  )
  assert.ok(
    audited.some(({ out }) => out.includes(`agent:${one.id}`)),
    audited[0]!.out + audited[0]!.err,
  )
  assert.deepEqual(filesWith(canary), [], 'nothing of a context is on any disk in plain')
})

test('an agent with an index finds and lists at its door, what is its own and what comes', async () => {
  const finder = await agentDir('finder', ['--roles', 'developer', ...everything])
  const plain = await agentDir('plain', ['--roles', 'developer', ...everything])
  const [{ door, process: run1 }, { door: other }] = await Promise.all([
    run(['agent', '--dir', finder.dir, '--index']),
    run(['agent', '--dir', plain.dir]),
  ])
  const field = `summary=${canary} and its kin`
  assert.equal(
    (await through(other, ['put', at('found/one'), '--field', field, '--roles', 'developer'])).code,
    0,
  )
  const search = ['search', canary.split('-')[0]!, '--under', 'found']
  const finds = async (at: Door) => {
    const result = await through(at, search)
    return result.code === 0 && (said(result).hits as unknown[]).length === 1
  }
  await until('it is found, and everything was looked through', () => finds(door))
  const listed = said(await through(door, ['ls', 'shop/found']))
  assert.equal((listed.contexts as unknown[]).length, 1)
  assert.equal((await through(door, ['tree', 'shop'])).code, 0)
  assert.equal(said(await through(door, ['index', 'stats'])).phase, 'following')
  const refused = await through(other, search)
  assert.equal(codeOf(refused), 'ROUTE_UNKNOWN')
  assert.match(refused.out + refused.err, /--index/)
  await run1.end('SIGKILL')
  const { door: again } = await run(['agent', '--dir', finder.dir, '--index'])
  await until('it is found after a kill', () => finds(again))
  assert.deepEqual(filesWith(canary), [], 'nothing of a context is on any disk in plain')
})

test('a revoked agent is refused within five seconds, and has no keys any more', async () => {
  const soon = await agentDir('soon', ['--roles', 'developer', ...everything])
  const { door } = await run(['agent', '--dir', soon.dir])
  assert.equal(
    (await through(door, ['put', at('mine'), '--field', 'summary=x', '--roles', 'developer'])).code,
    0,
  )
  assert.equal(stateOf(await through(door, ['key', 'status'])), 'open')
  assert.equal((await through(granter, ['grant', 'revoke', soon.id])).code, 0)
  const revokedAtMs = Date.now()
  const ask = async () =>
    (await call(door, 'GET', `/v1/contexts/${encodeURIComponent(at('mine'))}`)).error?.code === 'GRANT_DENIED'
  await until('it is refused', ask, revokedWithinMs)
  await until(
    'its keys are gone',
    async () => (await call(door, 'GET', '/v1/keys')).state === 'sealed',
    revokedWithinMs - (Date.now() - revokedAtMs),
  )
})

test('an agent comes in by a token where all peers are blind: the agent that grants makes it', async () => {
  const file = join(work, 'token.join')
  const wanted = ['--roles', 'developer', '--operations', 'read,write', '--out', file]
  const made = await through(granter, ['token', 'create', '--agent', 'token', ...wanted])
  assert.equal(made.code, 0, made.out + made.err)
  const atPeer = await through(doorOf('p1'), ['token', 'create', '--agent', 'x', '--roles', 'developer'])
  assert.equal(codeOf(atPeer), 'GRANT_DENIED', atPeer.out)
  const token = readFileSync(file, 'utf8').trim()
  const { door } = await run(['agent', '--dir', join(work, 'tokened'), '--join', token])
  assert.equal(
    (await through(door, ['put', at('tokened'), '--field', 'summary=x', '--roles', 'developer'])).code,
    0,
  )
  const replayed = await runSlurp(['agent', '--dir', join(work, 'replayed'), '--join', token, '--json'])
  assert.equal(codeOf(replayed), 'JOIN_TOKEN_WRONG')
  assert.match(readFileSync(join(dir, 'granter', 'peer.log'), 'utf8'), /JOIN_TOKEN_WRONG/)
})

test('a grant of somebody else opens nothing', async () => {
  const thief = await theft
  assert.notEqual(thief.code, 0)
  assert.equal(codeOf(thief), 'UNREACHABLE', thief.out)
})

test('an agent goes on with another peer when one is killed', async () => {
  const steady = await agentDir('steady', ['--roles', 'developer', ...everything])
  const { door } = await run(['agent', '--dir', steady.dir])
  assert.equal(
    (await through(door, ['put', at('k'), '--field', 'summary=before', '--roles', 'developer'])).code,
    0,
  )
  await peers.get('p2')!.end('SIGKILL')
  for (let turn = 0; turn < 3; turn++) {
    const put = await through(door, ['put', at('k'), '--field', `summary=${turn}`, '--roles', 'developer'])
    assert.equal(put.code, 0, put.out + put.err)
    assert.equal((await through(door, ['get', at('k')])).code, 0)
  }
})

const stateOf = (result: { out: string }) => said(result).state

function doorOf(name: string): Door {
  const { httpPort } = JSON.parse(readFileSync(join(dir, name, 'peer.json'), 'utf8')) as { httpPort: number }
  return {
    url: `http://127.0.0.1:${httpPort}`,
    tokenFile: join(dir, name, 'token'),
    id: ids.get(name)!,
    name,
  }
}

async function call(
  door: Door,
  method: string,
  path: string,
): Promise<{ state?: string; error?: { code: string } }> {
  const headers = { authorization: `Bearer ${readFileSync(door.tokenFile, 'utf8').trim()}` }
  return (await (await fetch(new URL(path, door.url), { method, headers })).json()) as { state?: string }
}

/** Files below the directory of everything that have a text in them. */
function filesWith(text: string, from = work): string[] {
  return readdirSync(from).flatMap(name => {
    const path = join(from, name)
    if (statSync(path).isDirectory()) return filesWith(text, path)
    return readFileSync(path).includes(text) ? [path] : []
  })
}

test('an agent whose grant ends has no keys any more, and does not come in again', async () => {
  const { dir: own, process: ending, door } = brief
  await until(
    'its keys are gone',
    async () => (await call(door, 'GET', '/v1/keys')).state === 'sealed',
    90_000,
  )
  const refused = await through(door, ['get', at('orders')])
  assert.equal(codeOf(refused), 'GRANT_DENIED', refused.out)
  await ending.end('SIGTERM')
  rmSync(join(own, 'fleet.json'))
  const late = await runSlurp(['agent', '--dir', own, '--json'])
  assert.equal(late.code, 7, late.out)
  assert.equal(codeOf(late), 'UNREACHABLE')
})
