import { SlurpError } from '../../base/errors.ts'
import type { Digest } from '../../base/ids.ts'
import {
  mergeRevocations,
  noRevocations,
  type OpenedRevocations,
  openRevocations,
  type Revocations,
} from '../../crypto/grants/revocations.ts'
import { LineFile } from './line-file.ts'

export type RevocationText = Pick<OpenedRevocations, 'text' | 'delegate'>

/** What this peer knows to be revoked, with the lists that say so. Kept in a file, which is proven anew when it is read. */
export class RevocationBook {
  readonly #authorityPublicKey: Uint8Array
  readonly #file: LineFile
  #known: Revocations = noRevocations
  #generation = 0

  private constructor(file: LineFile, authorityPublicKey: Uint8Array) {
    this.#file = file
    this.#authorityPublicKey = authorityPublicKey
  }

  static async open(path: string, authorityPublicKey: Uint8Array): Promise<RevocationBook> {
    const file = new LineFile(path)
    const book = new RevocationBook(file, authorityPublicKey)
    for (const line of file.read()) {
      const read = fromLine(line)
      if (read !== null) await book.#note(read).catch(refused)
    }
    return book
  }

  get known(): Revocations {
    return this.#known
  }

  /** Grows with everything that was not known before: what was decided by an earlier one may be decided otherwise. */
  get generation(): number {
    return this.#generation
  }

  digests(): Digest[] {
    return this.#known.map(({ digest }) => digest)
  }

  /** @returns whether something was new. @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
  async learn(said: RevocationText): Promise<boolean> {
    if (!(await this.#note(said))) return false
    this.#file.append(JSON.stringify({ text: said.text, delegate: said.delegate }))
    return true
  }

  async #note(said: RevocationText): Promise<boolean> {
    const opened = await openRevocations(said, this.#authorityPublicKey)
    const merged = mergeRevocations(this.#known, [opened])
    const isNew = merged.some(({ digest }) => digest === opened.digest) && !this.#has(opened.digest)
    this.#known = merged
    if (isNew) this.#generation += 1
    return isNew
  }

  #has(digest: Digest): boolean {
    return this.#known.some(each => each.digest === digest)
  }
}

function fromLine(line: string): RevocationText | null {
  try {
    const { text, delegate } = JSON.parse(line) as Partial<RevocationText>
    if (typeof text !== 'string' || (delegate !== null && typeof delegate !== 'string')) return null
    return { text, delegate }
  } catch {
    // The end of a line that a crash cut off.
    return null
  }
}

function refused(thrown: unknown): void {
  if (!(thrown instanceof SlurpError)) throw thrown
}
