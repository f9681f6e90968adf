import { decode, encode } from 'cborg'

/** Items of one message, at most. */
export const itemsMax = 64

/** What one peer asks another about keys. */
export type KeyQuestion =
  /** Its shares: requests as `askForShares` makes them. */
  | { readonly kind: 'release'; readonly requests: readonly Uint8Array[] }
  /** The age recipient of its own key, to deal to it. */
  | { readonly kind: 'recipient' }
  /** To put new shares on its disk: entries as `encodeEntry` makes them, and what is sealed to it. */
  | { readonly kind: 'keep'; readonly shares: readonly KeepAsked[] }
  /** The registry changed: worth a look. */
  | { readonly kind: 'changed' }
  /** To deal anew what its peers came and went from, as the one who asks cannot open it. */
  | { readonly kind: 'reshare' }
  /** To rotate what is due, as the one who asks cannot open it. */
  | { readonly kind: 'rotate' }
  /** To put into the registry the next key of a role, which who asks dealt and is no member: it cannot write registers. */
  | { readonly kind: 'replace'; readonly entry: Uint8Array; readonly dropsHistory: boolean }
  /** What is to be done about keys, asked by an agent that may do it where no member can: a `KeyWork` (due.ts). */
  | { readonly kind: 'due' }
  /** To put into the registry dealings of who asks, an agent: entries as `encodeEntry` makes them. */
  | { readonly kind: 'redealt'; readonly entries: readonly Uint8Array[] }
  /** Entitlements of the one who asks, as it may have some that the register does not say yet: as `encodeEntitlement` makes them. */
  | { readonly kind: 'entitled'; readonly entitlements: readonly Uint8Array[] }

export type KeepAsked = { readonly entry: Uint8Array; readonly sealed: Uint8Array }

/** One for each item, in their order: bytes, or why not. */
export type Answered = Uint8Array | string

const kinds = [
  'release',
  'recipient',
  'keep',
  'changed',
  'reshare',
  'rotate',
  'entitled',
  'replace',
  'due',
  'redealt',
] as const

export function encodeQuestion(question: KeyQuestion): Uint8Array {
  const items =
    question.kind === 'release'
      ? question.requests
      : question.kind === 'keep'
        ? question.shares.map(({ entry, sealed }) => [entry, sealed])
        : question.kind === 'entitled'
          ? question.entitlements
          : question.kind === 'replace'
            ? [[question.entry, question.dropsHistory]]
            : question.kind === 'redealt'
              ? question.entries
              : []
  return encode([kinds.indexOf(question.kind), items])
}

/** @returns null when it is none. */
export function decodeQuestion(bytes: Uint8Array): KeyQuestion | null {
  const value = decoded(bytes)
  if (!Array.isArray(value) || value.length !== 2) return null
  const [place, items] = value as [unknown, unknown]
  const kind = kinds[place as number]
  if (kind === undefined || !Array.isArray(items) || items.length > itemsMax) return null
  switch (kind) {
    case 'release':
      return items.every(isBytes) ? { kind, requests: items } : null
    case 'entitled':
      return items.every(isBytes) ? { kind, entitlements: items } : null
    case 'redealt':
      return items.every(isBytes) ? { kind, entries: items } : null
    case 'keep': {
      const shares = items.map(keepFrom)
      return shares.every(each => each !== null) ? { kind, shares } : null
    }
    case 'replace': {
      const [entry, dropsHistory] = (Array.isArray(items[0]) ? items[0] : []) as unknown[]
      const isOne = items.length === 1 && isBytes(entry) && typeof dropsHistory === 'boolean'
      return isOne ? { kind, entry, dropsHistory } : null
    }
    default:
      return items.length === 0 ? { kind } : null
  }
}

export const encodeAnswers = (answers: readonly Answered[]): Uint8Array =>
  encode(answers.map(answer => (typeof answer === 'string' ? printable(answer) : answer)))

/** @param count - as many as there have to be. @returns null when they are none. */
export function decodeAnswers(bytes: Uint8Array | null, count: number): readonly Answered[] | null {
  const value = bytes === null ? null : decoded(bytes)
  if (!Array.isArray(value) || value.length !== count) return null
  return value.every(each => isBytes(each) || isReason(each)) ? value : null
}

const printable = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 200)

function keepFrom(value: unknown): KeepAsked | null {
  const [entry, sealed] = Array.isArray(value) ? value : []
  return isBytes(entry) && isBytes(sealed) ? { entry, sealed } : null
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array
/** Shown to people: printable, and not long. */
const isReason = (value: unknown): value is string =>
  typeof value === 'string' && /^[ -~]{1,200}$/.test(value)

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true })
  } catch {
    return null
  }
}
