import { hash } from 'node:crypto'
import type { Digest } from '../base/ids.ts'

/** SHA-256 as 64 lowercase hex digits; text is hashed as UTF-8. About 6 µs for 4 KB. */
export const sha256Hex = (data: Uint8Array | string): Digest => hash('sha256', data, 'hex') as Digest

/** SHA-256 as 32 bytes. */
export const sha256 = (data: Uint8Array): Uint8Array => hash('sha256', data, 'buffer')
