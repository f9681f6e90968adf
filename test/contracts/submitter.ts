import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type Clock, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, FleetId, Hlc, RoleName, Version } from '../../base/ids.ts'
import { sealEnvelope, sealTombstone } from '../../crypto/envelope.ts'
import type { Identity } from '../../crypto/identity.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import type { Submitter } from '../../node/store/api.ts'
import type { StoreClock } from '../../node/store/deadline.ts'
import type { Expected, Outcome, WriteOperation } from '../../replication/messages.ts'

/** One process of a fleet: its way to the owners, and what signs and numbers what it writes. */
export type BenchProcess = {
  readonly submitter: Submitter
  readonly author: Identity
  readonly hlc: Clock
  readonly clock: StoreClock
}

/** A healthy fleet of which at least two processes submit operations. */
export type SubmitterBench = {
  readonly fleet: FleetId
  readonly processes: readonly BenchProcess[]
  close(): Promise<void>
}

type Plan = {
  key: ContextKey
  parent: Version | null
  expect?: Expected
  kind?: 'live' | 'tombstone'
  expiresAtMs?: number
  id?: Hlc
  text?: string
}

const role = newRoleKey('tester' as RoleName)
const roles = [{ name: role.name, keyVersion: role.keyVersion, recipient: role.identity.recipient.text }]
const newKey = () => randomBytes(32).toString('hex') as ContextKey
const timeoutMs = 5_000

/**
 * What the store relies on, held against every implementation of Submitter (rules 4, 5, 9 and 13; choices 2 and 3
 * of docs/ARCHITECTURE.md).
 */
