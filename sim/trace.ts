/** Fingerprint of everything that happened, in order: two runs of one seed must end with the same one. */
export class Trace {
  private high = 0x811c9dc5
  private low = 0x9747b28c

  number(value: number): void {
    this.word(value | 0)
    this.word((value / 0x1_0000_0000) | 0)
    this.word(((value % 1) * 0x4000_0000) | 0)
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.word(value.charCodeAt(i))
  }

  bytes(value: Uint8Array): void {
    const whole = value.length & ~3
    for (let i = 0; i < whole; i += 4)
      this.word(value[i]! | (value[i + 1]! << 8) | (value[i + 2]! << 16) | (value[i + 3]! << 24))
    for (let i = whole; i < value.length; i++) this.word(value[i]!)
    this.word(value.length)
  }

  /** 16 hex digits. */
  digest(): string {
    return hex(this.high) + hex(this.low)
  }

  private word(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x01000193)
    this.high ^= this.high >>> 15
    this.low = Math.imul(this.low ^ value, 0x5bd1e995)
    this.low ^= this.low >>> 13
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
