import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mergeHlc, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, Version } from '../../base/ids.ts'
import { writeOperation } from '../../sim/envelope.ts'
import type { Fleet, Member } from '../../sim/fleet.ts'
import type { World } from '../../sim/world.ts'

/** A caller gives up then. */
export const patienceMs = 600
const ballotDriftMs = 10_000

export const keyNamed = (name: string): ContextKey =>
  createHash('sha256').update(name).digest('hex') as ContextKey

/** Nobody looks at what happens in a fleet. */
const nothing = () => undefined
export const unwatched = {
  opened: nothing,
  durable: nothing,
  ruled: nothing,
  reported: nothing,
  told: nothing,
}

export type TimedWrite = { readonly calledMs: number; readonly tookMs: number; readonly seals: number }

export type CallerOptions = {
  readonly door: Member
  readonly keys: readonly ContextKey[]
  /** Between two calls, on average. */
  readonly thinkMs: number
  readonly done: (write: TimedWrite) => void
}

/** Somebody who writes again and again at one door, that of a peer that stays, without naming a version, and seals again when told to, as the store does. */
export function startCaller(world: World, fleet: Fleet, { door, keys, thinkMs, done }: CallerOptions): void {
  const random = world.random(`caller at ${door.machine.name}`)
  const parents = new Map<ContextKey, Version | null>()
  const think = () => void world.after(-Math.log(1 - random.next()) * thinkMs, begin)
  const begin = () => {
    const calledMs = world.nowMs
    const key = random.pick(keys)
    const end = (seals: number) => {
      done({ calledMs, tookMs: world.nowMs - calledMs, seals })
      think()
    }
    const write = (seals: number): void => {
      const { process } = door
      assert.ok(process)
      const wallMs = process.wallMs()
      const parent = parents.get(key) ?? null
      if (parent !== null) mergeHlc(process.hlc, parent, wallMs, ballotDriftMs)
      const version = nextHlc(process.hlc, wallMs)
      const leftMs = patienceMs - (world.nowMs - calledMs)
      if (leftMs <= 0) return end(seals)
      const facts = { key, version, parent, kind: 'live', expiresAtMs: 0 } as const
      fleet.submit(door, writeOperation(facts, `${version}`, 'any'), leftMs, outcome => {
        if (outcome.kind === 'moved') {
          parents.set(key, outcome.current)
          return write(seals + 1)
        }
        if (outcome.kind === 'written') parents.set(key, outcome.version)
        end(seals)
      })
    }
    write(1)
  }
  think()
}
