// Goal: whatever asks for a new key leads to one, however often it is asked, by whom, and whoever carries it out. Method:
// two desks on one register and one registry, with a rotation that counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId, RoleName, Version } from '../../base/ids.ts'
import type { Registry, SecretEntry } from '../../crypto/registry/registry.ts'
import type { Collector } from '../../node/keys/collector.ts'
import type { RegistryBook } from '../../node/keys/registry-book.ts'
import type { RotationWish } from '../../node/keys/rotation.ts'
import { RotationDesk } from '../../node/keys/rotation-desk.ts'
import {
  decodePlan,
  encodePlan,
  noRotations,
  rotationsOf,
  withAsked,
  withSchedule,
} from '../../node/keys/rotation-plan.ts'
import { quietLog } from './fleets.ts'

const dayMs = 86_400_000
const role = 'tester' as RoleName
const entry = (keyVersion: number, createdAtMs: number | null, state: SecretEntry['state'] = 'current') =>
  ({ name: role, keyVersion, createdAtMs, state }) as SecretEntry
const registryOf = (...secrets: SecretEntry[]) => ({ secrets, entitlements: [] }) as unknown as Registry

function bench() {
  let nowMs = 1_000 * dayMs
  let secrets = [entry(1, nowMs)]
  let stored: { version: Version; body: Uint8Array } | null = null
  let writes = 0
  const rotated: number[] = []
  const register = {
    read: async () => stored,
    swap: async (expected: Version | null, body: Uint8Array) => {
      if ((stored?.version ?? null) !== expected) return false
      stored = { version: String(++writes) as Version, body }
      return true
    },
  }
  const book = {
    get registry() {
      return registryOf(...secrets)
    },
    agree: async () => undefined,
    refresh: async () => undefined,
  } as unknown as RegistryBook
  const rotation = {
    async rotate(name: string, { onlyFrom }: RotationWish = {}) {
      const newest = secrets.at(-1)!
      // As `Rotation` does: looked at first, and decided by the compare-and-set at the end.
      await Promise.resolve()
      if (secrets.at(-1)!.keyVersion !== onlyFrom) throw new SlurpError('VERSION_CONFLICT', 'meanwhile')
      rotated.push(newest.keyVersion)
      secrets = [
        ...secrets.map(each => ({ ...each, state: 'old' as const })),
        entry(newest.keyVersion + 1, nowMs),
      ]
      return { name, keyVersion: newest.keyVersion + 1, fingerprint: '', before: newest.keyVersion }
    },
  }
  const desk = () =>
    new RotationDesk({
      self: { peerId: 'self' as PeerId },
      register,
      book,
      collector: { keyOf: () => ({}) } as unknown as Collector,
      rotation,
      exchange: {
        serve: () => undefined,
        listen: () => undefined,
        isConnected: () => false,
        ask: async () => null,
      },
      clock: { wallMs: () => nowMs } as never,
      log: quietLog,
      isMember: () => true,
      tell: () => undefined,
    })
  return {
    desk,
    rotated,
    pass: (days: number) => (nowMs += days * dayMs),
    retire: () => (secrets = [entry(1, 0, 'retired')]),
  }
}

test('two leaders that find one cause rotate once; the same cause again changes nothing, another one does', async () => {
  const { desk, rotated } = bench()
  const [one, other] = [desk(), desk()]
  await one.ask([role], 'grant a')
  await Promise.all([one.rotateDue(), other.rotateDue(), desk().rotateDue()])
  assert.deepEqual(rotated, [1])
  await other.ask([role], 'grant a')
  await one.rotateDue()
  assert.deepEqual(rotated, [1])
  await Promise.all([one.ask([role], 'grant b'), other.ask([role], 'grant c')])
  await other.rotateDue()
  assert.deepEqual(rotated, [1, 2], 'two causes before the key came get one key')
})

test('a schedule is kept by whoever leads, from the making of the newest key on', async () => {
  const { desk, rotated, pass } = bench()
  await desk().schedule(null, 10)
  await desk().rotateDue()
  pass(9.9)
  await desk().rotateDue()
  assert.deepEqual(rotated, [])
  pass(0.1)
  await Promise.all([desk().rotateDue(), desk().rotateDue()])
  await desk().rotateDue()
  assert.deepEqual(rotated, [1])
  pass(10)
  await desk().rotateDue()
  assert.deepEqual(rotated, [1, 2])
})

test('a role that is retired is never due; a key of unknown age is due as soon as there is a schedule', async () => {
  const { desk, rotated, retire } = bench()
  retire()
  await desk().schedule(null, 1)
  await desk().rotateDue()
  assert.deepEqual(rotated, [])
  const [due] = rotationsOf(withSchedule(noRotations, null, 1), registryOf(entry(1, null)))
  assert.equal(due!.dueMs, dayMs)
  assert.equal(rotationsOf(noRotations, registryOf(entry(1, null)))[0]!.dueMs, null)
})

test('a plan is read as it was written, and anything else is refused', () => {
  const plan = withAsked(withSchedule(withSchedule(noRotations, null, 90), role, null), [entry(3, 0)], 'why')
  assert.deepEqual(decodePlan(encodePlan(plan)), plan)
  assert.throws(() => withSchedule(noRotations, null, 4_000), { code: 'USAGE' })
  const bytes = encodePlan(plan)
  for (let at = 0; at < bytes.length; at++) {
    const bent = Uint8Array.from(bytes)
    bent[at]! ^= 0x80
    try {
      decodePlan(bent)
    } catch (failure) {
      assert.ok(failure instanceof SlurpError, `byte ${at}: ${String(failure)}`)
    }
  }
  assert.throws(() => decodePlan(new Uint8Array(0)), { code: 'INTEGRITY_FAILED' })
})
