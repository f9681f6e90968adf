import type { SecretName } from '../shares/secret-name.ts'
import { isRole, type KeyState, keyStates, type Registry, type SecretEntry } from './registry.ts'

/** The newest key version of every role. */
export function newestKeys({ secrets }: Registry): ReadonlyMap<SecretName, SecretEntry> {
  // Ascending by key version.
  return new Map(secrets.flatMap(entry => (isRole(entry.name) ? [[entry.name, entry] as const] : [])))
}

/** Key versions of roles that another one took the place of, and that are there still. */
export function replacedKeys(registry: Registry): readonly SecretEntry[] {
  const newest = newestKeys(registry)
  return registry.secrets.filter(
    entry => isRole(entry.name) && newest.get(entry.name) !== entry && entry.state !== 'destroyed',
  )
}

/** When the key version after this one was made; null where nobody knows, or there is none. */
export const replacedAtMs = ({ secrets }: Registry, { name, keyVersion }: SecretEntry): number | null =>
  secrets.find(each => each.name === name && each.keyVersion > keyVersion)?.createdAtMs ?? null

/**
 * Whether what somebody writes now may be sealed to these key versions. Those that are to go are taken for a while after
 * they were replaced: not everybody has heard of it.
 */
export const takesNow = (
  registry: Registry,
  roles: readonly { readonly name: string; readonly keyVersion: number }[],
  nowMs: number,
  cutOffMs: number,
): boolean =>
  roles.every(({ name, keyVersion }) => {
    const entry = registry.secrets.find(each => each.name === name && each.keyVersion === keyVersion)
    if (entry?.state === 'destroyed') return false
    return entry?.state !== 'ending' || nowMs < (replacedAtMs(registry, entry) ?? 0) + cutOffMs
  })

/** A state is never taken back. */
export const inState = (entry: SecretEntry, state: KeyState): SecretEntry =>
  keyStates.indexOf(state) > keyStates.indexOf(entry.state) ? { ...entry, state } : entry
