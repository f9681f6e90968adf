// Goal: the commands that change a fleet do what the HTTP paths do, say what waits, rehearse without changing anything,
// and end with the right exit codes. Method: the command line in this process against a control in memory.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openFleet } from '../../node/cli/fleet-directory.ts'
import { rememberFleet } from '../../node/cli/last-fleet.ts'
import { describeWaiting } from '../../node/cli/show-progress.ts'
import type { MovingPartition } from '../../node/fleet-control.ts'
import { noteLeft, writePeerFile } from '../../node/peer-settings.ts'
import { memoryMembers } from '../http/memory-control.ts'
import { openTestDoor, token } from '../http/open-door.ts'
import { openBench, type Ran } from './run-command.ts'

/** What these commands print with --json beyond what all print. */
type Said = Ran['json'] & {
  epoch: number
  pending: number
  leaving: string[]
  out: boolean
  moving: MovingPartition[]
  moves: { partition: number; from: string[]; to: string[] }[]
  members: { name: string; leaving: boolean }[]
  plan: string
  leader: string | null
  steppedDown: boolean
  after: { paused: boolean }
}

async function openFleetBench(t: TestContext) {
  const bench = await openBench(t)
  const slurp = async (args: readonly string[], more?: Parameters<typeof bench.slurp>[1]) => {
    const ran = await bench.slurp(args, more)
    return { ...ran, said: ran.json as Said }
  }
  return { ...bench, slurp, control: bench.memory.control }
}

test('peer ls lists the members as the peer sees them', async t => {
  const { slurp, control } = await openFleetBench(t)
  await control.leave('p3', 'drain')
  const { said } = await slurp(['peer', 'ls', '--json'])
  assert.deepEqual(
    said.members.map(({ name, leaving }) => [name, leaving]),
    [
      ['p1', false],
      ['p2', false],
      ['p3', true],
      ['p4', false],
    ],
  )
  const { out } = await slurp(['peer', 'ls'])
  assert.match(out, /^p1 .* answers /m)
  assert.match(out, /^p3 .* connected, leaving /m)
  assert.match(out, /^p4 .* gone /m)
})

test('a drain begins, or is waited for, also when the peer is named by its id', async t => {
  const { slurp, control } = await openFleetBench(t)
  const begun = await slurp(['peer', 'drain', 'p2', '--json'])
  assert.deepEqual([begun.code, begun.said.leaving], [0, ['p2']])
  assert.ok(begun.said.pending > 0)
  const waited = await slurp(['peer', 'drain', memoryMembers[1]!.id, '--wait', '--json'])
  assert.deepEqual([waited.code, waited.said.out, waited.said.leaving], [0, true, []])
  assert.equal(
    control.view.members.some(({ name }) => name === 'p2'),
    false,
  )
  assert.equal((await slurp(['peer', 'drain', 'p2'])).code, 4)
  assert.equal((await slurp(['peer', 'remove', 'p3'])).code, 2)
})

test('a wait that is too long ends with exit 3 and names every partition that waits', async t => {
  const { slurp, control } = await openFleetBench(t)
  control.movesGoOn = false
  const waited = await slurp(['peer', 'remove', 'p4', '--wait-seconds', '1', '--json'])
  assert.deepEqual([waited.code, waited.said.out], [3, false])
  assert.ok(waited.said.moving.length > 0)
  const told = await slurp(['peer', 'remove', 'p4', '--wait-seconds', '1'])
  assert.match(told.out, /^p4 is not out yet/)
  assert.match(told.out, /partitions \d+, [\d, ]*, learn for 7 s, waits for p\d: It thinks\./)
  assert.equal(told.err, '', 'progress is for terminals')
})

test('on a terminal one line says how it goes on, within its width, and is taken away at the end', async t => {
  const { slurp, environment } = await openFleetBench(t)
  const wide = { environment: { ...environment, COLUMNS: '60' }, terminal: true }
  const { code, err } = await slurp(['peer', 'drain', 'p2', '--wait', '--json'], wide)
  assert.equal(code, 0)
  const drawn = err.split('\r').map(line => line.replace('\x1b[K', ''))
  assert.ok(drawn.some(line => /^\d+ on their way, \d+ to begin; \d+ in (learn|joint) for/.test(line)))
  assert.ok(drawn.every(line => line.length < 60))
  assert.equal(drawn.at(-1), '')
})

