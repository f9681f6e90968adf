import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Denial, LeftToCheck } from '../../crypto/grants/decide.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import type { AdminOperation, GrantedOperation, Operation } from '../../crypto/grants/operations.ts'
import type { JoinRequest, JoinTicket } from '../fleet-control.ts'
import type { Search } from '../fleet-search/api.ts'
import type { ContextStore } from '../store/api.ts'
import type { Catalogue } from '../store/catalogue/api.ts'

declare const brand: unique symbol
/** Who asks at a door: the peer itself, by its own token, or the holder of a grant. Made by `Rights` only. */
export type Caller = {
  readonly name: string
  /** Of the grant; null for the peer itself. */
  readonly id: string | null
  readonly [brand]: 'Caller'
}

/** Who may do what at the doors of one peer; asked for every request. */
export interface Rights {
  /** The peer itself: library, and whoever holds its own token. */
  readonly self: Caller
  /** @returns null for a secret that no grant in force knows. */
  callerOf(bearer: string): Caller | null
  /**
   * @param address - IP address that the request comes from.
   * @throws SlurpError GRANT_DENIED, naming the rule.
   */
  check(caller: Caller, operation: AdminOperation | 'link', address: string | null): void
  /** The store as this caller may use it: each call throws GRANT_DENIED beyond what is granted. */
  storeOf(caller: Caller, address: string | null): ContextStore
  /** The catalogue as this caller may use it: what it may not find is not there, nor counted. */
  catalogueOf(caller: Caller, address: string | null): Catalogue
  /** A search as this caller may use it. */
  searchOf(caller: Caller, address: string | null, search: Pick<Search, 'search'>): Pick<Search, 'search'>
}

/** A grant as doors show it. Projects are the scopes that stand for their names: nobody can tell the names from them. */
export type GrantText = {
  readonly id: string
  readonly name: string
  readonly kind: 'agent' | 'peer'
  readonly subject: string
  /** Whether a door takes a secret for it. */
  readonly isBearer: boolean
  readonly state: 'valid' | 'notYet' | 'expired' | 'revoked'
  readonly issuedAt: string
  readonly notBefore: string
  readonly expiresAt: string
  readonly limits: Limits
}

/** What is to be allowed, in the words of who orders it. */
export type LimitsOrder = {
  readonly operations: readonly GrantedOperation[]
  readonly roles: 'any' | readonly string[]
  /** Names, as addresses have them. */
  readonly projects: 'any' | readonly string[]
  readonly paths: 'any' | readonly string[]
  readonly networks: 'any' | readonly string[]
  readonly hours: Limits['hours']
}

export type GrantOrder = LimitsOrder & {
  /** Name or id of a member, id of another process, or a name for a holder that has no key of its own. */
  readonly subject: string
  readonly kind: 'agent' | 'peer'
  readonly ttlSeconds: number
  /** Whether doors take a secret for it; it is in the answer, and nowhere else. */
  readonly bearer: boolean
  readonly dryRun: boolean
}

export type RevokeOrder = {
  /** Milliseconds since 1970; null: from now on. */
  readonly sinceMs: number | null
  /** Whether roles get new keys that its holder may have had in its memory. */
  readonly rotate: boolean
  readonly dryRun: boolean
}

export type RevokedGrant = GrantText & {
  /** Names of the roles that get a new key now, as a duty of the leader. */
  readonly rotates: readonly string[]
}

export type GrantCreated = {
  readonly grant: GrantText
  /** For the holder: what `grant.json` holds. Null for a rehearsal. */
  readonly chain: { readonly delegate: string; readonly grant: string } | null
  /** Null where none was asked for, and for a rehearsal. */
  readonly token: string | null
}

export type Explained = {
  readonly grant: GrantText
  readonly operation: Operation | 'link'
  readonly allowed: boolean
  readonly rule: Denial | 'granted'
  /** Whose limit it was; null when it is allowed. */
  readonly link: 'delegate' | 'grant' | null
  /** When a closed window opens; null where waiting does not help. */
  readonly opensAt: string | null
  /** Until when it is allowed, should no revocation come first; null when it is denied. */
  readonly until: string | null
  readonly leftToCheck: readonly LeftToCheck[]
  readonly sentence: string
}

export type ExplainOrder = {
  /** Id or name of a grant. */
  readonly grant: string
  readonly operation: Operation | 'link'
  readonly address: string | null
  readonly roles: readonly string[] | null
  readonly from: string | null
  /** Milliseconds since 1970; null: now. */
  readonly atMs: number | null
}

