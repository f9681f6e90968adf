import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import { left, stayingMembers } from '../../dht/view-change.ts'
import { placementHash } from './placement-hash.ts'
import type { ViewRegister } from './view-register.ts'

export type ReplacerOptions = {
  readonly register: ViewRegister
  readonly view: () => View
  /** The token to act under right now, null when this process does not lead. */
  readonly token: () => number | null
  /** For how long a member has been down for most of the fleet; null while it is not. */
  readonly deadForMs: (peer: PeerId) => number | null
  readonly replaced: (peer: PeerId) => void
}

const changeMs = 4_000

/**
 * The leader's duty towards members that stay dead: after a grace they are taken out of the fleet, and their partitions
 * go to the others while there are enough of them. One at a time, and none while moves are under way: what seems dead
 * may only be far, and each one less makes the next loss a worse one.
 */
export class Replacer {
  readonly #options: ReplacerOptions

  constructor(options: ReplacerOptions) {
    this.#options = options
  }

  /** Looks once; `done` is called when what was to be done is done, or could not be. */
  look(done: () => void): void {
    const { register, replaced, token, view } = this.#options
    const dead = this.#deadMember(view())
    if (token() === null || dead === null) return done()
    register.change(
      current =>
        token() === null || this.#deadMember(current) !== dead ? null : leftIfSpared(current, dead),
      changeMs,
      changed => {
        if (changed.kind === 'changed' && changed.view.leaving.includes(dead)) replaced(dead)
        done()
      },
    )
  }

  /** Whoever has been dead for longer than the grace, null when nobody is or nobody can be spared. */
  #deadMember(view: View): PeerId | null {
    const { replaceAfterMs } = view.moves
    const staying = stayingMembers(view)
    if (replaceAfterMs === 0 || view.leaving.length > 0 || staying.length <= view.replicas) return null
    const dead = staying.find(member => (this.#options.deadForMs(member.id) ?? -1) >= replaceAfterMs)
    return dead?.id ?? null
  }
}

/** Its data may be only there: then it is waited for. */
function leftIfSpared(view: View, peer: PeerId): View | null {
  try {
    return left(view, peer, false, placementHash)
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
}
