import type { PeerId, RoleName } from '../../base/ids.ts'
import type { GrantRequest, Verdict } from '../../crypto/grants/decide.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import { covers } from '../../crypto/grants/operations.ts'
import type { GrantKeeper } from './grant-keeper.ts'

/** What is asked; the subject is who the connection proved it to be. */
export type AgentRequest = Pick<GrantRequest, 'operation' | 'target'>
export type AgentVerdict = { readonly chain: GrantChain; readonly verdict: Verdict }

/** A grant whose hours are not now, or that has not begun, will be good later: its holder is told when, and stays connected. */
const passing: ReadonlySet<string> = new Set(['clock', 'notYet', 'hours'])
const opening = ['read', 'search', 'history'] as const

/** Whether anything of what is granted takes the key of a role. */
export const opensContexts = ({ operations }: Pick<Limits, 'operations'>): boolean =>
  opening.some(operation => covers(operations, operation))

/** Decides what agents may do at this peer, by what is known here of their grants, each time anew. */
export class AgentRights {
  readonly #keeper: GrantKeeper

  constructor(keeper: GrantKeeper) {
    this.#keeper = keeper
  }

  /** Whether somebody was ever granted something as an agent. Says nothing about now. */
  isAgent(peer: PeerId): boolean {
    return this.#chains(peer).length > 0
  }

  /** Whether who is no member may be connected at all. @param address - IP address that it calls from. */
  isAdmitted(peer: PeerId, address: string | null): boolean {
    return this.#chains(peer).some(chain => {
      const verdict = this.#decide(chain, address, { operation: 'link', target: 'fleet' })
      return verdict.allowed || passing.has(verdict.rule)
    })
  }

  /** What the grants of a peer say: of several the first that allows it. Null for who has none. */
  verdictOn(
    peer: PeerId,
    address: string | null,
    asked: (chain: GrantChain) => AgentRequest,
  ): AgentVerdict | null {
    let denied: AgentVerdict | null = null
    for (const chain of this.#chains(peer)) {
      const verdict = this.#decide(chain, address, asked(chain))
      if (verdict.allowed) return { chain, verdict }
      denied ??= { chain, verdict }
    }
    return denied
  }

  /**
   * Whether a share of a secret may be released to an agent.
   *
   * @param role - null: the secret under which addresses are hashed, which every operation on contexts takes.
   */
  mayCollect(peer: PeerId, role: RoleName | null): boolean {
    return this.#chains(peer).some(chain => {
      const { limits } = chain.grant
      if (!this.#decide(chain, 'notAsked', { operation: 'link', target: 'fleet' }).allowed) return false
      const lists = [limits, chain.delegate.limits]
      if (role === null) return lists.every(({ operations }) => operations.length > 0)
      return lists.every(
        limits => opensContexts(limits) && (limits.roles === 'any' || limits.roles.includes(role)),
      )
    })
  }

  /** Whether an agent may give roles new keys; to which of them it has the keys is looked at apart. */
  mayChangeKeys(peer: PeerId): boolean {
    const asked = { operation: 'admin:keys', target: 'fleet' } as const
    return this.#chains(peer).some(chain => this.#decide(chain, 'notAsked', asked).allowed)
  }

  #chains(peer: PeerId): readonly GrantChain[] {
    return this.#keeper.grants.of(peer).filter(({ grant }) => grant.subjectKind === 'agent')
  }

  #decide(chain: GrantChain, address: string | null, asked: AgentRequest): Verdict {
    const { judge } = this.#keeper
    const request = { ...asked, subject: chain.grant.subject, address } as GrantRequest
    return judge.decide(chain, request, judge.nowMs)
  }
}