test('partitions that wait for the same share a line, the longest wait first', () => {
  const waits = (peer: string) => [{ peer, state: null, reason: 'It copies.' }]
  const lines = describeWaiting([
    { partition: 3, stage: 'learn', seconds: 2, waitsFor: waits('p4') },
    { partition: 9, stage: 'learn', seconds: 5, waitsFor: waits('p4') },
    { partition: 4096, stage: 'joint', seconds: 8, waitsFor: [] },
    { partition: 7, stage: 'joint', seconds: 1, waitsFor: waits('p5') },
  ])
  assert.deepEqual(lines, [
    '  the control group, joint for 8 s, The leader has yet to carry it on.',
    '  partitions 3, 9, learn for 5 s, waits for p4: It copies.',
    '  partition 7, joint for 1 s, waits for p5: It copies.',
  ])
})

const rehearsals: [string[], RegExp][] = [
  [['peer', 'drain', 'p2'], /would drain p2\n\d+ partitions move/],
  [['peer', 'remove', 'p4'], /would remove p4\n\d+ partitions move/],
  [['peer', 'set', 'p4', '--weight', '2'], /would change p4\n\d+ partitions? move/],
  [['ring', 'pause'], /would set: moves are paused/],
  [['ring', 'resume'], /would set: moves go on/],
  [['ring', 'throttle', '1024'], /would set: moves copy 1\.0 KB a second/],
  [['ring', 'grace', '0'], /would set: a dead member stays/],
  [['leader', 'step-down'], /would ask p1 to let go/],
]

for (const [args, text] of rehearsals) {
  test(`slurp ${args.join(' ')} --dry-run says what it would do and changes nothing`, async t => {
    const { slurp, control } = await openFleetBench(t)
    const { view } = control
    assert.match((await slurp([...args, '--dry-run'])).out, text)
    const { code, json } = await slurp([...args, '--dry-run', '--json'])
    assert.deepEqual([code, json.dryRun], [0, true])
    assert.equal(control.view, view)
    assert.equal(control.leads, true)
  })
}

test('a rehearsal is refused as the change would be', async t => {
  const { slurp, control } = await openFleetBench(t)
  await control.leave('p4', 'drain')
  const { code, json } = await slurp(['peer', 'drain', 'p3', '--dry-run', '--json'])
  assert.deepEqual([code, json.error.code], [2, 'TOO_FEW_PEERS'])
  assert.equal((await slurp(['peer', 'drain', 'p9', '--dry-run'])).code, 4)
})

test('the moves of a rehearsal are the ones that begin', async t => {
  const { slurp, control } = await openFleetBench(t)
  const { said } = await slurp(['peer', 'drain', 'p2', '--dry-run', '--json'])
  await slurp(['peer', 'drain', 'p2'])
  assert.deepEqual(
    said.moves.map(({ partition }) => partition),
    control.view.pending.map(({ partition }) => partition),
  )
})

test('weight and zone are changed together or alone', async t => {
  const { slurp, control } = await openFleetBench(t)
  assert.equal((await slurp(['peer', 'set', 'p4', '--weight', '0.5', '--zone', 'rack-a'])).code, 0)
  const { weight, zone } = control.view.members.find(({ name }) => name === 'p4')!
  assert.deepEqual([weight, zone], [0.5, 'rack-a'])
  for (const args of [[], ['--weight', '0'], ['--weight', 'much'], ['--zone', 'a b']])
    assert.equal((await slurp(['peer', 'set', 'p4', ...args, '--json'])).json.error.code, 'USAGE')
})

test('a plan is shown, begun by its name, and refused once the view is another one', async t => {
  const { slurp } = await openFleetBench(t)
  assert.match((await slurp(['ring', 'plan'])).out, /nothing is to be moved/)
  await slurp(['peer', 'set', 'p4', '--weight', '2'])
  const { plan } = (await slurp(['ring', 'plan', '--json'])).said
  assert.match((await slurp(['ring', 'plan'])).out, new RegExp(`begin it with: slurp ring apply ${plan}`))
  assert.equal((await slurp(['ring', 'apply', plan, '--dry-run', '--json'])).said.plan, plan)
  assert.equal((await slurp(['ring', 'apply', plan])).code, 0)
  for (const more of [[], ['--dry-run']]) {
    const { code, json } = await slurp(['ring', 'apply', plan, '--json', ...more])
    assert.deepEqual([code, json.error.code], [5, 'VIEW_CHANGED'])
    assert.match(json.error.hint, /slurp ring plan/)
  }
})

