// Goal: a peer joins with a directory that is whole or not there, keeps its identity while the fleet may know it, and
// touches no directory that is taken. Method: the command line against a control in memory, keys that are none.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { ServedPeer, Wiring } from '../../node/cli/wiring.ts'
import { hasLeft, readPeerFile, writePeerFile } from '../../node/peer-settings.ts'
import { memoryFleetId } from '../http/memory-control.ts'
import { token } from '../http/open-door.ts'
import { openBench, type Ran } from './run-command.ts'

const elsewhere = 'e'.repeat(64) as FleetId

async function openJoinBench(t: TestContext) {
  const bench = await openBench(t)
  let made = 0
  const served: string[] = []
  const wiring: Partial<Wiring> = {
    async newPeerIn(dir) {
      const path = join(dir, 'identity.key')
      if (!existsSync(path)) writeFileSync(path, `12D3KooWnew${++made}`)
      return {
        id: readFileSync(path, 'utf8') as PeerId,
        recipient: 'age1new',
        versions: { from: 2, to: 2 },
      }
    },
    async writeTicket(dir, fleet, ticket) {
      writeFileSync(join(dir, 'fleet.json'), fleet)
      return ticket.keys === '' ? [] : ['architect']
    },
    fleetIn: async dir => readFileSync(join(dir, 'fleet.json'), 'utf8') as FleetId,
    async servePeer(dir, _settings, onLeft) {
      served.push(dir)
      setImmediate(onLeft)
      const tokenFile = join(dir, 'token')
      const peer = { id: 'x', name: 'p5', url: 'http://127.0.0.1:9', tokenFile, addresses: [] }
      return { ...peer, reasons: () => [], stop: async () => undefined } satisfies ServedPeer
    },
  }
  const peerDir = join(bench.dir, 'p5')
  const join5 = (more: readonly string[] = [], replaced: Partial<Wiring> = {}): Promise<Ran> =>
    bench.slurp(['peer', 'join', '--dir', peerDir, '--no-start', '--json', ...more], {
      wiring: { ...wiring, ...replaced },
    })
  const names = () => readdirSync(bench.dir).sort()
  return { ...bench, wiring, peerDir, join5, names, served, control: bench.memory.control }
}

const mode = (path: string) => statSync(path).mode & 0o777

test('a directory is made whole: token, ports, addresses of the others, for its owner only', async t => {
  const { join5, peerDir, names, control } = await openJoinBench(t)
  const { code, json } = await join5([
    '--zone',
    'rack-a',
    '--weight',
    '2',
    '--http-host',
    '::1',
    '--port',
    '4100',
  ])
  assert.equal(code, 0)
  assert.deepEqual(json, {
    type: 'joined',
    fleet: memoryFleetId,
    name: 'p5',
    id: '12D3KooWnew1',
    dir: peerDir,
    roles: ['architect'],
  })
  assert.deepEqual(readdirSync(peerDir).sort(), ['fleet.json', 'identity.key', 'peer.json', 'token'])
  assert.deepEqual([mode(peerDir), mode(join(peerDir, 'token'))], [0o700, 0o600])
  assert.equal(readFileSync(join(peerDir, 'token'), 'utf8').trim(), token)
  const { name, settings } = readPeerFile(peerDir)
  assert.deepEqual([name, settings.httpHost, settings.bootstrap], ['p5', '::1', ['/ip4/127.0.0.1/tcp/1']])
  assert.ok(settings.port === 4100 && Number(settings.httpPort) > 0)
  assert.deepEqual(names(), ['p5', 'token'])
  const { weight, zone } = control.view.members.at(-1)!
  assert.deepEqual([weight, zone], [2, 'rack-a'])
})

test('a blind peer asks for no roles and gets a token of its own', async t => {
  const { join5, peerDir, control } = await openJoinBench(t)
  assert.deepEqual((await join5(['--blind'])).json.roles, [])
  assert.equal(control.requests[0]?.roles, false)
  const own = readFileSync(join(peerDir, 'token'), 'utf8').trim()
  assert.ok(own.length >= 32 && own !== token)
})

test('an empty directory may be there; a taken one is refused and left as it is', async t => {
  const { join5, peerDir, names, control } = await openJoinBench(t)
  mkdirSync(peerDir)
  writeFileSync(join(peerDir, 'notes.txt'), 'mine')
  const foreign = await join5()
  assert.deepEqual([foreign.code, foreign.json.error.code], [2, 'DIRECTORY_TAKEN'])
  writePeerFile(peerDir, { name: 'p1', settings: {} })
  writeFileSync(join(peerDir, 'fleet.json'), elsewhere)
  const strange = await join5()
  assert.deepEqual([strange.code, strange.json.error.code], [2, 'FLEET_WRONG'])
  writeFileSync(join(peerDir, 'fleet.json'), memoryFleetId)
  const own = await join5()
  assert.equal(own.json.error.code, 'DIRECTORY_TAKEN')
  assert.match(own.json.error.hint, /slurp up --dir/)
  assert.equal((await join5(['--dry-run'])).json.error.code, 'DIRECTORY_TAKEN')
  assert.deepEqual([names(), readFileSync(join(peerDir, 'notes.txt'), 'utf8')], [['p5', 'token'], 'mine'])
  assert.equal(control.requests.length, 0)
})

