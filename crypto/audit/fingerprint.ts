import { sha256Hex } from '../digest.ts'

const digits = 16
const keyLabel = 'slurp/v1/fingerprint of a role key\n'
const tokenLabel = 'slurp/v1/fingerprint of a token\n'

/** Short name of a role key: 64 bits of a hash of its recipient (`age1…`), as 16 hex digits. */
export const keyFingerprint = (recipient: string): string => sha256Hex(keyLabel + recipient).slice(0, digits)

/** Short name of a bearer token of 256 random bits; says nothing about a token like it. */
export const tokenFingerprint = (token: string): string => sha256Hex(tokenLabel + token).slice(0, digits)