export function submitterContract(name: string, open: () => Promise<SubmitterBench>): void {
  describe(`submitter: ${name}`, () => {
    let bench: SubmitterBench
    before(async () => {
      bench = await open()
      ok(bench.processes.length >= 2)
    })
    after(() => bench.close())

    const at = (process: number): BenchProcess => bench.processes[process]!
    const newId = (process = 0) => nextHlc(at(process).hlc, at(process).clock.wallMs())

    const plan = async (
      { key, parent, expect = 'any', kind = 'live', expiresAtMs = 0, id, text = 'text' }: Plan,
      process = 0,
    ): Promise<WriteOperation> => {
      const version = id ?? newId(process)
      const envelope = { fleet: bench.fleet, key, version, parent, author: at(process).author, expiresAtMs }
      const sealed =
        kind === 'tombstone'
          ? await sealTombstone(envelope)
          : await sealEnvelope({ ...envelope, roles, plaintext: new TextEncoder().encode(text) })
      const value = { kind, expiresAtMs, hash: sealed.hash, data: sealed.data }
      return { kind: 'write', id: version, attempt: 1, key, expect, parent, value, epoch: null }
    }
    const submit = (operation: Parameters<Submitter['submit']>[0], process = 0, patienceMs = timeoutMs) =>
      at(process).submitter.submit(operation, patienceMs)
    const write = async (what: Plan, process = 0): Promise<Outcome> =>
      submit(await plan(what, process), process)
    const written = async (what: Plan, process = 0): Promise<Version> => {
      const outcome = await write(what, process)
      ok(outcome.kind === 'written', JSON.stringify(outcome))
      equal(outcome.parent, what.parent)
      ok(outcome.acks > outcome.replicas / 2)
      return outcome.version
    }
    const readVersion = async (key: ContextKey, process = 0): Promise<Version | null> => {
      const outcome = await submit({ kind: 'read', key }, process)
      ok(outcome.kind === 'found' || outcome.kind === 'absent', outcome.kind)
      return outcome.kind === 'found' ? outcome.value.version : null
    }
    const expectKind = <Kind extends Outcome['kind']>(outcome: Outcome, kind: Kind) => {
      equal(outcome.kind, kind, JSON.stringify(outcome))
      return outcome as Extract<Outcome, { kind: Kind }>
    }

    test('nothing stands where nothing was written', async () => {
      const key = newKey()
      expectKind(await submit({ kind: 'read', key }), 'absent')
      const history = expectKind(await submit({ kind: 'history', key, from: null, limit: 10 }), 'versions')
      deepEqual([...history.records], [])
      equal(history.next, null)
    })

    test('what was written is read back by any process, byte for byte, under the id of its operation', async () => {
      const key = newKey()
      const operation = await plan({ key, parent: null })
      equal(expectKind(await submit(operation), 'written').version, operation.id)
      for (const process of [0, 1]) {
        const { value } = expectKind(await submit({ kind: 'read', key }, process), 'found')
        equal(value.version, operation.id)
        equal(value.parent, null)
        equal(value.kind, 'live')
        equal(value.hash, operation.value.hash)
        deepEqual([...value.data!], [...operation.value.data])
      }
    })

    test('bytes bound to another parent are answered moved, with what stands, and change nothing', async () => {
      const key = newKey()
      const first = await written({ key, parent: null })
      const second = await written({ key, parent: first })
      for (const parent of [null, first, newId()]) {
        const moved = expectKind(await write({ key, parent }), 'moved')
        equal(moved.current, second)
        equal(moved.live, true)
        ok(moved.floor >= second)
      }
      const other = newKey()
      equal(expectKind(await write({ key: other, parent: first }), 'moved').current, null)
      equal(await readVersion(key), second)
      equal(await readVersion(other), null)
    })

    test('an id that is not above what stands is answered moved', async () => {
      const key = newKey()
      const early = newId()
      const first = await written({ key, parent: null })
      const moved = expectKind(await write({ key, parent: first, id: early }), 'moved')
      equal(moved.current, first)
      ok(moved.floor >= first)
    })

    test('none matches an absent, a deleted and an expired key only', async () => {
      const key = newKey()
      const first = await written({ key, parent: null, expect: 'none' })
      equal(expectKind(await write({ key, parent: first, expect: 'none' }), 'conflict').current, first)
      const grave = await written({ key, parent: first, kind: 'tombstone', expect: first })
      const again = await written({ key, parent: grave, expect: 'none' })
      const expired = await written({ key, parent: again, expiresAtMs: at(0).clock.wallMs() - 1_000 })
      await written({ key, parent: expired, expect: 'none' })
    })

    test('a version matches only while it stands and lives', async () => {
      const key = newKey()
      equal(expectKind(await write({ key, parent: null, expect: newId() }), 'conflict').current, null)
      const first = await written({ key, parent: null })
      const second = await written({ key, parent: first, expect: first })
      equal(expectKind(await write({ key, parent: first, expect: first }), 'conflict').current, second)
      const grave = await written({ key, parent: second, kind: 'tombstone' })
      equal(expectKind(await write({ key, parent: grave, expect: grave }), 'conflict').current, null)
      const brief = await written({ key, parent: grave, expiresAtMs: at(0).clock.wallMs() - 1_000 })
      equal(expectKind(await write({ key, parent: brief, expect: brief }), 'conflict').current, null)
    })

    test('of writers that name the same version exactly one wins', async () => {
      const key = newKey()
      const first = await written({ key, parent: null })
      const plans = await Promise.all(
        Array.from({ length: 8 }, (_, index) => plan({ key, parent: first, expect: first }, index % 2)),
      )
      const outcomes = await Promise.all(plans.map((each, index) => submit(each, index % 2)))
      const won = outcomes.filter(outcome => outcome.kind === 'written')
      equal(won.length, 1)
      ok(outcomes.every(outcome => outcome.kind === 'written' || outcome.kind === 'conflict'))
      equal(await readVersion(key, 1), won[0]!.kind === 'written' ? won[0]!.version : null)
    })

    test('the same operation twice is carried out once and answered the same', async () => {
      const key = newKey()
      const operation = await plan({ key, parent: null, expect: 'none' })
      const first = expectKind(await submit(operation), 'written')
      const again = expectKind(await submit({ ...operation, attempt: 2 }), 'written')
      equal(again.version, first.version)
      const { records } = expectKind(
        await submit({ kind: 'history', key, from: null, limit: 10 }),
        'versions',
      )
      equal(records.length, 1)
    })

    test('a retry behind many later operations is never answered as a failure', async () => {
      const key = newKey()
      const operation = await plan({ key, parent: null })
      let parent = expectKind(await submit(operation), 'written').version
      for (let later = 0; later < 10; later++) parent = await written({ key, parent })
      const outcome = await submit({ ...operation, attempt: 2 }, 0, 1_500)
      ok(outcome.kind === 'written' || outcome.kind === 'unknown', JSON.stringify(outcome))
      equal(await readVersion(key), parent)
    })

    test('the history is the chain of parents, newest first, tombstones included, in pages', async () => {
      const key = newKey()
      const chain: Version[] = []
      for (let number = 0; number < 7; number++) {
        const kind = number === 3 ? 'tombstone' : 'live'
        chain.unshift(await written({ key, parent: chain[0] ?? null, kind }))
      }
      for (const limit of [1, 3, 100]) {
        const met: Version[] = []
        let from: Version | null = null
        do {
          const outcome: Outcome = await submit({ kind: 'history', key, from, limit }, 1)
          const page = expectKind(outcome, 'versions')
          ok(page.records.length >= 1 && page.records.length <= limit)
          for (const record of page.records) {
            notEqual(record.data, null)
            met.push(record.version)
          }
          from = page.next
        } while (from !== null)
        deepEqual(met, chain)
      }
      const single = expectKind(await submit({ kind: 'history', key, from: chain[3]!, limit: 1 }), 'versions')
      equal(single.records[0]?.kind, 'tombstone')
      equal(single.next, chain[4])
    })

    test('an envelope that is not what it is said to be is never written', async () => {
      const key = newKey()
      const good = await plan({ key, parent: null })
      const flipped = good.value.data.slice()
      flipped[flipped.length - 1]! ^= 1
      const elsewhere = newKey()
      const wrong: WriteOperation[] = [
        { ...good, value: { ...good.value, data: flipped } },
        { ...good, key: elsewhere },
        { ...good, id: newId() },
        { ...good, parent: newId() },
        { ...good, value: { ...good.value, kind: 'tombstone' } },
        { ...good, value: { ...good.value, expiresAtMs: 1 } },
      ]
      // Any owner may get the request: each process sends it, so that one of them is not the owner itself.
      const outcomes = await Promise.all(
        wrong.flatMap(operation => bench.processes.map((_, process) => submit(operation, process, 300))),
      )
      ok(
        outcomes.every(outcome => outcome.kind !== 'written'),
        JSON.stringify(outcomes.map(outcome => outcome.kind)),
      )
      for (const asked of [key, elsewhere]) {
        const outcome = await submit({ kind: 'read', key: asked }, 1, 1_000)
        ok(outcome.kind === 'absent' || outcome.kind === 'unreached', outcome.kind)
      }
    })
  })
}
