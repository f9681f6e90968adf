/**
 * Work put off to the end of the current tick, in two layers: first whatever makes bytes, then whatever writes
 * them. So all that a tick sends to one peer becomes one message, and all messages of a connection one write.
 */
export class TickEnd {
  private making: (() => void)[] = []
  private writing: (() => void)[] = []
  private planned = false

  make(run: () => void): void {
    this.making.push(run)
    this.plan()
  }

  write(run: () => void): void {
    this.writing.push(run)
    this.plan()
  }

  private plan(): void {
    if (this.planned) return
    this.planned = true
    setImmediate(() => this.run())
  }

  private run(): void {
    const making = this.making
    this.making = []
    for (const run of making) run()
    const writing = this.writing
    this.writing = []
    this.planned = false
    for (const run of writing) run()
    if (this.making.length + this.writing.length > 0) this.plan()
  }
}
