const slots = 16_384

/**
 * Whether something was asked for not long ago. Most of what a search shows is shown once: to keep it would only make work for
 * the collector of garbage. It forgets what another name took the slot of, and is wrong once in four billion times.
 */
export class AskedBefore {
  readonly #slots = new Uint32Array(slots)

  /** @returns whether it was, and from now on it was. */
  note(name: string): boolean {
    let hash = 0x811c9dc5
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
    const slot = (hash ^ (hash >>> 15)) & (slots - 1)
    const isKnown = this.#slots[slot] === hash >>> 0
    this.#slots[slot] = hash >>> 0
    return isKnown
  }
}