test('a peer is called like its directory, or the next free name, or as it is told', async t => {
  const { slurp, dir, wiring } = await openJoinBench(t)
  mkdirSync(join(dir, 'empty'))
  const nameOf = async (...more: string[]) => {
    const args = ['peer', 'join', '--no-start', '--json', '--dir', ...more]
    const { code, json } = await slurp(args, { wiring })
    assert.equal(code, 0, JSON.stringify(json))
    return (json as Ran['json'] & { name: string }).name
  }
  assert.equal(await nameOf(join(dir, 'p9')), 'p9')
  assert.equal(await nameOf(join(dir, 'empty')), 'p6')
  assert.equal(await nameOf(join(dir, 'p12'), '--name', 'backup-1'), 'backup-1')
})

test('when the fleet refuses, nothing is left behind', async t => {
  const { join5, names, control } = await openJoinBench(t)
  const { code, json } = await join5(['--name', 'p1'])
  assert.deepEqual([code, json.error.code], [5, 'MEMBER_KNOWN'])
  assert.deepEqual(names(), ['token'])
  assert.equal(control.view.epoch, 1)
})

test('where it cannot listen it does not join', async t => {
  const { join5, names, control } = await openJoinBench(t)
  for (const place of [
    ['--port', 'soon'],
    ['--http-port', '70000'],
    ['--host', '203.0.113.1'],
  ]) {
    const { code, json } = await join5(place)
    assert.deepEqual([code, json.error.code], [2, 'CONFIG_INVALID'], place.join(' '))
  }
  assert.deepEqual([names(), control.requests.length], [['token'], 0])
})

test('when the answer is lost, the same command asks as the same peer and ends well', async t => {
  const { join5, names, control, peerDir } = await openJoinBench(t)
  control.loseNextAnswer = true
  const lost = await join5()
  assert.deepEqual([lost.code, lost.json.error.code], [7, 'QUORUM_UNREACHED'])
  assert.match(lost.json.error.hint, /Ask again with --dir/)
  assert.deepEqual(names(), ['p5.joining', 'token'])
  assert.equal(control.view.members.length, 5)
  const other = await join5(['--name', 'p7'])
  assert.equal(other.json.error.code, 'MEMBER_KNOWN')
  assert.deepEqual(names(), ['p5.joining', 'token'], 'the identity that the fleet knows is kept')
  const again = await join5()
  assert.deepEqual([again.code, control.view.members.length], [0, 5])
  assert.deepEqual(
    control.requests.map(({ id, fleet }) => [id, fleet]),
    [
      ['12D3KooWnew1', null],
      ['12D3KooWnew1', memoryFleetId],
      ['12D3KooWnew1', memoryFleetId],
    ],
  )
  assert.deepEqual([names(), existsSync(join(peerDir, 'joining.json'))], [['p5', 'token'], false])
})

test('an attempt for another fleet is not gone on with', async t => {
  const { join5, peerDir } = await openJoinBench(t)
  mkdirSync(`${peerDir}.joining`)
  writeFileSync(join(`${peerDir}.joining`, 'joining.json'), JSON.stringify({ format: 1, fleet: elsewhere }))
  assert.equal((await join5()).json.error.code, 'FLEET_WRONG')
  writeFileSync(join(`${peerDir}.joining`, 'joining.json'), 'nonsense')
  assert.equal((await join5()).json.error.code, 'INTEGRITY_FAILED')
  assert.ok(existsSync(`${peerDir}.joining`))
})

test('when what the fleet gave cannot be written, the identity is kept for the next try', async t => {
  const { join5, names } = await openJoinBench(t)
  const writeTicket = () => Promise.reject(new SlurpError('INTEGRITY_FAILED', 'The ticket is torn.'))
  assert.equal((await join5([], { writeTicket })).code, 8)
  assert.deepEqual(names(), ['p5.joining', 'token'])
  assert.equal((await join5()).code, 0)
  assert.deepEqual(names(), ['p5', 'token'])
})

test('a rehearsal says what the new peer would get and makes nothing', async t => {
  const { slurp, peerDir, names, control, wiring } = await openJoinBench(t)
  const { out } = await slurp(['peer', 'join', '--dir', peerDir, '--dry-run'], { wiring })
  assert.match(out, /^would let p5 in, in .*p5\n\d+ partitions move\n {2}p5 gets \d+/)
  const instead = await slurp(['peer', 'replace', 'p4', '--dir', peerDir, '--dry-run', '--json'], { wiring })
  const { moves } = instead.json as Ran['json'] & { moves: { from: string[]; to: string[] }[] }
  assert.ok(moves.every(({ from, to }) => from.includes('p4') && to.includes('p5')))
  assert.equal((await slurp(['peer', 'replace', 'p9', '--dir', peerDir, '--dry-run'], { wiring })).code, 4)
  assert.deepEqual([names(), control.requests.length, control.view.epoch], [['token'], 0, 1])
})

// The last one: a process that has run a peer ends within seconds, whatever else it does.
test('a peer that joined runs, and its process ends by itself once it has left', async t => {
  const { slurp, peerDir, wiring, served } = await openJoinBench(t)
  const { code, out } = await slurp(['peer', 'replace', 'p4', '--dir', peerDir, '--json'], { wiring })
  assert.deepEqual([code, served, hasLeft(peerDir)], [0, [peerDir], true])
  const types = out
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as { type: string }).type)
  assert.deepEqual(
    types.filter(type => type !== 'ready'),
    ['joined', 'left'],
  )
  const again = await slurp(['up', '--dir', peerDir, '--json'], { wiring })
  assert.deepEqual([again.code, again.json.error.code], [2, 'CONFIG_INVALID'])
  assert.match(again.json.error.message, /has left its fleet/)
})
