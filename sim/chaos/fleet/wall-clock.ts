// Loaded into every peer of a chaos run before its own code (node --import): its wall clock is off by what a file
// says, read at the start and again at each SIGUSR2. The monotonic clock stays as it is.
import { readFileSync } from 'node:fs'
import { clockVariable } from './wall-clock-file.ts'

const path = process.env[clockVariable]
const TrueDate = globalThis.Date
let offMs = 0

function look(): void {
  offMs = path === undefined ? 0 : Number(readFileSync(path, 'utf8'))
}

class OffDate extends TrueDate {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(OffDate.now())
    else super(...given)
  }

  static override now(): number {
    return TrueDate.now() + offMs
  }
}

if (path !== undefined) {
  look()
  process.on('SIGUSR2', look)
  globalThis.Date = OffDate as unknown as DateConstructor
}
