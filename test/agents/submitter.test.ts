// Goal: an agent takes no answer that its author did not write, none older than what it saw, and goes on with another member when
// one is silent, as the next attempt. Method: the submitter over members that answer as a test says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { newClock } from '../../base/hlc.ts'
import type { ContextKey, Digest, Hlc, PeerId, Version } from '../../base/ids.ts'
import { systemClock } from '../../node/adapters/system-clock.ts'
import { type AgentNetwork, FleetLinks } from '../../node/agents/fleet-links.ts'
import { Provenance } from '../../node/agents/provenance.ts'
import { RemoteSubmitter } from '../../node/agents/remote-submitter.ts'
import {
  type AgentAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeOutcome,
  encodePulse,
} from '../../node/agents/wire.ts'
import type { Operation, Value, WriteOperation } from '../../replication/messages.ts'

const key = 'aa'.repeat(32) as ContextKey
const [p1, p2] = ['p1', 'p2'] as unknown as [PeerId, PeerId]
const zero = '0'.repeat(24) as Hlc
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const versionAt = (count: number) => count.toString(16).padStart(24, '0') as Version
const valueAt = (count: number): Value => ({
  version: versionAt(count),
  parent: null,
  kind: 'live',
  hash: 'bb'.repeat(32) as Digest,
  expiresAtMs: 0,
  data: new Uint8Array(4),
  recentOps: [],
  opsFloor: zero,
})

type Says = (operation: Operation) => AgentAnswer | null

/** Two members that are linked; @param accepts - what the checker says of bytes. */
async function openBench(says: Map<PeerId, Says>, accepts: (version: string) => boolean = () => true) {
  const asked: [PeerId, Operation][] = []
  const pulse = { wallMs: 1, registry: '0'.repeat(64) as Digest, epoch: 1, grant: '', members: [] }
  const network: AgentNetwork = {
    isConnected: () => true,
    connect: async () => true,
    learn: () => undefined,
    async ask(to, bytes) {
      const question = decodeQuestion(bytes)
      if (question?.kind !== 'operate') return encodeAnswer({ kind: 'done', body: encodePulse(pulse) })
      asked.push([to, question.operation])
      const answer = says.get(to)!(question.operation)
      return answer === null ? null : encodeAnswer(answer)
    },
  }
  const parts = { network, clock: systemClock, isMember: async () => true, told: () => undefined, log: quiet }
  const links = new FleetLinks(parts, [p1, p2])
  links.start()
  while (links.ready().length < 2) await links.nextChange()
  links.stop()
  const submitter = new RemoteSubmitter({
    links,
    provenance: new Provenance({ accepts: claim => accepts(claim.version) }, async () => undefined),
    denied: ({ rule }) => new SlurpError('GRANT_DENIED', `By ${rule}.`),
    hlc: newClock('00000001'),
    wallMs: () => 1,
    monotonicMs: () => systemClock.monotonicMs(),
    log: quiet,
  })
  return { submitter, asked }
}

const found = (count: number): AgentAnswer => ({
  kind: 'done',
  body: encodeOutcome(zero, { kind: 'found', value: valueAt(count) }),
})
const denied: AgentAnswer = { kind: 'denied', rule: 'roles', opensAtMs: null }
const read: Operation = { kind: 'read', key }
const versionIn = async (submitter: RemoteSubmitter) => {
  const outcome = await submitter.submit(read, 2_000)
  return outcome.kind === 'found' ? outcome.value.version : outcome.kind
}

test('bytes that nobody signed, and a version older than one that was seen, are asked of another member', async () => {
  const says = new Map<PeerId, Says>([
    [p1, () => found(7)],
    [p2, () => found(7)],
  ])
  const { submitter } = await openBench(says, version => version !== versionAt(9))
  assert.equal(await versionIn(submitter), versionAt(7))
  says.set(p1, () => found(3))
  for (let turn = 0; turn < 4; turn++) assert.equal(await versionIn(submitter), versionAt(7))
  says.set(p1, () => found(9))
  for (let turn = 0; turn < 4; turn++) assert.equal(await versionIn(submitter), versionAt(7))
  assert.ok(submitter.counters.refusedAnswers > 0)
})

test('a write that one member does not answer goes to another one as the next attempt of the same', async () => {
  const written: AgentAnswer = {
    kind: 'done',
    body: encodeOutcome(zero, { kind: 'written', version: versionAt(5), parent: null, acks: 2, replicas: 3 }),
  }
  let isFirst = true
  const once: Says = () => {
    const answer = isFirst ? null : written
    isFirst = false
    return answer
  }
  const { submitter, asked } = await openBench(new Map([p1, p2].map(peer => [peer, once])))
  const { kind, hash, expiresAtMs, data } = valueAt(5)
  const operation: WriteOperation = {
    kind: 'write',
    id: versionAt(5),
    attempt: 1,
    key,
    expect: 'any',
    parent: null,
    value: { kind, hash, expiresAtMs, data: data! },
    epoch: null,
  }
  assert.equal((await submitter.submit(operation, 2_000)).kind, 'written')
  assert.deepEqual(
    asked.map(([, each]) => [(each as WriteOperation).id, (each as WriteOperation).attempt]),
    [
      [versionAt(5), 1],
      [versionAt(5), 2],
    ],
  )
  assert.notEqual(asked[0]![0], asked[1]![0])
})

test('one member that denies does not decide; all of them do', async () => {
  const says = new Map<PeerId, Says>([
    [p1, () => denied],
    [p2, () => found(1)],
  ])
  const { submitter } = await openBench(says)
  for (let turn = 0; turn < 3; turn++) assert.equal(await versionIn(submitter), versionAt(1))
  says.set(p2, () => denied)
  await assert.rejects(submitter.submit(read, 2_000), { code: 'GRANT_DENIED' })
})
