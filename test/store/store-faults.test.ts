// Goal: what goes wrong on the way is told as it is: an unknown outcome is never called a failure or a success, and
// wrong bytes are never served. Method: registers in memory, with mishaps between the store and them.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { hlcFrom } from '../../base/hlc.ts'
import type { Operation, Outcome, WriteOperation } from '../../replication/messages.ts'
import { refusal } from './refusal.ts'
import { openRegisterBench, PatientClock } from './register-submitter.ts'
import { newAddress, storeOn, withTime } from './stores.ts'

let ticking: NodeJS.Timeout | undefined
afterEach(() => clearInterval(ticking))

async function openFaulty() {
  const clock = new PatientClock()
  const bench = await openRegisterBench(2, clock)
  ticking = setInterval(() => clock.pass(10), 1)
  const store = storeOn(bench, bench.processes[0]!)
  const other = storeOn(bench, bench.processes[1]!)
  /** Befalls operations of the kind, from the next one on, as many as there are mishaps. */
  const befall = (kind: Operation['kind'], ...mishaps: ('lostBefore' | 'lostAfter')[]) => {
    bench.mishap.of = operation => (operation.kind === kind ? (mishaps.shift() ?? null) : null)
  }
  return { bench, clock, store, other, befall }
}

/** Lets something happen in the place of the first write, which is lost. */
function beforeTheFirst(
  { mishap }: Awaited<ReturnType<typeof openFaulty>>['bench'],
  act: (write: WriteOperation) => Promise<void>,
): void {
  let befallen = false
  mishap.of = async operation => {
    if (operation.kind !== 'write' || befallen) return null
    befallen = true
    await act(operation)
    return 'lostBefore'
  }
}

test('an unknown write that was carried out is found in the history, once something newer stands or it stands itself', async () => {
  const { store, befall } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  befall('write', 'lostAfter')
  const stored = await store.storeContext(address, { title: '2' })
  equal(stored.acks, 2)
  const { versions } = await store.contextHistory(address)
  deepEqual(versions.length, 2)
  equal(versions[0]!.version, stored.version)
  equal(store.counters().unknownSettled, 1)
})

test('an unknown write behind which something newer stands was not carried out, and is made again', async () => {
  const { bench, store, other } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  beforeTheFirst(bench, async () => void (await other.storeContext(address, { title: 'newer' })))
  const stored = await store.storeContext(address, { title: '2' })
  const titles = []
  for (const temporal of ['*~', '^^1', '^^2'])
    titles.push((await store.retrieveContext(withTime(address, temporal))).context.title)
  deepEqual(titles, ['1', 'newer', '2'])
  equal((await store.retrieveContext(address)).version, stored.version)
})

test('an unknown write stays unknown while nothing newer stands: it may still arrive', async () => {
  const { store, befall } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  befall('write', 'lostBefore')
  const failed = await refusal(store.storeContext(address, { title: '2' }))
  equal(failed.code, 'QUORUM_UNREACHED')
  match(failed.message, /outcome unknown/i)
  equal(failed.exitCode, 7)
})

test('an unknown deletion is settled the same way', async () => {
  const { store, befall } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  befall('write', 'lostAfter')
  const { version } = await store.deleteContext(address)
  equal((await store.contextHistory(address)).versions[0]!.version, version)
})

/** Before each of the next writes of a deletion at `store` something else is done at `other`. */
async function deletedAfter(acts: readonly ('store' | 'delete')[]) {
  const { bench, store, other } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  const left = [...acts]
  let tries = 0
  let acting = false
  bench.mishap.of = async ({ kind }) => {
    if (kind !== 'write' || acting) return null
    tries += 1
    acting = true
    const act = left.shift()
    if (act === 'store') await other.storeContext(address, { title: 'newer' })
    else if (act === 'delete') await other.deleteContext(address)
    acting = false
    return null
  }
  return { store, address, deleted: store.deleteContext(address), tries: () => tries }
}

test('a deletion that others write before deletes what they wrote, however often', async () => {
  const { store, address, deleted, tries } = await deletedAfter(['store', 'store', 'store'])
  const { version } = await deleted
  equal(tries(), 4)
  const { versions } = await store.contextHistory(address)
  deepEqual([versions.length, versions[0]!.version, versions[0]!.deleted], [5, version, true])
})

for (const acts of [['delete'], ['store', 'delete']] as const)
  test(`a deletion finds nothing where others ${acts.join(' and ')} before`, async () => {
    const { deleted } = await deletedAfter(acts)
    equal((await refusal(deleted)).code, 'NOT_FOUND')
  })

