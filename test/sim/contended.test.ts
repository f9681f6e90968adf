// Goal: callers that write one address side by side, without naming a version, all come to it, also where messages take
// long. Method: virtual peers, one of them dead, and callers that seal again as the store does; the same without turns.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { mergeHlc, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, Version } from '../../base/ids.ts'
import { writeOperation } from '../../sim/envelope.ts'
import { Fleet, type Member } from '../../sim/fleet.ts'
import { World } from '../../sim/world.ts'

const key = createHash('sha256').update('contended').digest('hex') as ContextKey
const thinkMs = 30
const patienceMs = 600

const nothing = () => undefined
const silent = { opened: nothing, durable: nothing, ruled: nothing, reported: nothing, told: nothing }

/** Writes for `forMs` at every door that lives. @returns for each write how long it took and how often it was sealed. */
function writesUnderContention(turnMs: number, forMs: number): { tookMs: number; seals: number }[] {
  const world = new World(7)
  const size = { peers: 5, spares: 0, controls: true, replicas: 3, partitions: 16 }
  const fleet = new Fleet(
    world,
    { ...size, replaceAfterMs: 900_000, limits: { turnMs }, skewMs: 5, drift: 0 },
    silent,
  )
  fleet.network.speed = { leastMs: 0.3, spreadMs: 40, byteMs: 0 }
  for (const member of fleet.members) fleet.start(member)
  world.run(3_000)
  const [dead, ...doors] = fleet.members
  if (dead) fleet.kill(dead, false, 'dies')
  world.run(6_000)
  const writes: { tookMs: number; seals: number }[] = []
  for (const door of doors) for (let caller = 0; caller < 2; caller++) call(world, fleet, door, writes)
  world.run(6_000 + forMs)
  return writes
}

function call(world: World, fleet: Fleet, door: Member, writes: { tookMs: number; seals: number }[]): void {
  const random = world.random(`caller at ${door.machine.name}`)
  let parent: Version | null = null
  const think = () => void world.after(-Math.log(1 - random.next()) * thinkMs, begin)
  const begin = () => {
    const fromMs = world.nowMs
    const write = (seals: number): void => {
      const process = door.process
      assert.ok(process)
      const wallMs = process.wallMs()
      if (parent !== null) mergeHlc(process.hlc, parent, wallMs, 10_000)
      const version = nextHlc(process.hlc, wallMs)
      const facts = { key, version, parent, kind: 'live', expiresAtMs: 0 } as const
      const leftMs = patienceMs - (world.nowMs - fromMs)
      const end = () => {
        writes.push({ tookMs: world.nowMs - fromMs, seals })
        think()
      }
      if (leftMs <= 0) return end()
      fleet.submit(door, writeOperation(facts, `${version}`, 'any'), leftMs, outcome => {
        if (outcome.kind === 'moved') {
          parent = outcome.current
          return write(seals + 1)
        }
        if (outcome.kind === 'written') parent = outcome.version
        end()
      })
    }
    write(1)
  }
  think()
}

test('every writer of a contended address comes to it in time, and seals twice or three times', () => {
  const withTurns = writesUnderContention(100, 20_000)
  const without = writesUnderContention(0, 20_000)
  const longest = (writes: typeof without) => Math.max(...writes.map(({ tookMs }) => tookMs))
  const most = (writes: typeof without) => Math.max(...writes.map(({ seals }) => seals))
  const words = (writes: typeof without) =>
    `${writes.length} writes, longest ${longest(writes)}, seals ${most(writes)}`
  assert.ok(longest(withTurns) < patienceMs, words(withTurns))
  assert.ok(most(withTurns) <= 3, words(withTurns))
  assert.ok(longest(without) >= patienceMs, words(without))
})
