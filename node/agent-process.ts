import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { bootTag, newClock } from '../base/hlc.ts'
import type { FleetId, PeerId, RoleName } from '../base/ids.ts'
import { sha256Hex } from '../crypto/digest.ts'
import { newEnvelopeChecker } from '../crypto/envelope-checker.ts'
import { encodeGrantFile, splitChain } from '../crypto/grants/chain-text.ts'
import { grantFile } from '../crypto/grants/first-grants.ts'
import { clockTagOf, type Identity } from '../crypto/identity.ts'
import type { View } from '../dht/view.ts'
import { startAgentLibp2p } from './adapters/libp2p/agent-start.ts'
import { AgentClock, agentDirectory, claimedFleet, findRecord, forAMoment, nextBoot } from './agent-parts.ts'
import { type AgentRoles, openAgentRoles } from './agent-roles.ts'
import { type AgentSearch, openAgentSearch } from './agent-search.ts'
import { AgentKeys } from './agents/agent-keys.ts'
import { FleetLinks } from './agents/fleet-links.ts'
import { Provenance } from './agents/provenance.ts'
import { RemoteSubmitter } from './agents/remote-submitter.ts'
import { epochOf } from './fleet-files.ts'
import type { Search } from './fleet-search/api.ts'
import { opensContexts } from './grants/agent-rights.ts'
import { refusedBy, sentenceOf } from './grants/denials.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import { granterKey } from './grants/granter-key.ts'
import { RightsDesk } from './grants/rights-desk.ts'
import { keepMemoryOutOfDumps } from './keys/memory-guard.ts'
import { CryptoMeter } from './monitoring/crypto-meter.ts'
import { writePrivately } from './peer-settings.ts'
import type { Log } from './running-peer.ts'
import type { ContextStore } from './store/api.ts'
import type { Catalogue } from './store/catalogue/api.ts'
import { newContextStore, type StoreParts } from './store/context-store.ts'

export type JoinFleetOptions = {
  /** `/ip4/…/tcp/…/p2p/…` of members to ask first; one that is up is enough. */
  readonly bootstrap: readonly string[]
  /** Who this process is; the grant is for its id. */
  readonly identity: Identity
  /** The text of a grant: certificate and grant, as `joinChain` writes them. */
  readonly grant: string
  /** What is public is kept here for the next run; null: nothing is. */
  readonly dir?: string | null
  /** Keeps a copy of what its roles open, sealed, and an index of it in `dir`: for `search` and `catalogue`. */
  readonly index?: boolean
  /** As the index names this agent. */
  readonly name?: string
  /** Key of a private network. */
  readonly networkKey?: Uint8Array | null
  readonly contextBytesMax?: number
  /** How long to look for the fleet. */
  readonly patienceMs?: number
  readonly log?: Log
}

/** How an agent stands with its fleet. `open`: has all keys that its grant gives. */
export type AgentState = {
  readonly state: 'open' | 'collecting' | 'sealed'
  /** One sentence; null while there is nothing to say. */
  readonly reason: string | null
  readonly keys: { readonly open: number; readonly wanted: number }
  readonly epoch: number
  readonly members: readonly { readonly id: PeerId; readonly name: string; readonly isConnected: boolean }[]
}

/** A fleet as an agent has it. */
export type JoinedFleet = {
  readonly id: PeerId
  readonly fleet: FleetId
  /** As the grant of this agent allows. */
  readonly store: ContextStore
  /** What there is, as far as the grant of this agent allows. Both throw SlurpError ROUTE_UNKNOWN without `index`. */
  readonly catalogue: Catalogue
  readonly search: Pick<Search, 'search'>
  /** The private index itself, for the door of this agent; null without `index`. */
  readonly index: Search | null
  readonly rights: RightsDesk
  readonly grants: GrantKeeper
  readonly keys: AgentKeys
  /** Keys of roles: replaced by this agent where its grant allows `admin:keys`. */
  readonly roles: AgentRoles
  readonly cryptoMeter: CryptoMeter
  readonly authorityPublicKey: Uint8Array
  /** How it came in: what another agent may be told to come in as well. */
  readonly joinedBy: {
    readonly dir: string
    readonly bootstrap: readonly string[]
    readonly networkKey: Uint8Array | null
  }
  /** Members when the authority signed last. */
  readonly view: View
  state(): AgentState
  counters(): Record<string, number>
  /** Resolves once all keys are here that the grant gives, or rejects with why they are not. @throws SlurpError SEALED. */
  opened(withinMs: number): Promise<void>
  /** Keys are overwritten, connections closed. Safe to call twice. */
  stop(): Promise<void>
}

const patienceMsDefault = 20_000
const tendMs = 300
/** So long an agent keeps its keys while no member confirms its grant: it may have been revoked. */
export const confirmedWithinMs = 8_000

const unheard = () => undefined
const quiet: Log = { debug: unheard, info: unheard, warn: unheard, error: unheard }