export type DelegateText = {
  readonly id: string
  readonly publicKey: string
  readonly issuedAt: string
  readonly expiresAt: string
  readonly certificate: string
}

export type JoinTokenMade = {
  /** A secret of one line: who has it is let in, once. */
  readonly token: string
  readonly expiresAt: string
  /** Whether the peer is given the keys of roles. */
  readonly roles: boolean
}

/** One-time tokens by which new peers come in. */
export interface JoinTokens {
  /**
   * @param doorUrl - where the new peer is to ask.
   * @throws SlurpError TOO_MANY, QUORUM_UNREACHED.
   */
  create(
    doorUrl: string,
    wish: { readonly ttlSeconds: number; readonly roles: boolean },
  ): Promise<JoinTokenMade>
  /**
   * Uses a token up and lets the peer in; the same peer may ask again when the answer was lost.
   *
   * @throws SlurpError JOIN_TOKEN_WRONG, and what `FleetControl.join` throws.
   */
  redeem(token: string, request: JoinRequest): Promise<JoinTicket>
}

export type AgentTokenOrder = {
  /** As grants and the log name the agent. */
  readonly name: string
  /** How long the fleet waits for the agent. */
  readonly ttlSeconds: number
  /** What it is granted, and for how long once it came in. */
  readonly grant: LimitsOrder & { readonly ttlSeconds: number }
  readonly dryRun: boolean
}

export type AgentTokenMade = {
  /** A secret of one line: who has it is granted what it is for, once. Null for a rehearsal. */
  readonly token: string | null
  readonly name: string
  readonly expiresAt: string
  readonly limits: Limits
}

/** What an agent says of itself as it shows a token. */
export type AgentJoinRequest = {
  readonly id: PeerId
  /** age recipient of its own key. */
  readonly recipient: string
  /** base64 of what it signs by the key of its id (`agentProofBytes`). */
  readonly proof: string
}

/** What an agent needs to run: no secret is in it but the key of a private network, sealed to it. */
export type AgentTicket = {
  readonly fleet: FleetId
  readonly name: string
  /** What `grant.json` holds. */
  readonly grant: { readonly delegate: string; readonly grant: string }
  /** Multiaddresses of members, to look for them. */
  readonly bootstrap: readonly string[]
  /** base64; not there where the network is open. */
  readonly networkKey?: string | undefined
}

/** One-time tokens by which new agents are granted something. */
export interface AgentTokens {
  /**
   * @param doorUrl - where the agent is to ask.
   * @throws SlurpError GRANT_DENIED beyond what the caller may, SEALED, TOO_MANY, ROLE_UNKNOWN, QUORUM_UNREACHED.
   */
  create(doorUrl: string, caller: Caller, order: AgentTokenOrder): Promise<AgentTokenMade>
  /**
   * Uses a token up and grants what it is for to who shows it; the same agent may ask again when the answer was lost.
   *
   * @throws SlurpError JOIN_TOKEN_WRONG, SEALED, QUORUM_UNREACHED.
   */
  redeem(token: string, request: AgentJoinRequest): Promise<AgentTicket>
}

/** Grants as an operator sees and changes them. */
export interface GrantAdmin {
  list(): readonly GrantText[]
  /** @throws SlurpError GRANT_UNKNOWN. */
  show(name: string): GrantText
  /** @throws SlurpError GRANT_DENIED beyond what the caller may, SEALED, CONFIG_INVALID, MEMBER_UNKNOWN. */
  create(caller: Caller, order: GrantOrder): Promise<GrantCreated>
  /**
   * Valid no more from a moment on, on every peer within seconds. Roles whose keys its holder may have get new ones.
   *
   * @throws SlurpError GRANT_UNKNOWN, SEALED; QUORUM_UNREACHED when it is revoked, and nobody knows whether roles get new keys.
   */
  revoke(name: string, order: RevokeOrder): Promise<RevokedGrant>
  explain(order: ExplainOrder): Explained
  /** The certificate by which this fleet signs. @throws SlurpError SEALED. */
  delegate(): Promise<DelegateText>
  /** Takes a certificate that continues the one in use. @throws SlurpError GRANT_INVALID, SEALED. */
  continueDelegate(certificate: string): Promise<DelegateText>
}
