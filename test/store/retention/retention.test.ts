// Goal: what a rule lets go goes at every owner, what it keeps stays, and nobody without keys learns whose rule it is.
// Method: production drivers on virtual disks and a virtual network; stores and retention desks as a process has them.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nextHlc } from '../../../base/hlc.ts'
import type { ContextKey, Version } from '../../../base/ids.ts'
import { contextKeyOf } from '../../../crypto/context-key.ts'
import { sealEnvelope } from '../../../crypto/envelope.ts'
import { canonicalOf, parseAddress } from '../../../node/store/address.ts'
import { sealedText } from '../../../node/store/sealed-text.ts'
import { roleRecipients } from '../identities.ts'
import { refusal } from '../refusal.ts'
import { fleetSecret, keysFor } from '../stores.ts'
import { openRetentionBench, registerKey } from './bench.ts'

let fleet: Awaited<ReturnType<typeof openRetentionBench>>
before(async () => {
  fleet = await openRetentionBench(4)
})
after(() => fleet.bench.close())

const always = () => true
let projects = 0
const newProject = () => `project ${++projects}`
const addressIn = (project: string, path = 'src/main.ts') =>
  `ucxl://any:any@${encodeURIComponent(project)}:any/*^/${path}`
const keyOf = (address: string): ContextKey => contextKeyOf(fleetSecret, canonicalOf(parseAddress(address)))

/** Writes so many versions; newest first. */
async function write(address: string, count: number): Promise<string[]> {
  const versions: string[] = []
  for (let at = 0; at < count; at++)
    versions.unshift((await fleet.storeAt(at % 4).storeContext(address, { title: `${at}` })).version)
  // Until the slowest owner has it too.
  await fleet.pass(200)
  return versions
}

async function historyAt(at: number, address: string) {
  const { versions, keptFrom } = await fleet.storeAt(at).contextHistory(address)
  return { versions: versions.map(({ version }) => version), keptFrom }
}

/** What each owner has on its disk, newest first. */
const onDisks = (address: string): Promise<(readonly Version[])[]> => {
  const key = keyOf(address)
  return Promise.all(
    fleet
      .ownersOf(key)
      .map(async at => (await fleet.localAt(at).versions(key, '0'.repeat(24) as Version, 100)).toReversed()),
  )
}

/** Every peer applies the rules to all that it has. */
async function applyEverywhere() {
  const tallies = []
  for (const at of [0, 1, 2, 3]) {
    const { tally, next } = await fleet.deskAt(at).apply(null, always)
    equal(next, null)
    equal(tally.failed, 0)
    tallies.push(tally)
  }
  await fleet.pass(500)
  return { trimmed: tallies.reduce((sum, { trimmed }) => sum + trimmed, 0), tallies }
}

test('a project keeps so many versions, on every owner and for every reader; others keep theirs', async () => {
  const [ruled, free] = [newProject(), newProject()]
  const [mine, brief, other] = [addressIn(ruled), addressIn(ruled, 'a/b'), addressIn(free)]
  const kept = (await write(mine, 10)).slice(0, 3)
  const few = await write(brief, 3)
  const all = await write(other, 10)
  await fleet.deskAt(1).set(ruled, { versions: 3, ageSeconds: null })
  const preview = await fleet.deskAt(0).preview(ruled, { versions: 3, ageSeconds: null })
  equal(preview.partitionsTotal, 16)
  const { trimmed } = await applyEverywhere()
  equal(trimmed, 1, 'who comes second finds nothing to do')
  for (const at of [0, 1, 2, 3]) {
    deepEqual(await historyAt(at, mine), { versions: kept, keptFrom: kept.at(-1) })
    deepEqual(await historyAt(at, brief), { versions: few, keptFrom: null })
    deepEqual(await historyAt(at, other), { versions: all, keptFrom: null })
  }
  for (const versions of await onDisks(mine)) deepEqual(versions, kept)
  const next = await write(mine, 1)
  deepEqual((await historyAt(2, mine)).versions, [...next, ...kept])
  equal((await applyEverywhere()).trimmed, 1)
  deepEqual((await historyAt(2, mine)).versions, [...next, ...kept.slice(0, 2)])
})

