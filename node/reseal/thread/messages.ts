import type { RoleName } from '../../../base/ids.ts'

/** What a worker is started with; it never leaves this process. */
export type ThreadData = {
  /** Identities in the text form of age: key objects do not cross threads as they are. */
  readonly roleKeys: readonly { name: RoleName; keyVersion: number; identity: string }[]
}

export type Asked = {
  readonly id: number
  readonly data: Uint8Array
  readonly binding: Uint8Array
  readonly recipients: readonly string[]
}

/** A refusal crosses as its code and its message; both say nothing of what is sealed. */
export type Answered =
  | { readonly id: number; readonly body: Uint8Array }
  | { readonly id: number; readonly code: string; readonly message: string }
