import { SlurpError } from '../../base/errors.ts'
import { AgeFailure } from '../../crypto/age-failure.ts'
import { DecodeError } from '../../node/driver/codec/reader.ts'

/** One decoder of outside bytes. */
export type Target = {
  readonly name: string
  /** Valid inputs that mutations start from. */
  readonly seeds: readonly Uint8Array[]
  /** Words of its format, put in where a mutation likes. */
  readonly words?: readonly string[]
  /** Share of the inputs, 1 for a decoder of a few microseconds. */
  readonly weight: number
  /** @returns whether the input was taken. @throws whatever the decoder may not throw, or a broken property. */
  run(input: Uint8Array): boolean | Promise<boolean>
}

/** A decoder gave back something that does not hold. */
export class PropertyBroken extends Error {
  override name = 'PropertyBroken'
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new PropertyBroken(what)
}

/** Runs a decoder and what must hold of its value. Its documented refusals are no failures. */
export function refusesOr<T>(decode: () => T, check: (value: T) => void = () => undefined): boolean {
  let value: T
  try {
    value = decode()
  } catch (failure) {
    if (isRefusal(failure)) return false
    throw failure
  }
  if (value === null || value === 'damaged') return false
  check(value)
  return true
}

/** As `refusesOr`, for a decoder that has to wait for a signature. */
export async function refusesOrLater<T>(
  decode: () => Promise<T>,
  check: (value: T) => void = () => undefined,
): Promise<boolean> {
  let value: T
  try {
    value = await decode()
  } catch (failure) {
    if (isRefusal(failure)) return false
    throw failure
  }
  check(value)
  return true
}

/** What decoders are documented to throw; INTERNAL is what nobody planned for. */
const isRefusal = (failure: unknown): boolean =>
  (failure instanceof SlurpError && failure.code !== 'INTERNAL') ||
  failure instanceof DecodeError ||
  failure instanceof AgeFailure

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8')