test('a preview counts what goes, and changes nothing', async () => {
  const project = newProject()
  const addresses = ['a', 'b', 'c'].map(path => addressIn(project, path))
  for (const address of addresses) await write(address, 6)
  const rule = { versions: 2, ageSeconds: null }
  let contexts = 0
  for (const at of [0, 1, 2, 3]) {
    const found = await fleet.deskAt(at).preview(project, rule)
    equal(found.versions, found.contexts * 4)
    contexts += found.contexts
  }
  equal(contexts, 9, 'three contexts, three owners each')
  for (const address of addresses) equal((await historyAt(0, address)).versions.length, 6)
  equal(
    (await fleet.deskAt(0).list()).projects.some(each => each.project === project),
    false,
  )
  await fleet.deskAt(0).set(project, rule)
  equal((await applyEverywhere()).trimmed, 3)
  equal((await fleet.deskAt(3).preview(project, rule)).contexts, 0)
})

test('by age goes what was replaced longer ago; whatever stood since can be read as of then', async () => {
  const project = newProject()
  const address = addressIn(project)
  const [second] = await write(address, 2)
  await fleet.pass(3_000)
  const between = fleet.bench.processes[0]!.clock.wallMs() - 1_000
  const [third] = await write(address, 1)
  await fleet.deskAt(0).set(project, { versions: null, ageSeconds: 2 })
  await applyEverywhere()
  deepEqual(await historyAt(1, address), { versions: [third, second], keptFrom: second })
  const then = address.replace('*^', `@${new Date(between).toISOString()}`)
  equal((await fleet.storeAt(3).retrieveContext(then)).version, second)
})

test('the default is for all without a rule of their own; one that keeps everything is a rule too', async () => {
  const [plain, precious] = [newProject(), newProject()]
  const all = await write(addressIn(precious), 5)
  const some = await write(addressIn(plain), 5)
  await fleet.deskAt(0).set(precious, { versions: null, ageSeconds: null })
  await fleet.deskAt(0).set(null, { versions: 4, ageSeconds: null })
  await applyEverywhere()
  const list = await fleet.deskAt(2).unset(null)
  deepEqual(list.default, { versions: null, ageSeconds: null })
  deepEqual((await historyAt(1, addressIn(plain))).versions, some.slice(0, 4))
  deepEqual((await historyAt(1, addressIn(precious))).versions, all)
})

test('writes that come in between win, and their history has no gap', async () => {
  const project = newProject()
  const address = addressIn(project)
  await write(address, 4)
  await fleet.deskAt(0).set(project, { versions: 2, ageSeconds: null })
  const written: string[] = []
  const writing = (async () => {
    for (let at = 0; at < 12; at++) written.unshift(...(await write(address, 1)))
  })()
  for (let round = 0; round < 4; round++) await applyEverywhere()
  await writing
  const { versions } = await historyAt(0, address)
  ok(versions.length >= 2)
  deepEqual(versions, written.slice(0, versions.length))
  await applyEverywhere()
  deepEqual((await historyAt(3, address)).versions, written.slice(0, 2))
})

test('what is deleted is left to collection; what came after it is trimmed as any other', async () => {
  const project = newProject()
  const address = addressIn(project)
  await fleet.deskAt(0).set(project, { versions: 2, ageSeconds: null })
  await write(address, 3)
  const { version: grave } = await fleet.storeAt(0).deleteContext(address)
  await applyEverywhere()
  equal((await historyAt(0, address)).versions.length, 4)
  const again = await write(address, 1)
  await applyEverywhere()
  deepEqual((await historyAt(0, address)).versions, [...again, grave])
})

test('a walk goes on where it stopped, and looks at everything once', async () => {
  const project = newProject()
  for (let at = 0; at < 6; at++) await write(addressIn(project, `${at}`), 3)
  await fleet.deskAt(0).set(project, { versions: 1, ageSeconds: null })
  const whole = (await fleet.deskAt(2).apply(null, always)).tally.looked
  let looked = 0
  let stretches = 0
  let from: Parameters<ReturnType<typeof fleet.deskAt>['apply']>[0] = null
  do {
    let left = 3
    const { tally, next } = await fleet.deskAt(2).apply(from, () => --left >= 0)
    looked += tally.looked
    stretches += 1
    from = next
  } while (from !== null)
  equal(looked, whole)
  ok(stretches > 1)
})

