import type { Version } from '../../base/ids.ts'
import type { Expected } from '../../replication/messages.ts'
import type { Model } from './linearizability.ts'

/** What stands under one key: a version, or nothing yet. */
export type RegisterState = { readonly version: Version | null; readonly isLive: boolean }

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

/** The register that a key is, as its callers may rely on it (rules 4, 9 and 13). */
export const contextRegister: Model<RegisterState, RegisterOperation> = {
  init: { version: null, isLive: false },
  step(state, operation) {
    switch (operation.kind) {
      case 'wrote': {
        if (!matches(state, operation.expect)) return []
        if (operation.parent !== 'any' && operation.parent !== state.version) return []
        if (state.version !== null && operation.id <= state.version) return []
        return [{ version: operation.id, isLive: operation.makesLive }]
      }
      case 'conflicted':
        return matches(state, operation.expect) ? [] : [state]
      case 'saw':
        return operation.version === state.version ? [state] : []
      case 'sawDead':
        return state.isLive ? [] : [state]
    }
  },
  key: state => state.version ?? '',
  readsOnly: operation => operation.kind !== 'wrote',
}

function matches(state: RegisterState, expect: Expected): boolean {
  if (expect === 'any') return true
  if (expect === 'none') return !state.isLive
  return state.isLive && state.version === expect
}
