import { hkdfSync } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { z } from 'zod'
import { codeOf } from '../../../crypto/failure-code.ts'
import { PieceSealer } from './piece-sealer.ts'

const checkpoint = z.strictObject({ source: z.string().max(256), sequence: z.number().int().min(0) })

/**
 * What must be on the disk: a file beside the database that knows the newest generation of every shelf, so that an older
 * one that was put back is noticed. Both put back together are an older state in whole: the feed goes on from there.
 */
const markShape = z.strictObject({
  format: z.literal(1),
  shelves: z.record(z.string(), z.number().int().min(0)),
  /** Roles that were held: what is sealed to a new one has to be fed again. */
  roles: z.array(z.string()),
  indexes: z.array(z.string()),
  /** Documents may be missing: the feed begins anew, until it has said that it is through. */
  incomplete: z.boolean(),
  checkpoint: checkpoint.nullable(),
})
export type Mark = z.infer<typeof markShape>

const place = { kind: 'manifest', group: 0, index: 0, count: 1 } as const

export class MarkFile {
  readonly #path: string
  readonly #sealer: PieceSealer
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, bindingSecret: Uint8Array) {
    this.#path = path
    this.#sealer = new PieceSealer(
      new Uint8Array(hkdfSync('sha256', bindingSecret, '', 'slurp/v1/search mark', 32)),
    )
  }

  /** @returns null when there is none, or none that this process wrote. */
  async read(): Promise<Mark | null> {
    let bytes: Buffer
    try {
      bytes = await readFile(this.#path)
    } catch (failure) {
      if (codeOf(failure) === 'ENOENT') return null
      throw failure
    }
    try {
      return markShape.parse(JSON.parse(this.#sealer.open(place, bytes).toString()))
    } catch {
      return null
    }
  }

  /** Durable when it resolves; whole or not there at any moment. */
  write(mark: Mark): Promise<void> {
    const bytes = this.#sealer.seal(place, Buffer.from(JSON.stringify(mark)))
    this.#writing = this.#writing.then(() => this.#replace(bytes))
    return this.#writing
  }

  async #replace(bytes: Uint8Array): Promise<void> {
    const draft = `${this.#path}.new`
    const file = await open(draft, 'w', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, this.#path)
  }
}
