import type { Version } from '../../base/ids.ts'
import type { Expected } from '../../replication/messages.ts'
import type { Model } from './linearizability.ts'

/** What stands under one key: a version, or nothing yet. */
export type RegisterState = {
  readonly version: Version | null
  readonly isLive: boolean
  /** Dead, and some replica has collected it (rule 9): it may be found as the tombstone that it is, or not at all. */
  readonly mayBeGone: boolean
}

/** One operation of a caller on one key, with the outcome that it saw. */
export type RegisterOperation =
  /** A write that was carried out, or of which nobody can tell whether it was. */
  | {
      readonly kind: 'wrote'
      readonly id: Version
      readonly expect: Expected
      readonly parent: Version | null | 'any'
      readonly makesLive: boolean
    }
  /** A write whose semantic precondition failed. */
  | { readonly kind: 'conflicted'; readonly expect: Expected }
  /** Somebody was told that this version stands; null: nothing was ever written. */
  | { readonly kind: 'saw'; readonly version: Version | null }
  /** Somebody was told that nothing lives here. */
  | { readonly kind: 'sawDead' }
  /** From here on this dead version may be gone. No caller does this. */
  | { readonly kind: 'collected'; readonly version: Version }

/** The register that a key is, as its callers may rely on it (rules 4, 9 and 13). */
export const contextRegister: Model<RegisterState, RegisterOperation> = {
  init: { version: null, isLive: false, mayBeGone: false },
  step(state, operation) {
    switch (operation.kind) {
      case 'wrote': {
        if (!matches(state, operation.expect)) return []
        if (operation.parent !== 'any' && !isFound(state, operation.parent)) return []
        if (state.version !== null && operation.id <= state.version) return []
        return [{ version: operation.id, isLive: operation.makesLive, mayBeGone: false }]
      }
      case 'conflicted':
        return matches(state, operation.expect) ? [] : [state]
      case 'saw':
        return isFound(state, operation.version) ? [state] : []
      case 'sawDead':
        return state.isLive ? [] : [state]
      case 'collected':
        return state.version === operation.version && !state.isLive ? [{ ...state, mayBeGone: true }] : []
    }
  },
  key: state => `${state.version ?? ''}${state.mayBeGone ? ' or gone' : ''}`,
  readsOnly: operation => operation.kind !== 'wrote' && operation.kind !== 'collected',
}

/** Whether a caller may be told that this version, or none, stands. */
const isFound = (state: RegisterState, version: Version | null): boolean =>
  version === state.version || (version === null && state.mayBeGone)

function matches(state: RegisterState, expect: Expected): boolean {
  if (expect === 'any') return true
  if (expect === 'none') return !state.isLive
  return state.isLive && state.version === expect
}
