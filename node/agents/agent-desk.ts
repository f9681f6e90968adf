import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, isControlKey, type PeerId } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import type { Verdict } from '../../crypto/grants/decide.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { AdminOperation, ContextOperation } from '../../crypto/grants/operations.ts'
import { verifiedHeader } from '../../crypto/verified-envelopes.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import type { Auditor } from '../audit/auditor.ts'
import type { Audit } from '../audit/peer-audit.ts'
import type { AgentRights } from '../grants/agent-rights.ts'
import type { Log } from '../running-peer.ts'
import { Allowance } from './allowance.ts'
import type { CopyDesk } from './copy-desk.ts'
import type { CopyQuestion } from './copy-wire.ts'
import {
  type AgentAnswer,
  type AgentQuestion,
  decodeQuestion,
  encodeAnswer,
  encodeOutcome,
  encodePulse,
  type Pulse,
  recordsIn,
} from './wire.ts'

export type AgentDeskParts = {
  readonly rights: AgentRights
  readonly audit: Pick<Audit, 'check' | 'decided' | 'refused' | 'rolesOf'>
  /** What a member says of itself, and of the others where it is asked for the first time. */
  readonly pulse: (isFirst: boolean) => Pulse
  /** The registry of keys. */
  readonly registry: () => Uint8Array
  readonly submit: (operation: Operation, timeoutMs: number) => Promise<Outcome>
  /** @param mayGive - whether who asks may bring in grants, and see all of them. Null for what is no question. */
  readonly answerAboutGrants: (
    from: PeerId,
    question: Uint8Array,
    mayGive: boolean,
  ) => Promise<Uint8Array | null>
  /** Tells what there is. */
  readonly copies: Pick<CopyDesk, 'answer'>
  readonly clock: { readonly last: Parameters<typeof encodeOutcome>[0] }
  readonly log: Log
  readonly allowance?: Allowance
}

const timeoutMaxMs = 30_000

/** Why something is not done; what an agent is told of it. */
class Denied extends Error {
  readonly answer: AgentAnswer

  constructor(answer: AgentAnswer) {
    super('denied')
    this.answer = answer
  }
}

/**
 * Answers agents: processes that are no members and have a grant. Each question is judged by the grant as it is known here at
 * that moment, and recorded under the name of the agent. What an agent gets is sealed.
 */
export class AgentDesk {
  readonly counters = { agentRequests: 0, agentDenials: 0, agentsHeldBack: 0 }
  readonly #parts: AgentDeskParts
  readonly #allowance: Allowance

  constructor(parts: AgentDeskParts) {
    this.#parts = parts
    this.#allowance = parts.allowance ?? new Allowance()
  }

