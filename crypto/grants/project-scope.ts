import { createHmac, hkdfSync } from 'node:crypto'

const keyLabel = 'slurp/v1/project scope of a fleet secret'
const shape = /^[0-9a-f]{64}$/

declare const brand: unique symbol
/** What stands for the name of a project in a grant, 64 lowercase hex digits. */
export type ProjectScope = string & { readonly [brand]: 'ProjectScope' }

export const isProjectScope = (text: string): text is ProjectScope => shape.test(text)

/**
 * HMAC-SHA-256 of a project's name under a key of its own, derived from the fleet secret. Without the secret two
 * scopes can be compared, and no name can be guessed.
 *
 * @param fleetSecret - 32 bytes.
 */
export const projectScopeOf = (fleetSecret: Uint8Array, project: string): ProjectScope =>
  createHmac('sha256', new Uint8Array(hkdfSync('sha256', fleetSecret, '', keyLabel, 32)))
    .update(project, 'utf8')
    .digest('hex') as ProjectScope
