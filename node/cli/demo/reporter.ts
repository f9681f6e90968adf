import type { Session } from '../session.ts'

/** Says what the demo did: calm lines for people, JSON lines for programs. */
export class Reporter {
  readonly #session: Session
  readonly #json: boolean
  readonly #startMs = performance.now()

  constructor(session: Session, json: boolean) {
    this.#session = session
    this.#json = json
  }

  /** One thing done, with the time since the start. */
  step(step: string, text: string, fields: object = {}): void {
    const ms = Math.round(performance.now() - this.#startMs)
    if (this.#json) this.#line({ type: 'step', step, ms, ...fields })
    else this.#session.out(`${(ms / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
  }

  /** One thing that happened by itself. */
  event(type: string, text: string, fields: object): void {
    if (this.#json) this.#line({ type, ...fields })
    else this.#session.out(`${text}\n`)
  }

  #line(object: object): void {
    this.#session.out(`${JSON.stringify(object)}\n`)
  }
}
