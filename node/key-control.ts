/** `open`: has all keys that it is entitled to. `sealed`: cannot get them now, or was told to give them up. */
export type KeyState = 'open' | 'collecting' | 'sealed' | 'blind'

export type KeyProgress = {
  /** Name of a role, or `@fleet`: the secret under which addresses are hashed. */
  readonly name: string
  readonly keyVersion: number
  /** First 16 hex digits of the SHA-256 of its check value. */
  readonly fingerprint: string
  readonly state: 'open' | 'collecting' | 'sealed'
  /** Shares that it takes. */
  readonly needed: number
  readonly holders: number
  readonly reachable: number
  readonly released: number
  readonly refused: readonly { readonly name: string; readonly why: string }[]
  readonly bad: readonly { readonly name: string; readonly why: string }[]
}

export type KeyStatus = {
  readonly state: KeyState
  /** One sentence; null while there is nothing to say. */
  readonly reason: string | null
  /** Holders that are missing before the keys can be collected. */
  readonly short: number
  /** Names of the holders that cannot be reached. */
  readonly missing: readonly string[]
  readonly keys: readonly KeyProgress[]
}

/**
 * Of a key version. `ending`: it is to go, and history that is sealed to it goes before. `destroyed`: nobody has it any
 * more, or a share of it.
 */
export type KeyVersionState = 'current' | 'old' | 'retired' | 'ending' | 'destroyed'

export type SharedSecret = {
  readonly name: string
  readonly keyVersion: number
  readonly fingerprint: string
  readonly state: KeyVersionState
  /** `age1…`; null for a secret that is no role's. */
  readonly recipient: string | null
  /** Grows with every dealing. */
  readonly setVersion: number
  readonly needed: number
  /** Names of those who hold a share; of peers that left, their ids. */
  readonly holders: readonly string[]
  /** The peer that was asked has its share on disk. */
  readonly isHeldHere: boolean
}

export type KeyShares = {
  readonly secrets: readonly SharedSecret[]
  readonly entitled: readonly { readonly peer: string; readonly names: readonly string[] }[]
  /** Names of the peers to which the next dealing goes. */
  readonly holdersWanted: readonly string[]
}

export type Reshared = {
  /** `name/keyVersion` of what was dealt anew; nothing where the holders are those that they should be. */
  readonly dealt: readonly string[]
  /** Names of the peers that dealt: the one that was asked, or others for what it cannot open. */
  readonly holders: readonly string[]
}

export type RotatedRole = {
  readonly name: string
  readonly keyVersion: number
  readonly fingerprint: string
  /** The key version of before: it opens what was sealed to it, and nothing new is sealed to it. */
  readonly before: number
}

export type RoleOrder = {
  readonly name: string
  /** Names of the peers that may have it; null: every peer that has roles. */
  readonly peers: readonly string[] | null
  readonly dryRun: boolean
}

export type CreatedRole = {
  readonly name: string
  readonly keyVersion: number
  /** Null for a rehearsal. */
  readonly fingerprint: string | null
  /** Names of the peers that may have its keys. */
  readonly entitled: readonly string[]
}

export type RoleList = {
  /** Days that a key of a role lasts where nothing else is said of the role; null: for ever. */
  readonly everyDays: number | null

  readonly roles: readonly {
    readonly name: string
    readonly state: 'current' | 'retired'
    /** Newest first. */
    readonly keys: readonly {
      readonly keyVersion: number
      readonly fingerprint: string
      readonly state: KeyVersionState
      readonly recipient: string
      /** ISO 8601; null where nobody knows. */
      readonly createdAt: string | null
      /** The peer that was asked has it in memory. */
      readonly isOpenHere: boolean
      /** What the disk of the peer that was asked has, as it was last counted; null where it was not yet. */
      readonly contexts: { readonly current: number; readonly history: number } | null
    }[]
    /** Names of the members that may have its keys. */
    readonly entitled: readonly string[]
    /** Days that its keys last; null: for ever. */
    readonly everyDays: number | null
    /** When its newest key is replaced, ISO 8601; a moment that has passed: now. Null: never. */
    readonly rotationDue: string | null
  }[]
  /** Sealing anew of what is sealed to keys of before, as the leader last told; null where there is nothing to tell. */
  readonly reencryption: Reencryption | null
}

