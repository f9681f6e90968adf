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

export type SharedSecret = {
  readonly name: string
  readonly keyVersion: number
  readonly fingerprint: string
  readonly state: 'current' | 'old' | 'retired'
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
}
