import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { PartitionId, PeerId, RoleName } from '../../base/ids.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import { decodeEnvelope } from '../../crypto/envelope-codec.ts'
import { openLevelDisk } from '../../node/adapters/level-disk/open-level-disk.ts'
import { systemClock } from '../../node/adapters/system-clock.ts'
import { Copier } from '../../node/agent-index/copier.ts'
import { CopySource } from '../../node/agent-index/copy-source.ts'
import { Follower } from '../../node/agent-index/follower.ts'
import { PrivateCopy } from '../../node/agent-index/private-copy.ts'
import { CopyDesk } from '../../node/agents/copy-desk.ts'
import type { CopyQuestion } from '../../node/agents/copy-wire.ts'
import { Provenance } from '../../node/agents/provenance.ts'
import {
  type AgentAnswer,
  type AgentQuestion,
  decodeQuestion,
  encodeQuestion,
} from '../../node/agents/wire.ts'
import { contextSubject, localChanges } from '../../node/local-changes.ts'
import { localHistories } from '../../node/local-histories.ts'
import type { Submitter } from '../../node/store/api.ts'
import { quietLog } from '../keys/fleets.ts'
import { ListedChanges } from '../store/listed-changes.ts'
import { keysFor, storeOn } from '../store/stores.ts'
import { openWorldBench } from '../store/world-bench.ts'

/** What a member answers instead of what it would. */
export type Bend = (peer: PeerId, asked: AgentQuestion, answer: AgentAnswer) => AgentAnswer | null

/**
 * Drivers on virtual disks that have everything, each with the desk that agents ask; and the copy of an agent of one role on a
 * real disk, kept by the real follower. Only the connections between them are made up.
 */
export async function openCopyBench(t: TestContext, peers = 2) {
  const bench = await openWorldBench(peers)
  t.after(() => bench.close())
  const { view, processes, disks } = bench
  const ids = processes.map(({ author }) => author.peerId)
  const asked: [PeerId, CopyQuestion['kind']][] = []
  const gone = new Set<PeerId>()
  const bends: Bend[] = []
  const lists = disks.map(disk => ListedChanges.of(disk))
  const desks = new Map(
    ids.map((id, at) => {
      const local = localHistories(disks[at]!, id, () => view)
      const answersFor = () => new Set(local.partitions())
      const { clock } = processes[at]!
      return [id, new CopyDesk({ local, changes: lists[at]!, answersFor, wallMs: () => clock.wallMs() })]
    }),
  )
  const sees = ({ roles }: { roles: readonly { name: RoleName }[] }) =>
    roles.some(({ name }) => name === 'developer')
  const ask = async (peer: PeerId, question: AgentQuestion): Promise<AgentAnswer | null> => {
    const read = decodeQuestion(encodeQuestion(question)) as CopyQuestion
    asked.push([peer, read.kind])
    if (gone.has(peer)) return null
    const found = await desks.get(peer)!.answer(read, sees)
    const answer: AgentAnswer = found === null ? { kind: 'unable' } : { kind: 'done', body: found.body }
    return bends.reduce<AgentAnswer | null>((told, bend) => told && bend(peer, read, told), answer)
  }
  const dir = mkdtempSync(join(tmpdir(), 'slurp-copy-'))
  const opened = await openLevelDisk({
    dir: join(dir, 'copy'),
    expectExisting: false,
    subjectOf: contextSubject,
  })
  const self = 'an agent' as PeerId
  const alone = { ...view, partitions: view.partitions.map(each => ({ ...each, owners: [self] })) }
  const copy = new PrivateCopy(
    opened.disk,
    localHistories(opened.disk, self, () => alone),
  )
  const checker = newEnvelopeChecker({ fleet: bench.fleet, isAuthor: () => true, isGranted: () => true })
  const [{ submitter: driver }] = processes as [(typeof processes)[0]]
  const clock = systemClock
  // What members do for an agent: they see to it that it gets nothing of other roles.
  const submitter: Submitter = {
    async submit(operation, timeoutMs) {
      const outcome = await driver.submit(operation, timeoutMs)
      const { data = null } = outcome.kind === 'found' ? outcome.value : {}
      const header = data === null ? null : decodeEnvelope(data).header
      if (header?.kind === 'live' && !sees(header)) throw new SlurpError('GRANT_DENIED', 'By its roles.')
      return outcome
    },
  }
  const source = new CopySource({
    links: { ask },
    provenance: new Provenance(checker, async () => undefined),
    submitter,
    clock,
    log: quietLog,
  })
  const copier = new Copier({ source, copy, clock })
  const partitionsTotal = view.partitions.length
  const followers: Follower[] = []
  const follow = (recheckMs?: number) => {
    const follower = new Follower({
      links: { ready: () => ids.filter(id => !gone.has(id)) },
      source,
      copier,
      changes: localChanges(opened.changes, self),
      partitionsTotal,
      clock: systemClock,
      mayAsk: () => true,
      failed: failure => {
        throw failure
      },
      ...(recheckMs === undefined ? {} : { recheckMs }),
    })
    followers.push(follower)
    follower.start()
    return follower
  }
  t.after(async () => {
    await Promise.all(followers.map(each => each.stop()))
    await opened.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const store = storeOn(bench, processes[0]!)
  const other = storeOn(bench, processes[0]!, { keys: keysFor(['tester']) })
  /** What stands in the copy, by key. */
  const held = async () => {
    const all = { first: 0 as PartitionId, last: (partitionsTotal - 1) as PartitionId }
    const { entries } = await copy.local.heads(all.first, null, 10_000, all.last)
    return entries.map(({ key, value }) => ({ key, version: value!.version }))
  }
  return {
    bench,
    ids,
    asked,
    gone,
    bends,
    lists,
    desks,
    copy,
    copier,
    source,
    follow,
    store,
    other,
    held,
    sees,
  }
}