/**
 * Joins a fleet as an agent: a process that is no member, finds the fleet by Kademlia, collects the keys that its grant gives it
 * from the holders of their shares, and seals and opens by itself. Members see sealed bytes only.
 *
 * @throws SlurpError GRANT_INVALID when the grant is of another fleet or for another identity; UNREACHABLE when no member was
 * found in time; CONFIG_INVALID for a bootstrap address that is none, and for an index without a directory.
 */
export async function joinFleet(options: JoinFleetOptions): Promise<JoinedFleet> {
  const { identity, grant, log = quiet, networkKey = null } = options
  const fleet = claimedFleet(grant)
  if (options.index === true && (options.dir ?? null) === null)
    throw new SlurpError('CONFIG_INVALID', 'An index needs a directory that outlives this run.', {
      hint: 'Name one with `dir`, or join without `index`.',
    })
  const unguarded = keepMemoryOutOfDumps()
  if (unguarded !== null) log.warn({ why: unguarded }, 'core dumps of this process may show its keys')
  const { dir, remove } = agentDirectory(options.dir ?? null)
  const known = new Set<PeerId>()
  const closers: (() => Promise<void> | void)[] = [remove]
  const close = async () => {
    for (const each of closers) await each()
  }
  try {
    const libp2p = await startAgentLibp2p({
      privateKey: identity.privateKey,
      fleet,
      bootstrap: options.bootstrap,
      networkKey,
      verifyRecord: bytes => epochOf(bytes, fleet),
      members: () => [...known],
    })
    closers.unshift(() => libp2p.stop())
    for (const peer of libp2p.bootstrap) known.add(peer)
    const record = await findRecord(dir, fleet, libp2p, options.patienceMs ?? patienceMsDefault)
    const { authorityPublicKey, view } = record
    writePrivately(join(dir, grantFile), encodeGrantFile(splitChain(grant)))
    const clock = new AgentClock(() => links.offMs)
    const grants = await GrantKeeper.open({
      dir,
      identity,
      fleet,
      authorityPublicKey,
      nameOf: peer => links.nameOf(peer),
      key: granterKey(dir, identity),
      time: () => clock,
      log,
    })
    const own = grants.own
    if (own === null || own.grant.subjectKind !== 'agent') {
      throw new SlurpError('GRANT_INVALID', 'This grant is not for this identity as an agent.', {
        hint: 'Ask for one with `slurp grant create --subject ID`; `slurp agent --dir DIR --dry-run` shows the id.',
      })
    }
    const links: FleetLinks = new FleetLinks(
      {
        network: {
          ask: (to, question, timeoutMs) => libp2p.agents.ask(to, question, timeoutMs),
          isConnected: peer => libp2p.agents.isConnected(peer),
          connect: peer => {
            known.add(peer)
            return libp2p.connect(peer)
          },
          learn: (peer, addresses) => libp2p.learn(peer, addresses),
        },
        clock,
        isMember: (peer, shown) => isMemberBy(grants, peer, shown),
        // Who is refused learns from who refuses what was revoked; the others tell it from time to time.
        told: (peer, refusal) => {
          if (refusal !== null || peer === links.ready()[0]) void grants.sync.compareWith(peer)
        },
        log,
      },
      [...known, ...view.members.map(({ id }) => id)],
    )
    closers.unshift(() => links.stop())
    links.learn(view.members.map(({ id, name }) => ({ id, name, addresses: [] })))
    grants.connect({
      peers: () => links.ready(),
      ask: async (peer, question) => {
        const answer = await links.ask(peer, { kind: 'grants', question }, askMs)
        if (answer?.kind === 'done') return answer.body
        throw new SlurpError('QUORUM_UNREACHED', 'A member gave no answer to a question about grants.')
      },
    })
    const hlc = newClock(bootTag(clockTagOf(identity.peerId), nextBoot(dir, (options.dir ?? null) !== null)))
    const checker = newEnvelopeChecker({
      fleet,
      isAuthor: () => true,
      isGranted: (header, isFresh) => grants.judge.isGranted(header, isFresh),
    })
    const provenance = new Provenance(checker, peer => grants.sync.fetchMissing(peer))
    const submitter = new RemoteSubmitter({
      links,
      provenance,
      denied: ({ rule, opensAtMs }) => refusedBy(own.grant.name, rule, opensAtMs),
      hlc,
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      log,
    })
    /** Why this agent may have no key now; null while it may. */
    const barred = forAMoment(clock, (): string | null => {
      const verdict = grants.judge.decide(own, { ...linking, subject: identity.peerId }, grants.judge.nowMs)
      if (!verdict.allowed) return `Its grant is refused. ${sentenceOf(verdict.rule)}`
      const [refusal] = links.refusals()
      if (refusal !== undefined) return `The members refuse its grant by the rule "${refusal.rule}".`
      if (links.unconfirmedMs <= confirmedWithinMs) return null
      return `No member has confirmed its grant for ${confirmedWithinMs / 1000} s.`
    })
    const cryptoMeter = new CryptoMeter()
    let finder: AgentSearch | null = null
    const keys: AgentKeys = new AgentKeys({
      self: identity,
      fleet,
      exchange: libp2p.keys,
      links,
      clock,
      log,
      meter: cryptoMeter,
      roles: () => (barred() === null ? rolesOf(grants) : null),
      why: () => barred() ?? 'The keys are being collected.',
      sealed: () => {
        store.forget()
        finder?.forget()
        roles.forget()
      },
    })
    closers.unshift(() => keys.stop())
    const storeParts: StoreParts = {
      submitter,
      fleet: {
        id: fleet,
        get roles() {
          return keys.recipients
        },
      },
      keys: keys.held,
      meter: cryptoMeter,
      author: identity,
      grantFor: project => grants.namedIn(project, keys.held.fleetSecret),
      nameOf: peer => links.nameOf(peer),
      clock,
      hlc,
      limits: options.contextBytesMax === undefined ? {} : { contextBytesMax: options.contextBytesMax },
    }
    const store = newContextStore(storeParts)
    if (options.index === true) {
      const { name = identity.peerId } = options
      finder = await openAgentSearch({
        ...{ dir, name, view, links, provenance, store, storeParts, clock, log },
        hasKeys: () => keys.isOpen,
        barred,
        sees: found => rights.mayFind(found),
        limits: sha256Hex(Buffer.from(JSON.stringify([own.grant.limits, own.delegate.limits]))),
      })
      closers.unshift(finder.stop)
    }
    const roles: AgentRoles = openAgentRoles({
      ...{ self: identity, fleet, view, keys, links, provenance, submitter, grants, clock, hlc, log },
      exchange: libp2p.keys,
    })
    closers.unshift(() => roles.stop())
    const catalogue = finder?.catalogue ?? unlisted
    const rights: RightsDesk = new RightsDesk({
      keeper: grants,
      store,
      catalogue,
      keys: keys.held,
      searchIsOwn: true,
    })
    links.start()
    const tending = setInterval(() => void keys.tend(), tendMs)
    closers.unshift(() => clearInterval(tending))
    const state = (): AgentState => {
      const why = barred()
      const base = { keys: keys.progress, epoch: Math.max(view.epoch, links.epoch), members: links.list() }
      if (why !== null) return { ...base, state: 'sealed', reason: why }
      if (keys.isOpen) return { ...base, state: 'open', reason: null }
      return { ...base, state: 'collecting', reason: 'The keys are being collected.' }
    }
    let stopping: Promise<void> | null = null
    return {
      id: identity.peerId,
      fleet,
      store: rights.storeOf(rights.self, null),
      catalogue: rights.catalogueOf(rights.self, null),
      search: rights.searchOf(rights.self, null, finder?.search ?? unlisted),
      index: finder?.search ?? null,
      rights,
      grants,
      keys,
      roles,
      cryptoMeter,
      authorityPublicKey,
      joinedBy: { dir, bootstrap: options.bootstrap, networkKey },
      view,
      state,
      counters: () => ({
        ...submitter.counters,
        ...store.counters(),
        ...grants.sync.counters,
        ...roles.counters(),
        ...finder?.counters(),
      }),
      async opened(withinMs) {
        const untilMs = clock.monotonicMs() + withinMs
        while (!keys.isOpen && clock.monotonicMs() < untilMs) {
          await keys.tend()
          await new Promise<void>(resolve => clock.at(clock.monotonicMs() + 20, resolve))
        }
        const { state: now, reason } = state()
        if (now !== 'open') throw new SlurpError('SEALED', `This agent has no keys. ${reason}`)
      },
      stop: () => (stopping ??= close()),
    }
  } catch (failure) {
    await close()
    throw failure
  }
}

