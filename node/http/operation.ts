import type { z } from 'zod'
import type { ErrorCode } from '../../base/errors.ts'

/** One path and method of the HTTP door: what validates a request and what the OpenAPI document says of it. */
export type Operation = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** As in OpenAPI: `/v1/contexts/{address}`. */
  readonly path: string
  readonly summary: string
  /** True where no token is asked for. */
  readonly open?: true
  readonly query: z.ZodObject
  readonly body?: {
    readonly type: string
    readonly description: string
    readonly schema: z.ZodType
    /** The door itself holds the body to the schema and to this size; otherwise the handler judges it. */
    readonly checkedBytesMax?: number
  }
  readonly answer: { readonly type: string; readonly schema: z.ZodType }
  /** Codes beyond those that any request may meet. */
  readonly errors: readonly ErrorCode[]
}
