import type { Session } from '../session.ts'

const redrawMs = 200
const barLetters = 24

export type ProgressState = {
  readonly stored: number
  readonly failed: number
  readonly bytesRead: number
  readonly bytesTotal: number | null
}

/** A progress bar with rate and time left; draws only on a terminal. */
export class Progress {
  readonly #session: Session
  readonly #startMs = performance.now()
  #drawnMs = Number.NEGATIVE_INFINITY
  #drawn = false

  constructor(session: Session) {
    this.#session = session
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1000
  }

  draw(state: ProgressState): void {
    if (!this.#session.errIsTerminal) return
    const nowMs = performance.now()
    if (nowMs - this.#drawnMs < redrawMs) return
    this.#drawnMs = nowMs
    this.#drawn = true
    this.#session.err(`\r${describeProgress(state, this.seconds)}\x1b[K`)
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#drawn) this.#session.err('\r\x1b[K')
  }
}

export function describeProgress(state: ProgressState, seconds: number): string {
  const done = state.stored + state.failed
  const rate = seconds > 0 ? done / seconds : 0
  const counts = `${done} done${state.failed > 0 ? `, ${state.failed} failed` : ''}  ${Math.round(rate)}/s`
  if (state.bytesTotal === null || state.bytesTotal === 0) return counts
  const share = Math.min(1, state.bytesRead / state.bytesTotal)
  const filled = Math.round(share * barLetters)
  const bar = '#'.repeat(filled) + '.'.repeat(barLetters - filled)
  const left = share > 0.01 ? `  ${Math.round((seconds * (1 - share)) / share)} s left` : ''
  return `[${bar}] ${Math.floor(share * 100)}%  ${counts}${left}`
}
