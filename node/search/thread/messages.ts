import { advice, type ErrorCode, SlurpError } from '../../../base/errors.ts'
import type { RoleName } from '../../../base/ids.ts'
import type { RoleRecipient } from '../../../crypto/roles.ts'
import type { Candidate, Change, Checkpoint, RankRequest, SearchRequest, Stock } from '../api.ts'
import type { IndexConfiguration } from '../engine/configuration.ts'

/** What the worker is started with; it never leaves this process. */
export type ThreadData = {
  readonly dir: string
  readonly bindingSecret: Uint8Array
  /** Identities in the text form of age: key objects do not cross threads as they are. */
  readonly roleKeys: readonly { name: RoleName; keyVersion: number; identity: string }[]
  readonly recipients: readonly RoleRecipient[]
  readonly indexes: readonly IndexConfiguration[]
}

/** What the worker can be asked; the answer is that of the method of the same name of `SearchEngine`. */
export type Ask =
  | { readonly kind: 'search'; readonly request: SearchRequest }
  | { readonly kind: 'rank'; readonly request: RankRequest }
  | { readonly kind: 'present'; readonly candidates: readonly Candidate[]; readonly request: SearchRequest }
  | { readonly kind: 'apply'; readonly changes: readonly Change[]; readonly checkpoint: Checkpoint | null }
  | { readonly kind: 'reconcile'; readonly stock: Stock }
  | { readonly kind: 'checkpoint' | 'noteComplete' | 'noteIncomplete' | 'report' | 'settled' }
  | { readonly kind: 'close'; readonly storing: boolean }
  | { readonly kind: 'optimize' | 'rebuild' | 'verify'; readonly index?: string }

export type Asked = { readonly id: number; readonly ask: Ask }
export type Answered =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: ErrorAcross }

/** An error on its way between threads, which would lose its class. */
export type ErrorAcross = { readonly code: ErrorCode; readonly message: string; readonly hint: string }

export const errorAcross = (failure: unknown): ErrorAcross => {
  if (failure instanceof SlurpError)
    return { code: failure.code, message: failure.message, hint: failure.hint }
  // What Level or Node say may name files; texts of contexts are in none of it.
  const reason = failure instanceof Error ? failure.message : String(failure)
  return { code: 'INTERNAL', message: `The search failed: ${reason}`, hint: advice.INTERNAL.hint }
}

export const errorFrom = ({ code, message, hint }: ErrorAcross): SlurpError =>
  new SlurpError(code, message, { hint })
