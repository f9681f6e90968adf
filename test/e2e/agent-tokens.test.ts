// Goal: an agent comes in by a token that is shown once: its key is made on its own machine, its grant is bound to that key, and it
// works. Shown again, the token lets nobody in, and that is on record. Method: the real thing: a demo of three peers, and agents
// as processes.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, Process, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-agent-tokens-'))
const environment = { ...process.env, XDG_STATE_HOME: work }
const running: Process[] = []
const at = (project: string, path: string) => `ucxl://any:any@${project}:any/*^/${path}`
type Door = { readonly id: string; readonly url: string; readonly tokenFile: string }
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
  await fleet.settled()
})
after(async () => {
  await Promise.all(running.map(each => each.end('SIGTERM')))
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

const said = ({ out }: { out: string }) =>
  JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>
const codeOf = (result: { out: string }) => (said(result).error as { code?: string } | undefined)?.code

async function tokenFor(name: string, more: readonly string[]): Promise<string> {
  const file = join(work, `${name}.join`)
  const made = await fleet.slurp('p1', ['token', 'create', '--agent', name, '--out', file, '--json', ...more])
  assert.equal(made.code, 0, made.out + made.err)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const token = readFileSync(file, 'utf8').trim()
  assert.ok(!(made.out + made.err).includes(token), 'the token is in its file only')
  return token
}

async function run(args: readonly string[], input = ''): Promise<Door> {
  const started = new Process([...args, '--json'], environment)
  running.push(started)
  started.child.stdin!.end(input)
  return (await started.line('ready', 90_000)) as Door
}

const joins = (dir: string, token: string) =>
  runSlurp(['agent', '--dir', join(work, dir), '--join', '-', '--json'], token)
const through = (door: Door, args: readonly string[]) =>
  runSlurp([...args, '--json', '--url', door.url, '--token-file', door.tokenFile])

test('an agent comes in by its token, does what the token was made for, and nothing else', async () => {
  const token = await tokenFor('ci', [
    ...['--operations', 'read,write', '--roles', 'developer', '--projects', 'shop', '--grant-ttl', '1h'],
  ])
  const dir = join(work, 'ci')
  const planned = said(await runSlurp(['agent', '--dir', dir, '--join', '-', '--dry-run', '--json'], token))
  assert.deepEqual((planned.doors as string[])[0], fleet.peer('p1').url)
  const door = await run(['agent', '--dir', dir, '--join', '-'], token)
  assert.equal(door.id, planned.id, 'the identity is of its own making')
  assert.equal(statSync(join(dir, 'identity.key')).mode & 0o777, 0o600)
  const shown = said(await fleet.slurp('p2', ['grant', 'show', 'ci', '--json']))
  assert.equal(shown.subject, door.id)
  assert.equal(shown.kind, 'agent')

  const put = await through(door, ['put', at('shop', 'a'), '--field', 'summary=x', '--roles', 'developer'])
  assert.equal(put.code, 0, put.out + put.err)
  assert.equal((await through(door, ['get', at('shop', 'a')])).code, 0)
  const beyond = await through(door, ['put', at('bank', 'a'), '--field', 'summary=x', '--roles', 'developer'])
  assert.equal(codeOf(beyond), 'GRANT_DENIED')

  const replayed = await joins('thief', token)
  assert.equal(replayed.code, 6, replayed.out)
  assert.equal(codeOf(replayed), 'JOIN_TOKEN_WRONG')
  assert.ok(!readdirSync(join(work, 'thief')).includes('grant.json'))
  await until('the replay is in the audit log of the door that was asked', async () => {
    const search = ['audit', 'search', '--denied', '--code', 'JOIN_TOKEN_WRONG', '--json']
    const { out } = await fleet.slurp('p1', search)
    return (JSON.parse(out).entries as { operation: string }[]).some(
      ({ operation }) => operation === 'admin:grants',
    )
  })
  const secret = token.split('.').at(-2)!
  assert.deepEqual(filesWith(secret), ['ci.join'], 'it is in no log, and nothing else keeps it')
})

test('a token that is for somebody else, or ran out, lets nobody in', async () => {
  const agentToken = await tokenFor('other', ['--roles', 'developer'])
  const asPeer = await runSlurp(['join', '-', '--dir', join(work, 'p9'), '--no-start', '--json'], agentToken)
  assert.equal(codeOf(asPeer), 'JOIN_TOKEN_WRONG')
  const peerFile = join(work, 'p8.join')
  assert.equal((await fleet.slurp('p1', ['token', 'create', '--out', peerFile, '--json'])).code, 0)
  assert.equal(codeOf(await joins('no-peer', readFileSync(peerFile, 'utf8'))), 'JOIN_TOKEN_WRONG')
  const { body } = await fleet.call('p1', 'POST', '/v1/agent-tokens', {
    name: 'late',
    ttlSeconds: 1,
    grant: {
      ...{ operations: ['read'], roles: 'any', projects: 'any', paths: 'any' },
      ...{ networks: 'any', hours: 'any', ttlSeconds: 60 },
    },
    dryRun: false,
  })
  const { token, expiresAt } = body as { token: string; expiresAt: string }
  const clocksDifferMs = 500
  await until('it has run out', () => Date.now() > Date.parse(expiresAt) + clocksDifferMs)
  assert.equal(codeOf(await joins('late', token)), 'JOIN_TOKEN_WRONG')
})

/** Files of the fleet and its agents that have a text in them. */
function filesWith(text: string, from = work, below = ''): string[] {
  return readdirSync(from).flatMap(name => {
    const path = join(from, name)
    if (statSync(path).isDirectory()) return filesWith(text, path, `${below}${name}/`)
    return readFileSync(path).includes(text) ? [`${below}${name}`] : []
  })
}