const askMs = 3_000
/** What an agent without an index says to who wants to find something. */
export const noIndex = (): SlurpError =>
  new SlurpError('ROUTE_UNKNOWN', 'This agent keeps no index of what there is.', {
    hint: 'Run it with `slurp agent --index`, in the library with `index: true` and `dir`; or ask a peer that holds roles.',
  })
const refuse = () => Promise.reject(noIndex())
const nothing: Catalogue = { list: refuse, tree: refuse, decisions: refuse, stale: refuse }
const unlisted = { seenBy: () => nothing, search: refuse }
const linking = { operation: 'link', target: 'fleet', address: 'notAsked' } as const

/** A member shows a grant of a peer for the id that its connection has proven. */
async function isMemberBy(grants: GrantKeeper, peer: PeerId, shown: string): Promise<boolean> {
  try {
    const chain = await grants.grants.prove(shown)
    return chain.grant.subject === peer && grants.judge.mayLink(chain, peer, 'notAsked')
  } catch (failure) {
    if (failure instanceof SlurpError) return false
    throw failure
  }
}

/** Roles whose keys the grant gives: none where nothing that it allows opens a context. */
function rolesOf(grants: GrantKeeper): 'any' | readonly RoleName[] {
  const { own } = grants
  if (own === null) return []
  const links = [own.grant.limits, own.delegate.limits]
  if (!links.every(opensContexts)) return []
  const lists = links.flatMap(({ roles }) => (roles === 'any' ? [] : [roles]))
  return lists.length === 0 ? 'any' : lists.reduce((a, b) => a.filter(role => b.includes(role)))
}
