/** Adds up counters that start anew with their process: what is read last of each life counts. */
export class CopyMeter {
  private readonly lives = new Map<string, { before: number; last: number }>()

  /** @param bytes - that this peer copied since its start. */
  note(peer: string, bytes: number): void {
    const life = this.lives.get(peer) ?? { before: 0, last: 0 }
    if (bytes < life.last) life.before += life.last
    life.last = bytes
    this.lives.set(peer, life)
  }

  get total(): number {
    return [...this.lives.values()].reduce((sum, { before, last }) => sum + before + last, 0)
  }
}
