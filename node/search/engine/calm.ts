import { performance } from 'node:perf_hooks'

/** Nothing was handed in for so long; what goes on longer than `waitMs` is not waited for. */
const calmMs = 10_000
const waitMs = 60_000
const lookMs = 50

/** Tells when nothing has been handed in for a while. */
export class Calm {
  readonly #onCalm: () => void
  #changedMs = performance.now()
  #timer: NodeJS.Timeout | null = null

  /** @param onCalm - once for each time that it becomes calm, the time after the start among them. */
  constructor(onCalm: () => void) {
    this.#onCalm = onCalm
    this.#watch()
  }

  get isCalm(): boolean {
    return performance.now() >= this.#changedMs + calmMs
  }

  /** Something was handed in, or asked for by whoever hands in. */
  noteChange(): void {
    this.#changedMs = performance.now()
    this.#watch()
  }

  /** Resolves when it is calm, or nobody wants to wait, or it has taken too long. */
  async come(isHurried: () => boolean): Promise<void> {
    const latestMs = performance.now() + waitMs
    while (!isHurried() && !this.isCalm && performance.now() < latestMs)
      await new Promise(resolve => setTimeout(resolve, lookMs))
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #watch(): void {
    this.#timer ??= setTimeout(() => this.#look(), this.#changedMs + calmMs - performance.now()).unref()
  }

  #look(): void {
    this.#timer = null
    if (this.isCalm) this.#onCalm()
    else this.#watch()
  }
}
