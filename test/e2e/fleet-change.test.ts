// Goal: a fleet that runs takes a new peer and lets one go by one command each, nothing is lost or out of reach
// meanwhile, and what cannot be is refused with its reason and changes nothing. Method: the real thing: three peers
// with samples, a fourth joins by one door, one is drained, one is killed; every sample is read after every step.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatAddress } from '../../node/store/address.ts'
import { defaultAddressTemplate, newAddressTemplate } from '../../node/store/address-template.ts'
import { Fleet, isAlive, runSlurp, until } from './fleet.ts'

type Ring = {
  epoch: number
  members: { id: string; name: string }[]
  partitions: { stage: string; owners: string[] }[]
  control: { stage: string; owners: string[] }
  pending: unknown[]
  leaving: string[]
}

const work = mkdtempSync(join(tmpdir(), 'slurp-change-'))
const { expand } = newAddressTemplate(defaultAddressTemplate)
const samples = [
  ...new Set(
    readFileSync(new URL('../../sample/contexts.ndjson', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map(line => formatAddress(expand(JSON.parse(line) as Record<string, unknown>))),
  ),
]

async function ringAt(fleet: Fleet, name: string): Promise<Ring> {
  return (await fleet.call(name, 'GET', '/v1/ring')).body as Ring
}

/** Nothing moves, every partition has three owners, and all of them are these. */
async function settledOn(fleet: Fleet, door: string, names: readonly string[]): Promise<Ring> {
  await until(
    `the ring of ${names.join(', ')} is stable`,
    async () => {
      const { members, partitions, control, pending, leaving } = await ringAt(fleet, door)
      const stages = [...partitions, control].map(({ stage }) => stage)
      return (
        members.length === names.length &&
        pending.length + leaving.length === 0 &&
        stages.every(stage => stage === 'stable')
      )
    },
    120_000,
  )
  const ring = await ringAt(fleet, door)
  const ids = ring.members.filter(({ name }) => names.includes(name)).map(({ id }) => id)
  assert.equal(ids.length, names.length)
  for (const { owners } of ring.partitions) {
    assert.equal(new Set(owners).size, 3)
    assert.ok(owners.every(owner => ids.includes(owner)))
  }
  assert.ok(ring.control.owners.every(owner => ids.includes(owner)))
  return ring
}

async function everySampleReadsAt(fleet: Fleet, door: string): Promise<void> {
  const left = [...samples]
  const readers = Array.from({ length: 16 }, async () => {
    for (let address = left.pop(); address !== undefined; address = left.pop()) {
      const { status, body } = await fleet.call(door, 'GET', fleet.context(address))
      assert.equal(status, 200, `${address} at ${door}: ${JSON.stringify(body).slice(0, 300)}`)
    }
  })
  await Promise.all(readers)
}

async function refused(
  fleet: Fleet,
  door: string,
  args: readonly string[],
  exit: number,
  code: string,
): Promise<void> {
  const { epoch } = await ringAt(fleet, door)
  const { code: exitCode, out } = await fleet.slurp(door, [...args, '--json'])
  const { error } = JSON.parse(out) as { error: { code: string; hint: string } }
  assert.deepEqual([exitCode, error.code], [exit, code], out)
  assert.ok(error.hint.length > 20, out)
  assert.equal((await ringAt(fleet, door)).epoch, epoch, 'nothing changed')
}

test('peers come and go while everything stays readable', { timeout: 600_000 }, async t => {
  const fleet = await Fleet.start(join(work, 'fleet'), work, ['--peers', '3'])
  const { pid: p2 } = fleet.peer('p2')
  t.after(async () => {
    await fleet.stop()
    rmSync(work, { recursive: true, force: true, maxRetries: 10 })
  })
  const newDir = join(work, 'fleet', 'p4')

  await t.test('what cannot be is refused and changes nothing', async () => {
    const strangers = join(work, 'strangers')
    assert.equal((await runSlurp(['init', '--dir', strangers, '--peers', '1'])).code, 0)
    await settledOn(fleet, 'p1', ['p1', 'p2', 'p3'])
    await refused(fleet, 'p1', ['peer', 'join', '--dir', join(strangers, 'p1')], 2, 'FLEET_WRONG')
    await refused(fleet, 'p1', ['peer', 'join', '--dir', fleet.peer('p2').dir], 2, 'DIRECTORY_TAKEN')
    await refused(fleet, 'p1', ['peer', 'join', '--dir', newDir, '--name', 'p3'], 5, 'MEMBER_KNOWN')
    await refused(fleet, 'p1', ['peer', 'drain', 'p2'], 2, 'TOO_FEW_PEERS')
    await refused(fleet, 'p1', ['peer', 'remove', 'p9'], 4, 'MEMBER_UNKNOWN')
    await refused(fleet, 'p1', ['ring', 'apply', '1-000000000000'], 5, 'VIEW_CHANGED')
    const left = readdirSync(join(work, 'fleet')).sort()
    assert.deepEqual(left, ['authority', 'p1', 'p2', 'p3'], 'no directory is left behind')
  })

  await t.test('a fourth peer joins by one door, gets its share and can read everything', async () => {
    const dry = await fleet.slurp('p1', ['peer', 'join', '--dir', newDir, '--dry-run', '--json'])
    assert.equal(dry.code, 0, dry.err)
    const moves = (JSON.parse(dry.out) as { moves: unknown[] }).moves.length
    assert.equal(existsSync(newDir), false)
    const joined = await fleet.join('p1', newDir)
    assert.equal(joined.name, 'p4')
    for (const name of ['identity.key', 'keys.registry', 'token', 'peer.json', 'joined.view'])
      assert.equal(statSync(join(newDir, name)).mode & 0o077, 0, name)
    const { partitions } = await settledOn(fleet, 'p4', ['p1', 'p2', 'p3', 'p4'])
    const owned = partitions.filter(({ owners }) => owners.includes(joined.id)).length
    assert.deepEqual([owned, moves], [192, 192])
    await everySampleReadsAt(fleet, 'p4')
  })

  await t.test('a plan is for the view that it was made for', async () => {
    const plan = JSON.parse((await fleet.slurp('p4', ['ring', 'plan', '--json'])).out) as { plan: string }
    assert.equal((await fleet.slurp('p1', ['ring', 'throttle', '8388608'])).code, 0)
    await refused(fleet, 'p1', ['ring', 'apply', plan.plan], 5, 'VIEW_CHANGED')
  })

  await t.test('a drained peer is out when the command is over, and its process ends by itself', async () => {
    const drained = await fleet.slurp('p1', ['peer', 'drain', 'p2', '--wait', '--json'])
    assert.equal(drained.code, 0, drained.out)
    assert.equal((JSON.parse(drained.out) as { out: boolean }).out, true)
    await until('the process of p2 ends', () => !isAlive(p2))
    const { name, how } = await fleet.demoLine('peerLeft')
    assert.deepEqual([name, how], ['p2', 'exit code 0'])
    await settledOn(fleet, 'p1', ['p1', 'p3', 'p4'])
    for (const door of ['p1', 'p3', 'p4']) await everySampleReadsAt(fleet, door)
    const again = await runSlurp(['up', '--dir', fleet.peer('p2').dir, '--json'])
    const { error } = JSON.parse(again.out) as { error: { code: string } }
    assert.deepEqual([again.code, error.code], [2, 'CONFIG_INVALID'])
  })

  await t.test('a dead peer is not removed while nobody can take its place; a new one can', async () => {
    await fleet.kill('p3')
    await refused(fleet, 'p1', ['peer', 'remove', 'p3'], 2, 'TOO_FEW_PEERS')
    await fleet.join('p4', join(work, 'fleet', 'p5'), ['replace', 'p3'])
    await settledOn(fleet, 'p1', ['p1', 'p4', 'p5'])
    await everySampleReadsAt(fleet, 'p5')
  })
})
