import { SlurpError } from '../../base/errors.ts'
import { wipe } from './share.ts'
import type { ShareSet } from './share-set.ts'

/** A secret that was put together from shares, in memory only; printing it shows nothing of it. */
export class CollectedKey {
  /** The set that it came from. */
  readonly set: ShareSet
  readonly #secret: Uint8Array
  #wiped = false

  constructor(set: ShareSet, secret: Uint8Array) {
    this.set = set
    this.#secret = secret
  }

  /** 32 bytes, the key's own. @throws SlurpError CONFIG_INVALID after `wipe`. */
  get secret(): Uint8Array {
    if (this.#wiped) throw new SlurpError('CONFIG_INVALID', 'This key was wiped; collect it again.')
    return this.#secret
  }

  wipe(): void {
    this.#wiped = true
    wipe(this.#secret)
  }
}