  /** @param address - IP address that the agent calls from. Never rejects. */
  async answer(from: PeerId, bytes: Uint8Array, address: string | null): Promise<Uint8Array> {
    const leave = this.#allowance.enter(from, performance.now())
    if (typeof leave === 'number') {
      this.counters.agentsHeldBack += 1
      return encodeAnswer({ kind: 'busy', afterMs: leave })
    }
    try {
      return encodeAnswer(await this.#answerTo(from, bytes, address))
    } catch (failure) {
      if (failure instanceof Denied) return encodeAnswer(failure.answer)
      // An audit log that cannot be written is told as what it is: this member cannot serve now.
      if (!(failure instanceof SlurpError))
        this.#parts.log.error({ failure: String(failure) }, 'an agent was not answered')
      return encodeAnswer({ kind: 'unable' })
    } finally {
      leave()
    }
  }

  async #answerTo(from: PeerId, bytes: Uint8Array, address: string | null): Promise<AgentAnswer> {
    this.counters.agentRequests += 1
    const asked = decodeQuestion(bytes)
    if (asked === null) return { kind: 'unable' }
    const who = { from, address }
    switch (asked.kind) {
      case 'pulse': {
        this.#linked(who)
        return done(encodePulse(this.#parts.pulse(asked.isFirst)))
      }
      case 'registry':
        this.#linked(who)
        return done(this.#parts.registry())
      case 'grants': {
        const mayGive = this.#ofFleet(who, 'admin:grants')?.allowed === true
        // Whose grant has ended may hear why; it gets nothing else.
        if (!mayGive && !this.#parts.rights.isAgent(from)) return { kind: 'unable' }
        const answer = await this.#parts.answerAboutGrants(from, asked.question, mayGive)
        return answer === null ? { kind: 'unable' } : done(answer)
      }
      case 'operate':
        return await this.#operate(who, asked)
      default:
        return await this.#copy(who, asked)
    }
  }

  /** What a grant lets its holder search in is what it may keep a copy of. */
  async #copy(who: Who, asked: CopyQuestion): Promise<AgentAnswer> {
    const chain = this.#check(who, ['search'], ({ grant }) => ({ roles: someRole(grant), scope: null }))
    // Most contexts of a page are sealed to the same few roles.
    const verdicts = new Map<string, boolean>()
    const found = await this.#parts.copies.answer(asked, header => {
      const about = targetOf(header)
      const name = `${about.roles.join()} ${about.scope}`
      const isAllowed = verdicts.get(name) ?? this.#verdict(who, ['search'], () => about).kind === 'allowed'
      verdicts.set(name, isAllowed)
      return isAllowed
    })
    if (found === null) return { kind: 'unable' }
    if (found.count > 0) await this.#record(who, chain, 'search', null, [], found.count)
    return done(found.body)
  }

  async #operate(
    who: Who,
    { operation, timeoutMs }: Extract<AgentQuestion, { kind: 'operate' }>,
  ): Promise<AgentAnswer> {
    const { submit, clock } = this.#parts
    if (operation.kind === 'trim' || isControlKey(operation.key)) this.#refuse(who, 'operations', 'write')
    const patienceMs = Math.min(timeoutMs, timeoutMaxMs)
    if (operation.kind === 'write') {
      const header = this.#headerOf(operation)
      if (header === null || header.author !== who.from || operation.epoch !== null) {
        return done(encodeOutcome(clock.last, { kind: 'elsewhere', reason: 'invalid' }))
      }
      const what = operation.value.kind === 'live' ? 'write' : 'delete'
      const chain = this.#check(who, [what], () => targetOf(header))
      await this.#record(who, chain, what, operation.key, [header])
      return done(encodeOutcome(clock.last, await submit(operation, patienceMs)))
    }
    const operations = operationsOf(operation)
    const chain = this.#check(who, operations, ({ grant }) => ({ roles: someRole(grant), scope: null }))
    const outcome = await submit(operation, patienceMs)
    const headers = recordsIn(outcome).flatMap(record => this.#headerOf({ ...record, value: record }) ?? [])
    // What it is sealed to is seen once it is there. Of a history one version that it may read is enough to see the list.
    const live = headers.filter(({ kind }) => kind === 'live')
    const verdicts = live.map(header => this.#verdict(who, operations, () => targetOf(header)))
    const refusal = verdicts.find(verdict => verdict.kind === 'denied')
    if (refusal !== undefined && verdicts.every(({ kind }) => kind === 'denied')) {
      await this.#deny(who, operations[0]!, refusal, operation.key, headers)
    }
    await this.#record(who, chain, operations[0]!, operation.key, headers.slice(0, 1))
    return done(encodeOutcome(clock.last, outcome))
  }

  /** @throws Denied when its grant lets it ask nothing at all. */
  #linked(who: Who): void {
    const verdict = this.#ofFleet(who, 'link')
    if (verdict === null) throw new Denied(deniedBy('subject'))
    if (!verdict.allowed) throw new Denied(deniedBy(verdict.rule, verdict.opensAtMs))
  }

  /** What its grants say of something about the fleet; null: it has none. */
  #ofFleet({ from, address }: Who, operation: AdminOperation | 'link'): Verdict | null {
    return (
      this.#parts.rights.verdictOn(from, address, () => ({ operation, target: 'fleet' }))?.verdict ?? null
    )
  }