test('a blind peer knows no rule; a peer without the role leaves it to the others', async () => {
  const project = newProject()
  const address = addressIn(project)
  await write(address, 5)
  await fleet.deskAt(0).set(project, { versions: 2, ageSeconds: null })
  const blind = fleet.deskAt(1, keysFor([], true))
  equal(blind.isBlind, true)
  const attempts = [
    blind.list(),
    blind.set(project, { versions: 1, ageSeconds: null }),
    blind.preview(project, null),
  ]
  for (const attempt of attempts) equal((await refusal(attempt)).code, 'SEALED')
  const [owner] = fleet.ownersOf(keyOf(address))
  const { tally } = await fleet.deskAt(owner!, keysFor([])).apply(null, always)
  equal(tally.trimmed, 0)
  ok(tally.untold > 0)
  equal((await historyAt(0, address)).versions.length, 5)
  await applyEverywhere()
  equal((await historyAt(0, address)).versions.length, 2)
})

test('no disk, of whomever, names a project or a limit', async () => {
  const project = 'unmistakable-name'
  await fleet.deskAt(0).set(project, { versions: 3, ageSeconds: 86_400 })
  await write(addressIn(project), 4)
  const outcome = await fleet.bench.processes[1]!.submitter.submit({ kind: 'read', key: registerKey }, 5_000)
  ok(outcome.kind === 'found' && outcome.value.data !== null)
  for (const disk of fleet.bench.disks) {
    const found = await new Promise<Buffer>((resolve, reject) => {
      disk.scan(Uint8Array.of(1), Uint8Array.of(255), 100_000, (failure, entries) =>
        failure ? reject(failure) : resolve(Buffer.concat(entries.flatMap(({ key, value }) => [key, value]))),
      )
    })
    ok(found.length > 10_000)
    for (const word of [project, 'ageSeconds', 'ucxl://', '86400']) ok(!found.includes(word), word)
  }
})

test('versions from before addresses were sealed are read as ever, and trimmed once written again', async () => {
  const project = newProject()
  const address = addressIn(project)
  await fleet.deskAt(0).set(project, { versions: 1, ageSeconds: null })
  const key = keyOf(address)
  const [before] = await write(address, 2)
  const old = await submit(key, before as Version, JSON.stringify({ title: 'old' }))
  equal((await fleet.storeAt(1).retrieveContext(address)).context.title, 'old')
  const { tallies } = await applyEverywhere()
  ok(tallies.some(({ untold }) => untold > 0))
  equal((await historyAt(0, address)).versions.length, 3)
  const latest = await fleet.storeAt(0).storeContext(address, { title: 'new' }, { ifVersion: old })
  await applyEverywhere()
  deepEqual((await historyAt(0, address)).versions, [latest.version])
})

test('a context that says that it lies elsewhere is refused', async () => {
  const address = addressIn(newProject())
  const text = sealedText(canonicalOf(parseAddress(addressIn('elsewhere'))), '{"title":"x"}')
  await submit(keyOf(address), null, text)
  equal((await refusal(fleet.storeAt(1).retrieveContext(address))).code, 'INTEGRITY_FAILED')
})

/** Seals a text as it stands, by the hand of the first process. */
async function submit(key: ContextKey, parent: Version | null, text: string): Promise<Version> {
  const { author, hlc, clock, submitter } = fleet.bench.processes[0]!
  const id = nextHlc(hlc, clock.wallMs())
  const plan = { fleet: fleet.bench.fleet, key, version: id, parent, author, expiresAtMs: 0 }
  const roles = roleRecipients.filter(({ name }) => name === 'admin').slice(-1)
  const { data, hash } = await sealEnvelope({ ...plan, roles, plaintext: Buffer.from(text) })
  const value = { kind: 'live', expiresAtMs: 0, hash, data } as const
  const outcome = await submitter.submit(
    { kind: 'write', id, attempt: 1, key, expect: 'any', parent, value, epoch: null },
    5_000,
  )
  equal(outcome.kind, 'written')
  return id
}
