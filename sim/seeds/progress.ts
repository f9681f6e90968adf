const terminalEveryMs = 1_000
const logEveryMs = 30_000

/** How far a long run is: one line that changes on a terminal, else a line now and then. */
export class Progress {
  private readonly stream: NodeJS.WriteStream
  private toldMs = performance.now()

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream
  }

  /** Tells `words` when it is time to. */
  tell(words: () => string): void {
    const nowMs = performance.now()
    if (nowMs - this.toldMs < (this.stream.isTTY ? terminalEveryMs : logEveryMs)) return
    this.toldMs = nowMs
    this.stream.write(this.stream.isTTY ? `\r${words()}\u001b[K` : `${words()}\n`)
  }

  /** Takes the line away, before something else is written. */
  clear(): void {
    if (this.stream.isTTY) this.stream.write('\r\u001b[K')
  }
}
