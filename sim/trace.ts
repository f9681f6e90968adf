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
    let { high, low } = this
    for (let i = 0; i < value.length; i++) {
      const word = value.charCodeAt(i)
      high = mixHigh(high, word)
      low = mixLow(low, word)
    }
    this.high = high
    this.low = low
  }

  bytes(value: Uint8Array): void {
    let { high, low } = this
    const whole = value.length & ~3
    for (let i = 0; i < whole; i += 4) {
      const word = value[i]! | (value[i + 1]! << 8) | (value[i + 2]! << 16) | (value[i + 3]! << 24)
      high = mixHigh(high, word)
      low = mixLow(low, word)
    }
    this.high = high
    this.low = low
    for (let i = whole; i < value.length; i++) this.word(value[i]!)
    this.word(value.length)
  }

  /** 16 hex digits. */
  digest(): string {
    return hex(this.high) + hex(this.low)
  }

  private word(value: number): void {
    this.high = mixHigh(this.high, value)
    this.low = mixLow(this.low, value)
  }
}

function mixHigh(before: number, word: number): number {
  const mixed = Math.imul(before ^ word, 0x01000193)
  return mixed ^ (mixed >>> 15)
}

function mixLow(before: number, word: number): number {
  const mixed = Math.imul(before ^ word, 0x5bd1e995)
  return mixed ^ (mixed >>> 13)
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
