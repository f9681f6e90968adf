import { SlurpError } from '../../base/errors.ts'
import { controlKey } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import { DecodeError } from '../driver/codec/reader.ts'
import { decodeView, encodeView } from '../driver/codec/view.ts'
import type { Clock } from '../ports/ports.ts'
import { ControlRegister, type RegisterParts } from './register.ts'

export const viewRegisterKey = controlKey(1)

export type ViewRegisterOptions = RegisterParts & {
  readonly clock: Clock
  /** The view in force here. */
  readonly view: () => View
  /** A view that was agreed on: it is saved and then in force. */
  readonly tellView: (view: View) => void
}

/**
 * Makes the next view of one, null when nothing is to be changed. Throws SlurpError to refuse. It may be asked again
 * after it was carried out, unheard: then it must find nothing to change.
 */
export type Change = (view: View) => View | null

export type Changed =
  /** `view` is in the register now; whether by this change or because it changed nothing. */
  | { readonly kind: 'changed'; readonly view: View }
  | { readonly kind: 'refused'; readonly refusal: SlurpError }
  /** It may have been carried out, or may yet be. */
  | { readonly kind: 'unknown' }

const attemptMs = 1_500
const pauseMs = 60

/**
 * The view is one register of the control group (rule 10). A change of view v is proposed in the control epoch of v,
 * so by the quorums of v alone; whoever meets a newer view adopts it and starts over from that one.
 */
export class ViewRegister {
  readonly #options: ViewRegisterOptions
  readonly #register: ControlRegister
  #running = false
  readonly #waiting: (() => void)[] = []

  constructor(options: ViewRegisterOptions) {
    this.#options = options
    this.#register = new ControlRegister(options, viewRegisterKey)
  }

  /** One change at a time; `done` is called exactly once, within `timeoutMs` and a little. */
  change(change: Change, timeoutMs: number, done: (changed: Changed) => void): void {
    const run = () => {
      this.#running = true
      const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs
      this.#try(change, deadlineMs, changed => {
        this.#running = false
        done(changed)
        this.#waiting.shift()?.()
      })
    }
    if (this.#running) this.#waiting.push(run)
    else run()
  }

  #try(change: Change, deadlineMs: number, done: (changed: Changed) => void): void {
    const { clock, view: inForce } = this.#options
    const leftMs = deadlineMs - clock.monotonicMs()
    if (leftMs <= 0) return done({ kind: 'unknown' })
    const again = () => {
      clock.at(clock.monotonicMs() + pauseMs, () => this.#try(change, deadlineMs, done))
    }
    this.#register.read(Math.min(leftMs, attemptMs), answer => {
      if (answer.kind === 'unreached') return again()
      const found = answer.kind === 'found' ? answer.found : null
      const current = found === null ? inForce() : readView(found.body)
      if (current instanceof SlurpError) return done({ kind: 'refused', refusal: current })
      if (current.epoch > inForce().epoch) {
        this.#options.tellView(current)
        return again()
      }
      // Behind what is in force: the read began before the view that it should see.
      if (current.epoch < inForce().epoch) return again()
      this.#propose(change, current, found?.version ?? null, deadlineMs, done, again)
    })
  }

  #propose(
    change: Change,
    current: View,
    version: Parameters<ControlRegister['swap']>[0],
    deadlineMs: number,
    done: (changed: Changed) => void,
    again: () => void,
  ): void {
    const { clock, tellView } = this.#options
    let next: View | null
    try {
      next = change(current)
    } catch (failure) {
      if (!(failure instanceof SlurpError)) throw failure
      return done({ kind: 'refused', refusal: failure })
    }
    if (next === null || next === current) return done({ kind: 'changed', view: current })
    const agreed = next
    const swap = this.#register.swap(version, encodeView(next), current.control.epoch)
    const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
    this.#register.attempt(swap, 1, Math.min(leftMs, attemptMs), answer => {
      // Unknown too: both would follow the same version, so one of the two at most is carried out.
      if (answer.kind !== 'swapped') return again()
      tellView(agreed)
      done({ kind: 'changed', view: agreed })
    })
  }
}

function readView(body: Uint8Array): View | SlurpError {
  try {
    return decodeView(body)
  } catch (failure) {
    if (!(failure instanceof DecodeError)) throw failure
    return new SlurpError(
      'INTEGRITY_FAILED',
      'The register of the view holds what is no view of this release.',
    )
  }
}