test('after an unknown outcome nothing is answered from memory', async () => {
  const { store, befall } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  befall('write', 'lostBefore')
  await refusal(store.storeContext(address, { title: '2' }))
  const { cacheHits } = store.counters()
  await store.retrieveContext(address, { consistency: 'cached' })
  equal(store.counters().cacheHits, cacheHits)
})

test('no quorum: exit 7, and the words "outcome unknown" for what writes', async () => {
  const { store, bench } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  bench.mishap.of = () => ({ kind: 'unreached' })
  for (const work of [() => store.storeContext(address, {}), () => store.deleteContext(address)]) {
    const failed = await refusal(work())
    equal(failed.code, 'QUORUM_UNREACHED')
    match(failed.message, /outcome unknown/i)
  }
  for (const work of [() => store.retrieveContext(address), () => store.contextHistory(address)]) {
    const failed = await refusal(work())
    equal(failed.code, 'QUORUM_UNREACHED')
    match(failed.message, /^No quorum of the owners answered within 5 s/)
  }
})

test('a peer that gives up says why', async () => {
  const { store, bench } = await openFaulty()
  const address = newAddress()
  for (const [reason, code] of [
    ['closing', 'SHUTTING_DOWN'],
    ['overloaded', 'TOO_MANY'],
    ['notOwner', 'QUORUM_UNREACHED'],
    ['invalid', 'QUORUM_UNREACHED'],
  ] as const) {
    bench.mishap.of = () => ({ kind: 'elsewhere', reason })
    equal((await refusal(store.storeContext(address, {}))).code, code)
    equal((await refusal(store.retrieveContext(address))).code, code)
  }
})

test('an answer to another question is no answer', async () => {
  const { store, bench } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  bench.mishap.of = operation =>
    operation.kind === 'write' ? { kind: 'absent' } : { kind: 'conflict', current: null }
  const failures = await Promise.all([
    refusal(store.storeContext(address, {})),
    refusal(store.retrieveContext(address)),
    refusal(store.contextHistory(address)),
  ])
  for (const { code } of failures) equal(code, 'QUORUM_UNREACHED')
})

test('a version that is not what its author sealed for this place is never served', async () => {
  const { store, other, bench } = await openFaulty()
  const [address, elsewhere] = [newAddress(), newAddress()]
  await store.storeContext(address, { title: 'mine' })
  await store.storeContext(elsewhere, { title: 'of another place' })
  const answers = new Map<string, Extract<Outcome, { kind: 'found' }>>()
  for (const place of [address, elsewhere]) {
    bench.mishap.of = operation => {
      const outcome = bench.registers.perform(operation)
      if (outcome.kind === 'found') answers.set(place, outcome)
      return outcome
    }
    await other.retrieveContext(place)
  }
  const { value } = answers.get(address)!
  const flipped = (place: number) => {
    const data = value.data!.slice()
    data[place < 0 ? data.length + place : place]! ^= 1
    return { ...value, data }
  }
  const wrong = [
    answers.get(elsewhere)!.value,
    { ...answers.get(elsewhere)!.value, version: value.version },
    { ...value, parent: value.version },
    { ...value, expiresAtMs: 9e14 },
    { ...value, data: null },
    { ...value, data: new Uint8Array(0) },
    ...[0, 40, 200, -1, -40].map(flipped),
  ]
  for (const [index, value] of wrong.entries()) {
    // A store without memory of the place, or it would answer from its own opened bytes.
    const reader = storeOn(bench, bench.processes[1]!)
    bench.mishap.of = () => ({ kind: 'found', value })
    const { code } = await refusal(reader.retrieveContext(address))
    ok(code === 'INTEGRITY_FAILED' || code === 'FORMAT_UNKNOWN', `${index}: ${code}`)
    bench.mishap.of = () => ({ kind: 'versions', records: [value], next: null })
    const past = await refusal(reader.retrieveContext(withTime(address, '*~')))
    ok(past.code === 'INTEGRITY_FAILED' || past.code === 'FORMAT_UNKNOWN', `${index}: ${past.code}`)
  }
})

test('a tombstone that nobody signed deletes nothing', async () => {
  const { store, other, bench } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: 'alive' })
  bench.mishap.of = operation => {
    const outcome = bench.registers.perform(operation)
    return outcome.kind === 'found' ? { ...outcome, value: { ...outcome.value, kind: 'tombstone' } } : outcome
  }
  equal((await refusal(other.retrieveContext(address))).code, 'INTEGRITY_FAILED')
})

test('a writer that is not of the fleet is not believed', async () => {
  const { store, bench } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  const wary = storeOn(bench, bench.processes[1]!, {
    isAuthor: peer => peer === bench.processes[1]!.author.peerId,
  })
  equal((await refusal(wary.retrieveContext(address))).code, 'INTEGRITY_FAILED')
})