/** What becomes of history that is sealed to the keys of before: it stays, and they with it, or all of it goes. */
export type KeptHistory = 'keep' | 'drop'

/**
 * `counting`: what there is to do. `sealing`: contexts are sealed anew. `trimming`: history that nobody needs to keep the
 * keys for goes. `waiting`: nothing more can be done now, `why` says what for. `done`: nothing stands that is sealed to a
 * key of before.
 */
export type Reencryption = {
  readonly phase: 'counting' | 'sealing' | 'trimming' | 'waiting' | 'done'
  /** Contexts, of the whole fleet. Null until they were counted. */
  readonly total: number | null
  readonly done: number
  /** Contexts a second, of late. */
  readonly perSecond: number
  /** Null where nobody can say. */
  readonly etaSeconds: number | null
  /** ISO 8601. */
  readonly startedAt: string
  /** Names of members that could not be asked. */
  readonly absent: readonly string[]
  /** One sentence; null but for `waiting`. */
  readonly why: string | null
}

export type ContextsOfKeys = {
  /** Null until they were counted. */
  readonly counts:
    | readonly {
        readonly name: string
        readonly keyVersion: number
        readonly current: number
        readonly history: number
      }[]
    | null
  readonly reencryption: Reencryption | null
}

/** What the doors can do about the keys of one process. */
export interface KeyControl {
  status(): KeyStatus
  shares(): KeyShares
  /** Collects the keys again, and waits for them a while. @throws SlurpError SEALED when too few holders gave theirs. */
  unseal(): Promise<KeyStatus>
  /** Wipes the keys of this process; it opens nothing until `unseal` or its next start. */
  seal(): KeyStatus
  /**
   * Deals the secrets anew to the members of now.
   *
   * @param force - also those whose holders are right already: makes all shares that went astray useless.
   * @throws SlurpError SEALED, QUORUM_UNREACHED when a member cannot be reached or nobody agrees.
   */
  reshare(force: boolean): Promise<Reshared>
  roles(): RoleList
  /**
   * A new role, which its peers can open and everybody can seal to when it returns.
   *
   * @throws SlurpError USAGE, VERSION_CONFLICT when there is one of that name, TOO_MANY, MEMBER_UNKNOWN, ROLE_DENIED, SEALED,
   * QUORUM_UNREACHED.
   */
  createRole(order: RoleOrder): Promise<CreatedRole>
  /**
   * Has keys replaced after so many days.
   *
   * @param role - null: those of every role that has no number of its own.
   * @param days - null: never.
   * @throws SlurpError USAGE, ROLE_UNKNOWN, QUORUM_UNREACHED.
   */
  scheduleRotation(role: string | null, days: number | null): Promise<RoleList>
  /**
   * A new key version for a role. From the answer on contexts are sealed to it by every peer that has heard of it.
   *
   * @throws SlurpError ROLE_UNKNOWN, SEALED when the peer cannot open the role, VERSION_CONFLICT, TOO_MANY, QUORUM_UNREACHED.
   */
  rotate(role: string, history?: KeptHistory): Promise<RotatedRole>
  /**
   * Lets go of the keys of a role that were replaced: history that is sealed to them is dropped, and once nothing is
   * sealed to them they are wiped everywhere. It cannot be taken back.
   *
   * @throws SlurpError ROLE_UNKNOWN, QUORUM_UNREACHED.
   */
  destroy(role: string): Promise<RoleList>
  /** Nothing is sealed to the role any more. @throws SlurpError ROLE_UNKNOWN, QUORUM_UNREACHED. */
  retire(role: string): Promise<RoleList>
}