test('moves are paused, throttled, watched to their end', async t => {
  const { slurp, control } = await openFleetBench(t)
  await slurp(['ring', 'pause'])
  await slurp(['ring', 'throttle', '4096'])
  await slurp(['ring', 'grace', '60'])
  const { paused, bytesPerSecond, replaceAfterMs } = control.view.moves
  assert.deepEqual([paused, bytesPerSecond, replaceAfterMs], [true, 4096, 60_000])
  assert.match((await slurp(['status'])).out, /epoch 4, p1 leads; nothing moves, moves are paused/)
  await slurp(['ring', 'resume'])
  await slurp(['peer', 'drain', 'p2'])
  assert.match((await slurp(['status'])).out, /to begin, p2 on the way out/)
  assert.match((await slurp(['ring', 'show'])).out, /p2 \(leaving\)/)
  const watched = await slurp(['ring', 'progress', '--watch', '--json'])
  assert.deepEqual([watched.said.pending, watched.said.moving, watched.said.leaving], [0, [], []])
  assert.match((await slurp(['ring', 'progress'])).out, /0 on their way, 0 to begin/)
})

test('the leader is found at any known door, and asked to let go at its own', async t => {
  const { environment, slurp } = await openFleetBench(t)
  const [follower, leader] = [await openTestDoor(t), await openTestDoor(t)]
  follower.memory.control.leads = false
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  const tokenFile = environment.SLURP_TOKEN_FILE ?? ''
  rememberFleet(plain, { url: follower.door.url, others: [leader.door.url], tokenFile, pid: 7 })
  assert.match((await slurp(['leader', 'show'], { environment: plain })).out, /^p2 leads, with token 4/)
  const down = await slurp(['leader', 'step-down', '--json'], { environment: plain })
  assert.deepEqual([down.code, down.said.steppedDown, down.said.leader], [0, true, 'p1'])
  const again = await slurp(['leader', 'step-down', '--json'], { environment: plain })
  assert.deepEqual([again.code, again.json.error.code], [7, 'UNREACHABLE'])
  assert.match(again.json.error.message, /^p2 leads, and none of the doors/)
  assert.ok(again.json.error.message.includes(leader.door.url))
  rememberFleet(plain, { url: 'http://127.0.0.1:1', others: [], tokenFile, pid: 7 })
  assert.equal((await slurp(['leader', 'step-down'], { environment: plain })).code, 7)
})

test('a peer leaves by its own door or directory, and never by accident', async t => {
  const { slurp, door, dir, environment, control } = await openFleetBench(t)
  const named = await slurp(['peer', 'leave', '--json'])
  assert.deepEqual([named.code, named.json.error.code], [2, 'USAGE'])
  const peerDir = join(dir, 'p1')
  mkdirSync(peerDir)
  writePeerFile(peerDir, { name: 'p1', settings: { httpPort: Number(new URL(door.url).port) } })
  writeFileSync(join(peerDir, 'token'), `${token}\n`, { mode: 0o600 })
  const dry = await slurp(['peer', 'leave', '--dir', peerDir, '--dry-run'], { environment: {} })
  assert.match(dry.out, /^would drain p1\n/)
  const gone = await slurp(['peer', 'leave', '--url', door.url], { environment })
  assert.equal(gone.code, 0, gone.err)
  assert.match(gone.out, /^p1 is out of the fleet after/)
  assert.equal(control.view.members.length, 3)
})

test('a fleet that is opened again starts without those that left it', async t => {
  const { dir } = await openFleetBench(t)
  for (const name of ['p1', 'p2', 'p10']) {
    mkdirSync(join(dir, name))
    writePeerFile(join(dir, name), { name, settings: {} })
  }
  noteLeft(join(dir, 'p2'))
  assert.deepEqual(
    openFleet(dir).map(({ name }) => name),
    ['p1', 'p10'],
  )
})