  /** @returns the grant that allows it. @throws Denied, and records that. */
  #check(who: Who, operations: readonly ContextOperation[], about: (chain: GrantChain) => About): GrantChain {
    const verdict = this.#verdict(who, operations, about)
    if (verdict.kind === 'allowed') return verdict.chain
    return this.#refuse(who, verdict.rule, operations[0]!, verdict.opensAtMs)
  }

  #verdict(who: Who, operations: readonly ContextOperation[], about: (chain: GrantChain) => About): Judged {
    let refusal: Judged | null = null
    for (const operation of operations) {
      const said = this.#parts.rights.verdictOn(who.from, who.address, chain => {
        const { roles, scope } = about(chain)
        const [first] = [chain.grant.limits, chain.delegate.limits].flatMap(({ projects }) =>
          projects === 'any' ? [] : projects,
        )
        // A project that the envelope does not name cannot be told from another one here (decision 070).
        const target = { sight: 'blind', roles, claimedProject: scope ?? first ?? null } as const
        return { operation, target }
      })
      if (said === null) return { kind: 'denied', rule: 'subject', opensAtMs: null }
      const { verdict, chain } = said
      if (verdict.allowed) return { kind: 'allowed', chain }
      refusal ??= { kind: 'denied', rule: verdict.rule, opensAtMs: verdict.opensAtMs ?? null }
    }
    return refusal!
  }

  #refuse(who: Who, rule: string, operation: string, opensAtMs: number | null = null): never {
    this.counters.agentDenials += 1
    this.#parts.audit.refused({ code: 'GRANT_DENIED', ...subjectOf(who), operation, rule })
    throw new Denied(deniedBy(rule, opensAtMs ?? undefined))
  }

  /** A denial that is about one context, which is on record before it is answered. */
  async #deny(
    who: Who,
    operation: ContextOperation,
    { rule, opensAtMs }: Extract<Judged, { kind: 'denied' }>,
    key: ContextKey,
    headers: readonly EnvelopeHeader[],
  ): Promise<never> {
    this.counters.agentDenials += 1
    const roles = this.#parts.audit.rolesOf(headers[0]?.roles ?? [])
    const facts = { ...subjectOf(who), operation, detail: 'agent', key, roles, rule, count: 1 }
    await this.#parts.audit.decided({ ...facts, outcome: 'denied', code: 'GRANT_DENIED' })
    throw new Denied(deniedBy(rule, opensAtMs ?? undefined))
  }

  async #record(
    who: Who,
    chain: GrantChain,
    operation: ContextOperation,
    key: ContextKey | null,
    headers: readonly EnvelopeHeader[],
    count = 1,
  ): Promise<void> {
    const { audit } = this.#parts
    audit.check()
    const decision: Parameters<Auditor['decided']>[0] = {
      ...subjectOf(who),
      outcome: 'allowed',
      code: null,
      operation,
      detail: `grant:${chain.grant.id}`,
      key,
      roles: audit.rolesOf(headers[0]?.roles ?? []),
      rule: 'granted',
      count,
    }
    await audit.decided(decision)
  }

  /** What an envelope says of itself; null for what nobody signed. */
  #headerOf({
    value: { data },
  }: {
    readonly value: { readonly data: Uint8Array | null }
  }): EnvelopeHeader | null {
    if (data === null) return null
    try {
      return verifiedHeader(data, sha256Hex(data))
    } catch (failure) {
      if (failure instanceof SlurpError) return null
      throw failure
    }
  }
}

type Who = { readonly from: PeerId; readonly address: string | null }
type About = { readonly roles: EnvelopeHeaderRoles; readonly scope: EnvelopeHeader['scope'] }
type EnvelopeHeaderRoles = readonly EnvelopeHeader['roles'][number]['name'][]
type Judged =
  | { readonly kind: 'allowed'; readonly chain: GrantChain }
  | { readonly kind: 'denied'; readonly rule: string; readonly opensAtMs: number | null }

const done = (body: Uint8Array): AgentAnswer => ({ kind: 'done', body })
const deniedBy = (rule: string, opensAtMs?: number): AgentAnswer => ({
  kind: 'denied',
  rule,
  opensAtMs: opensAtMs ?? null,
})
const subjectOf = ({ from, address }: Who) => ({ subject: `agent:${from}`, source: address })
const targetOf = ({ roles, scope }: EnvelopeHeader): About => ({
  roles: roles.map(({ name }) => name),
  scope,
})

/** Who deletes looks at what stands there before. */
const operationsOf = (
  operation: Exclude<Operation, { kind: 'write' | 'trim' }>,
): readonly ContextOperation[] => {
  if (operation.kind === 'read') return ['read', 'delete']
  return operation.from === null && operation.limit === 1 ? ['history', 'read', 'delete'] : ['history']
}

/** Before it is known what a context is sealed to: whichever role the holder may act for. */
const someRole = ({ limits: { roles } }: GrantChain['grant']): EnvelopeHeaderRoles =>
  roles === 'any' ? (['any'] as unknown as EnvelopeHeaderRoles) : roles
