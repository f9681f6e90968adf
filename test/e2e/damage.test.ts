// Goal: damage on one peer's disk is detected, reported, repaired from the others and never served. Method: kill
// one of three peers, flip bytes in its files or cut its log, start it again, and read everything through it.
import assert from 'node:assert/strict'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-damage-'))
const count = 60
const addressOf = (n: number) => `ucxl://any:any@damage:any/*^/file-${n}.ts`
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const { status } = await fleet.call('p1', 'PUT', fleet.context(addressOf(n)), {
        summary: `number ${n}`,
        content: 'x'.repeat(900),
      })
      assert.equal(status, 200)
    }),
  )
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

function logOf(name: string): string {
  const dir = join(fleet.peer(name).dir, 'data')
  const logs = readdirSync(dir)
    .filter(file => file.endsWith('.log'))
    .map(file => join(dir, file))
  return logs.toSorted((a, b) => statSync(b).size - statSync(a).size)[0]!
}

function flip(path: string, at: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  byte[0]! ^= 0x40
  writeSync(file, byte, 0, 1, at)
  closeSync(file)
}

async function everythingReadsBackFrom(name: string): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { status, body } = await fleet.call(name, 'GET', fleet.context(addressOf(n)))
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal((body.context as { summary: string }).summary, `number ${n}`)
  }
}

const counter = async (name: string, which: string): Promise<number> => {
  const { body } = await fleet.call(name, 'GET', '/v1/status')
  return (body.counters as Record<string, number>)[which] ?? 0
}

async function damageAndRepair(name: string, damage: (log: string) => void): Promise<void> {
  await fleet.kill(name)
  damage(logOf(name))
  await fleet.revive(name)
  assert.ok((await counter(name, 'partitionDamaged')) > 0, 'the damage is detected and reported')
  await everythingReadsBackFrom(name)
  await until(
    `${name} is whole again`,
    async () => {
      const { body } = await fleet.call(name, 'GET', '/v1/status')
      return (body.partitions as { damaged: number }).damaged === 0
    },
    90_000,
  )
  await everythingReadsBackFrom(name)
}

test('a flipped byte in the log', async () => {
  await damageAndRepair('p2', log => flip(log, Math.floor(statSync(log).size / 2)))
})

test('a truncated log', async () => {
  await damageAndRepair('p3', log => truncateSync(log, Math.floor(statSync(log).size / 2)))
})

test('what was repaired carries the fleet alone when an undamaged peer is gone', async () => {
  await fleet.kill('p1')
  await everythingReadsBackFrom('p2')
  await everythingReadsBackFrom('p3')
  await fleet.revive('p1')
})