test('a version from a clock far ahead cannot be written over, and the write ends at once', async () => {
  const { store, bench, clock } = await openFaulty()
  const far = hlcFrom(clock.wallMs() + 3_600_000, 0, 'ffffffff')
  bench.mishap.of = () => ({ kind: 'moved', current: far, live: true, floor: far })
  const failed = await refusal(store.storeContext(newAddress(), {}))
  equal(failed.code, 'QUORUM_UNREACHED')
  match(failed.message, /clock .*nothing was written/)
})

test('a write that always comes second gives up after a bounded number of tries, and says that nothing was written', async () => {
  const { store, bench } = await openFaulty()
  let tries = 0
  bench.mishap.of = () => {
    tries += 1
    return { kind: 'moved', current: null, live: false, floor: '0'.repeat(24) as never }
  }
  const failed = await refusal(store.storeContext(newAddress(), {}, { timeoutMs: 600_000 }))
  equal(failed.code, 'TOO_MANY')
  match(failed.message, /nothing was written/)
  equal(tries, 64)
})

test('a write that waits for its turn waits no longer than it said', async () => {
  const { store, bench, clock } = await openFaulty()
  const address = newAddress()
  const gate = Promise.withResolvers<Outcome>()
  const submit = bench.processes[0]!.submitter.submit
  bench.processes[0]!.submitter.submit = operation =>
    operation.kind === 'write' ? gate.promise : submit(operation, 0)
  const first = store.storeContext(address, { title: '1' }, { timeoutMs: 60_000 })
  const second = refusal(store.storeContext(address, { title: '2' }, { timeoutMs: 100 }))
  clock.pass(200)
  const failed = await second
  equal(failed.code, 'QUORUM_UNREACHED')
  match(failed.message, /outcome unknown/i)
  gate.resolve({ kind: 'unknown' })
  equal((await refusal(first)).code, 'QUORUM_UNREACHED')
})

test('closing waits for what runs and refuses what comes', async () => {
  const { store } = await openFaulty()
  const address = newAddress()
  const running = store.storeContext(address, { title: '1' })
  let closed = false
  const closing = store.close().then(() => {
    closed = true
  })
  equal((await refusal(store.retrieveContext(address))).code, 'SHUTTING_DOWN')
  equal(closed, false)
  await running
  await closing
  await store.close()
})

test('nothing that is sent, and no error, holds a byte of the text, the address or a tag', async () => {
  const { store, bench } = await openFaulty()
  const canary = 'canary-7f3a'
  const address = `ucxl://any:any@${canary}:any/*^/${canary}`
  const sent: Buffer[] = []
  bench.mishap.of = operation => {
    sent.push(Buffer.from(JSON.stringify(operation)))
    if (operation.kind === 'write') sent.push(Buffer.from(operation.value.data))
    return null
  }
  await store.storeContext(address, { title: canary, tags: [canary], content: canary.repeat(50) })
  await store.retrieveContext(address)
  await store.deleteContext(address)
  ok(sent.length >= 5)
  for (const bytes of sent) equal(bytes.includes(canary), false)

  const errors = [
    await refusal(store.retrieveContext(address)),
    await refusal(store.storeContext(`${address}/`, {})),
    await refusal(store.storeContext(`${address}/\u202e`, {})),
    await refusal(store.storeContext(address, { title: [canary] })),
    await refusal(store.storeContext(address, {}, { roles: [`<${canary}>`] })),
    await refusal(store.storeContext(address, {}, { ifVersion: canary })),
    await refusal(store.contextHistory(address, { cursor: canary })),
  ]
  for (const { message, hint } of errors) equal(`${message}${hint}`.includes(canary), false, message)
})

test('an unknown write may have been trimmed by the time that it is looked for: it stays unknown', async () => {
  const { bench, store, other } = await openFaulty()
  const address = newAddress()
  await store.storeContext(address, { title: '1' })
  beforeTheFirst(bench, async operation => {
    bench.registers.perform(operation)
    const { version } = await other.storeContext(address, { title: 'newer' })
    const keepFrom = version as typeof operation.id
    bench.registers.perform({ kind: 'trim', key: operation.key, keepFrom })
  })
  const failed = await refusal(store.storeContext(address, { title: '2' }))
  equal(failed.code, 'QUORUM_UNREACHED')
  match(failed.message, /outcome unknown/i)
  const page = await other.contextHistory(address)
  equal(page.versions.length, 1)
  equal(page.keptFrom, page.versions[0]!.version)
})
