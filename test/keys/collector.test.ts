// Goal: a process gets its key past holders that lie, are silent or refuse, and names those that lie. Method: the collector
// over an exchange in memory, whose holders are real shares behind answers that a test can bend.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameBytes } from '../../base/bytes.ts'
import type { FleetId, PeerId, RoleName } from '../../base/ids.ts'
import { Authority } from '../../crypto/authority.ts'
import type { Identity } from '../../crypto/identity.ts'
import { dealSecrets } from '../../crypto/registry/genesis.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { release } from '../../crypto/shares/release.ts'
import { systemClock } from '../../node/adapters/system-clock.ts'
import { Collector } from '../../node/keys/collector.ts'
import { noShareAudit } from '../../node/keys/share-audit.ts'
import { type Answered, decodeQuestion, encodeAnswers } from '../../node/keys/wire.ts'
import { CryptoMeter } from '../../node/monitoring/crypto-meter.ts'
import type { Exchange } from '../../node/ports/exchange.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { until } from './fleets.ts'

type Bend = (answer: Uint8Array) => Answered | null

/** @param isBehind - a holder answers a question only when it is asked the next one. */
async function bench(bends: Readonly<Record<number, Bend>>, isBehind = false) {
  const holders: readonly Identity[] = await Promise.all(Array.from({ length: 5 }, newIdentity))
  const key = newRoleKey('tester' as RoleName)
  const { registry, shares } = await dealSecrets({
    authority: new Authority((await newIdentity()).privateKey),
    members: holders.map(({ peerId: peer, ageRecipient: recipient }) => ({ peer, recipient, roles: [] })),
    roleKeys: [key],
    fleetSecret: new Uint8Array(32).fill(9),
    signingSecret: new Uint8Array(32).fill(8),
    createdAtMs: null,
  })
  const self = holders[0]!
  const answer = async (holder: Identity, request: Uint8Array): Promise<Answered> => {
    for (const { record, sealed } of shares.get(holder.peerId)!)
      if (sameBytes(record.hash, request.subarray(3, 35)))
        return await release(record, sealed, request, holder)
    return 'No share of that dealing is here.'
  }
  const held = new Map<PeerId, () => void>()
  const asksAgain = (to: PeerId) =>
    new Promise<void>(resolve => {
      held.get(to)?.()
      held.set(to, resolve)
    })
  const exchange: Exchange = {
    serve: () => undefined,
    listen: () => undefined,
    isConnected: () => true,
    async ask(to, bytes) {
      const question = decodeQuestion(bytes)
      assert.ok(question?.kind === 'release')
      if (isBehind) await asksAgain(to)
      const place = holders.findIndex(({ peerId }) => peerId === to)
      const answers: Answered[] = []
      for (const request of question.requests) {
        const honest = await answer(holders[place]!, request)
        const bent = honest instanceof Uint8Array ? (bends[place]?.(honest) ?? null) : honest
        if (bends[place] !== undefined && bent === null) return null
        answers.push(bent ?? honest)
      }
      return encodeAnswers(answers)
    },
  }
  const bad: PeerId[] = []
  const collector = new Collector({
    self,
    exchange,
    clock: systemClock,
    ownShare: request => answer(self, request),
    toTellFirst: () => null,
    changed: () => undefined,
    audit: noShareAudit,
    meter: new CryptoMeter(),
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: fields => void bad.push((fields as { holder: PeerId }).holder),
      error: () => undefined,
    },
  })
  const entries = registry.secrets.filter(({ name }) => name === 'tester')
  collector.want(entries)
  return { collector, entry: entries[0]!, key, bad, holders, fleet: registry.fleet as FleetId }
}

test('two of five lie in one way or another, and the key opens all the same', async () => {
  const flipped: Bend = bytes => Uint8Array.from(bytes, (byte, at) => (at === 100 ? byte ^ 1 : byte))
  const kept = new Map<string, Uint8Array>()
  /** What another holder signed, handed on as its own. */
  const borrowed: Bend = bytes => {
    if (!kept.has('one')) kept.set('one', bytes)
    return kept.get('one')!
  }
  const atZero: Bend = bytes => Uint8Array.from(bytes, (byte, at) => (at === 99 ? 0 : byte))
  for (const [first, second] of [
    [flipped, atZero],
    [atZero, () => new Uint8Array(0)],
    [borrowed, borrowed],
  ] as const) {
    kept.clear()
    const { collector, entry, key, bad, holders } = await bench({ 1: first, 2: second })
    await until('it is open', () => collector.keyOf(entry) !== null)
    assert.equal(collector.identityOf(entry)!.recipient.text, key.identity.recipient.text)
    assert.ok(bad.every(peer => peer === holders[1]!.peerId || peer === holders[2]!.peerId))
    collector.close()
    assert.equal(collector.keyOf(entry), null)
  }
})

test('with three liars of five it stays sealed, and says who lied', async () => {
  const lie: Bend = bytes => bytes.slice(0, -1)
  const { collector, entry, bad, holders } = await bench({ 1: lie, 2: lie, 3: lie })
  await until('all liars are named', () => new Set(bad).size === 3)
  assert.deepEqual(new Set(bad), new Set(holders.slice(1, 4).map(({ peerId }) => peerId)))
  assert.equal(collector.keyOf(entry), null)
  collector.close()
})

test('holders that are always one question behind are waited for, and each counts once', async () => {
  const { collector, entry, holders } = await bench({}, true)
  await until('it is open', () => {
    for (const { peerId } of holders) collector.reachable(peerId)
    return collector.keyOf(entry) !== null
  })
  collector.close()
})

test('holders that refuse or are silent are passed over', async () => {
  const { collector, entry } = await bench({ 1: () => 'Not now.', 2: () => null })
  await until('it is open', () => collector.keyOf(entry) !== null)
  collector.close()
})
