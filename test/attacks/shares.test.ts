// Goal: shares that are forged, somebody else's, at x = 0 or of another set open nothing and show; k - 1 holders that work
// together get nothing from the others, and that shows too; who may have a share gets it, on record. Method: a running fleet of
// five of which two are blind; one of these is replaced by a process that answers and asks as a test wants.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sameBytes } from '../../base/bytes.ts'
import { sha256 } from '../../crypto/digest.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { type Identity, loadIdentity } from '../../crypto/identity.ts'
import { decodeRegistry, encodeEntry } from '../../crypto/registry/registry-codec.ts'
import { combine } from '../../crypto/shares/combine.ts'
import { deal } from '../../crypto/shares/deal.ts'
import { proveDealing } from '../../crypto/shares/dealing-proof.ts'
import { askForShares, release } from '../../crypto/shares/release.ts'
import {
  decodeReleaseRequest,
  decodeSealedShare,
  encodeSealedShare,
} from '../../crypto/shares/sealed-share-codec.ts'
import { readShares } from '../../crypto/shares/share-directory.ts'
import {
  type Answered,
  decodeAnswers,
  decodeQuestion,
  encodeAnswers,
  encodeQuestion,
} from '../../node/keys/wire.ts'
import { KeyFleet, until } from '../keys/fleets.ts'
import { type Attacker, takeOver } from './attacker.ts'
import { lastEntry, shows } from './on-record.ts'

const fleet = await KeyFleet.make({ peers: 5, blind: ['p3', 'p5'] })
const dirOf = (name: string) => join(fleet.dir, name)
const identityOf = (name: string) => loadIdentity(join(dirOf(name), 'identity.key'))
let attacker: Attacker
let subject: string
/** What the attacker releases for a request. */
let answer: (request: Uint8Array) => Promise<Answered> = async () => 'Not now.'

before(async () => {
  await fleet.start('p1', 'p2')
  attacker = await takeOver(fleet, 'p3', memberLimits(false))
  subject = `peer:${attacker.identity.peerId}`
  attacker.libp2p.keys.serve(async (_, bytes) => {
    const question = decodeQuestion(bytes)
    return encodeAnswers(
      question?.kind === 'release' ? await Promise.all(question.requests.map(each => answer(each))) : [],
    )
  })
  await until('it is linked', () => attacker.linked.size === 2)
})
after(async () => {
  await attacker?.libp2p.stop()
  await fleet.close()
})

const secrets = () =>
  decodeRegistry(readFileSync(join(dirOf('p1'), 'keys.registry')), fleet.peer('p1').fleet).secrets
const setOf = (name: string) => secrets().find(each => each.name === name)!.set

/** What a holder would release for a request, of the disk of any peer. */
async function honest(name: string, request: Uint8Array): Promise<Uint8Array> {
  const { shares } = await readShares(join(dirOf(name), 'shares'))
  const { recordHash } = decodeReleaseRequest(request)
  const { record, sealed } = shares.find(each => sameBytes(each.record.hash, recordHash))!
  return await release(record, sealed, request, await identityOf(name))
}

const again = (bytes: Uint8Array, change: object) =>
  encodeSealedShare('release', attacker.identity, { ...decodeSealedShare('release', bytes), ...change })

const lies: Readonly<Record<string, (request: Uint8Array) => Promise<Uint8Array>>> = {
  forged: async request => again(await honest('p3', request), { sealed: randomBytes(200) }),
  'with a bit turned over': async request =>
    Uint8Array.from(await honest('p3', request), (byte, at) => (at === 120 ? byte ^ 1 : byte)),
  'the one of another holder': async request => await honest('p2', request),
  'the one of another holder, signed anew': async request => {
    const { sealed, index } = decodeSealedShare('release', await honest('p2', request))
    return again(await honest('p3', request), { sealed, index })
  },
  'at x = 0': async request => again(await honest('p3', request), { index: 0 }),
  'of another set': async request => {
    const asked = decodeReleaseRequest(request)
    const other = secrets().find(({ set }) => !sameBytes(set.hash, asked.recordHash))!
    const requester = await identityOf('p1')
    const released = await honest('p3', askForShares(other.set, requester, asked.nonce))
    return again(released, { binding: sha256(request) })
  },
}

