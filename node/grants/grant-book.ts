import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, PeerId } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { joinChain, splitChain } from '../../crypto/grants/chain-text.ts'
import { type ChainText, type GrantChain, openGrantChain } from '../../crypto/grants/grant-chain.ts'
import { LineFile } from './line-file.ts'

export const grantsFile = 'grants.ndjson'
/** Grants that one peer knows, at most: those of years, as what was written under them is judged by them. */
export const grantsKnownMax = 16_384
const provenMax = 4_096
const missingMax = 256

export type KnownGrant = { readonly text: string; readonly chain: GrantChain }

/**
 * Every grant that this peer has proven, from the key of the authority down, by the hash that envelopes name. Kept in a
 * file, which is proven anew when it is read.
 */
export class GrantBook {
  readonly #authorityPublicKey: Uint8Array
  readonly #file: LineFile
  readonly #byHash = new Map<Digest, KnownGrant>()
  readonly #byBearer = new Map<Digest, GrantChain>()
  /** Newest first. */
  readonly #bySubject = new Map<PeerId, GrantChain[]>()
  readonly #byText = new LRUCache<Digest, GrantChain>({ max: provenMax })
  readonly #missing = new Set<Digest>()
  #grantlessBeforeMs = 0

  private constructor(file: LineFile, authorityPublicKey: Uint8Array) {
    this.#file = file
    this.#authorityPublicKey = authorityPublicKey
  }

  /** Reads the file; a line that proves nothing is left out. About 2 ms for each grant. */
  static async open(path: string, authorityPublicKey: Uint8Array): Promise<GrantBook> {
    const file = new LineFile(path)
    const book = new GrantBook(file, authorityPublicKey)
    for (const line of file.read()) {
      const text = fromLine(line)
      if (text !== null) await book.#note(text).catch(ignoreInvalid)
    }
    return book
  }

  get size(): number {
    return this.#byHash.size
  }

  /** Versions from before this moment count without a grant, as the authority says; 0: none does. */
  get grantlessBeforeMs(): number {
    return this.#grantlessBeforeMs
  }

  hashes(): Digest[] {
    return [...this.#byHash.keys()]
  }

  all(): Iterable<KnownGrant> {
    return this.#byHash.values()
  }

  get(hash: Digest): KnownGrant | null {
    return this.#byHash.get(hash) ?? null
  }

  byBearer(bearer: Digest): GrantChain | null {
    return this.#byBearer.get(bearer) ?? null
  }

  /** Grants of one subject, newest first. */
  of(subject: PeerId): readonly GrantChain[] {
    return this.#bySubject.get(subject) ?? []
  }

  /** Notes that an envelope named a grant that nobody here knows. */
  miss(hash: Digest): void {
    if (this.#missing.size < missingMax) this.#missing.add(hash)
  }

  takeMissing(): Digest[] {
    const missing = [...this.#missing].filter(hash => !this.#byHash.has(hash))
    this.#missing.clear()
    return missing
  }

  /** Proves a chain; the work is done once for each text. Not kept. @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
  async prove(text: string): Promise<GrantChain> {
    const digest = sha256Hex(text)
    const known = this.#byText.get(digest)
    if (known !== undefined) return known
    const chain = await openGrantChain(splitChain(text), this.#authorityPublicKey)
    this.#byText.set(digest, chain)
    return chain
  }

  /**
   * Proves a chain and keeps it.
   *
   * @returns whether it was new here.
   * @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN; TOO_MANY when the book is full.
   */
  async learn(text: string): Promise<boolean> {
    if (!(await this.#note(text))) return false
    this.#file.append(JSON.stringify(splitChain(text)))
    return true
  }

  async #note(text: string): Promise<boolean> {
    const chain = await this.prove(text)
    if (this.#byHash.has(chain.grantHash)) return false
    if (this.#byHash.size >= grantsKnownMax) {
      throw new SlurpError('TOO_MANY', `This peer knows ${grantsKnownMax} grants, which is the most.`)
    }
    const { delegate, grant, grantHash } = chain
    this.#grantlessBeforeMs = Math.max(this.#grantlessBeforeMs, delegate.grantlessBeforeMs)
    this.#byHash.set(grantHash, { text, chain })
    if (grant.bearer !== null) this.#byBearer.set(grant.bearer, chain)
    const others = this.#bySubject.get(grant.subject) ?? []
    const ordered = [...others, chain].sort((a, b) => b.grant.expiresMs - a.grant.expiresMs)
    this.#bySubject.set(grant.subject, ordered)
    return true
  }
}

function fromLine(line: string): string | null {
  try {
    const { delegate, grant } = JSON.parse(line) as Partial<ChainText>
    return typeof delegate === 'string' && typeof grant === 'string' ? joinChain({ delegate, grant }) : null
  } catch {
    // The end of a line that a crash cut off.
    return null
  }
}

/** What proves nothing counts for nothing. @throws what is no refusal. */
export function ignoreInvalid(thrown: unknown): void {
  if (!(thrown instanceof SlurpError)) throw thrown
}
