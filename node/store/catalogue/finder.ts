import type { ReadGate } from '../read-gate.ts'
import type { Entry } from './entry.ts'

/** What one caller may find in a catalogue: nothing else is listed, counted, walked to or said to be missing. */
export interface Finder {
  /** @throws SlurpError GRANT_DENIED where nothing at all may be found, or nothing with this role. */
  check(role: string | undefined): void
  sees(entry: Pick<Entry, 'address' | 'roles'>): boolean
  /** Whether a context of which nothing but its roles is known may be counted; null where that depends on its place. */
  seesRoles(roles: readonly string[]): boolean | null
  /** For what the catalogue does not have and is read. */
  readonly gate: ReadGate
}

/** Who may find everything. */
export const everyFinder: Finder = {
  check: () => undefined,
  sees: () => true,
  seesRoles: () => true,
  gate: () => undefined,
}
