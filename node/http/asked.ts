import { z } from 'zod'

/** What several paths take in their query. */
export const timeoutMs = z.coerce
  .number()
  .int()
  .min(1)
  .max(120_000)
  .optional()
  .describe('Milliseconds until the peer gives up')

export const role = z.string().max(64).optional().describe('Open with this role only')

export const consistency = z
  .enum(['linearizable', 'cached'])
  .optional()
  .describe('`cached` may answer from this peer; default linearizable')

/** Why a context that is read may not be answered. */
export const readingErrors = [
  'ADDRESS_INVALID',
  'NOT_FOUND',
  'VERSION_UNKNOWN',
  'ROLE_UNKNOWN',
  'ROLE_DENIED',
  'QUORUM_UNREACHED',
  'INTEGRITY_FAILED',
  'SEALED',
] as const