for (const [what, lie] of Object.entries(lies)) {
  test(`a share that is ${what} opens nothing, and shows`, async () => {
    const peer = fleet.peer('p1')
    answer = lie
    peer.keys.seal()
    const mark = await lastEntry(peer)
    // It waits for who else may come; nobody does.
    void peer.keys.unseal().catch(() => null)
    await shows(peer, mark, {
      subject,
      operation: 'deliver',
      code: 'INTEGRITY_FAILED',
      outcome: 'denied',
      rule: 'share',
    })
    assert.notEqual(peer.keys.status().state, 'open')
    peer.keys.seal()
  })
}

async function ask(to: string, requests: readonly Uint8Array[]): Promise<readonly Answered[]> {
  const said = await attacker.libp2p.keys.ask(
    fleet.peer(to).id,
    encodeQuestion({ kind: 'release', requests }),
    20_000,
  )
  return decodeAnswers(said, requests.length)!
}

const request = (by: Identity) => askForShares(setOf('tester'), by, new Uint8Array(randomBytes(32)))

test('who may have a key gets it past the liar as soon as an honest holder is there, and that is on record', async () => {
  const peer = fleet.peer('p1')
  void peer.keys.unseal().catch(() => null)
  const mark = await lastEntry(fleet.peer('p2'))
  await fleet.start('p4')
  await fleet.opened('p1', 'p4')
  await shows(fleet.peer('p2'), mark, {
    subject: `peer:${fleet.peer('p4').id}`,
    operation: 'release',
    outcome: 'allowed',
    code: null,
  })
})

test('k - 1 holders that work together have nothing, get nothing from the others, and show', async () => {
  const { identity } = attacker
  const own = request(identity)
  const colluding = await Promise.all(
    ['p3', 'p5'].map(async name => ({
      from: (await identityOf(name)).peerId,
      request: own,
      bytes: await honest(name, own),
    })),
  )
  const combined = await combine(setOf('tester'), identity, colluding)
  assert.deepEqual([combined.kind, combined.kind === 'short' && combined.needed], ['short', 3])
  for (const name of ['p1', 'p2', 'p4']) {
    const mark = await lastEntry(fleet.peer(name))
    assert.match(String((await ask(name, [own]))[0]), /not entitled/)
    await shows(fleet.peer(name), mark, {
      subject,
      operation: 'release',
      code: 'GRANT_DENIED',
      outcome: 'denied',
    })
  }
})

test('a request that another peer signed gets nothing, and shows', async () => {
  const peer = fleet.peer('p1')
  const mark = await lastEntry(peer)
  assert.match(
    String((await ask('p1', [request(await identityOf('p2'))]))[0]),
    /another peer than the connection/,
  )
  await shows(peer, mark, { subject, operation: 'release', code: 'notRequester', outcome: 'denied' })
})

for (const [what, bytes] of [
  ['no encoding of anything', randomBytes(500)],
  ['nested a hundred thousand times', Buffer.alloc(100_000, 0x81)],
  ['a claim of more than there is', Buffer.from([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
] as const) {
  test(`a question that is ${what} gets nothing, and shows`, async () => {
    const peer = fleet.peer('p1')
    const mark = await lastEntry(peer)
    assert.deepEqual(decodeAnswers(await attacker.libp2p.keys.ask(peer.id, bytes, 20_000), 0), [])
    await shows(peer, mark, { subject, operation: 'deliver', code: 'malformed', outcome: 'denied' })
  })
}

test('shares of a dealing that it made up are kept by nobody, and show', async () => {
  const peer = fleet.peer('p1')
  const mark = await lastEntry(peer)
  const entry = secrets().find(({ name }) => name === 'tester')!
  const { fleet: id, secret, keyVersion, setVersion } = entry.set.set
  const made = new Uint8Array(randomBytes(32))
  const holders = await Promise.all(fleet.names.map(identityOf))
  const { record, shares } = await deal(made, {
    fleet: id,
    secret,
    keyVersion,
    setVersion: setVersion + 1,
    setId: 'ab'.repeat(16),
    holders: holders.map(({ peerId, ageRecipient }) => ({ peer: peerId, recipient: ageRecipient })),
    dealer: attacker.identity,
  })
  const offered = encodeEntry({ ...entry, set: record, proof: proveDealing(made, record) })
  const question = encodeQuestion({
    kind: 'keep',
    shares: [{ entry: offered, sealed: shares.get(peer.id)! }],
  })
  const said = decodeAnswers(await attacker.libp2p.keys.ask(peer.id, question, 20_000), 1)!
  assert.match(String(said[0]), /not entitled/)
  await shows(peer, mark, { subject, operation: 'deal', outcome: 'denied' })
})
