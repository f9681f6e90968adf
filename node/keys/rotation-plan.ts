import { decode, encode } from 'cborg'
import { SlurpError } from '../../base/errors.ts'
import { controlKey, isRoleName, type RoleName } from '../../base/ids.ts'
import { isRole, type Registry, type SecretEntry } from '../../crypto/registry/registry.ts'
import { isKeyVersion, rolesMax } from '../../crypto/roles.ts'

/** The control register in which a fleet notes when its roles get new keys. */
export const rotationPlanKey = controlKey(8)
export const rotationDaysMax = 3_650
const format = 1
const causesMax = 16
const causeLengthMax = 64
const dayMs = 86_400_000

/** That a role shall not stay at a key version, and why. Done once a later one is there; kept to know its causes again. */
export type AskedRotation = {
  readonly role: RoleName
  readonly beyond: number
  /** What asked for it: ids of grants that were revoked; the newest last. */
  readonly causes: readonly string[]
}

export type RotationPlan = {
  /** Days that a key of any role lasts; null: for ever. */
  readonly everyDays: number | null
  /** For single roles, in place of that. */
  readonly roles: readonly { readonly role: RoleName; readonly everyDays: number | null }[]
  readonly asked: readonly AskedRotation[]
}

export const noRotations: RotationPlan = { everyDays: null, roles: [], asked: [] }

export type DueRotation = {
  readonly newest: SecretEntry
  readonly everyDays: number | null
  /** From when on it is due, in milliseconds since the epoch; 0: at once; null: never. */
  readonly dueMs: number | null
}

/** Of each role that is in use: when its newest key shall be replaced. Pure. */
export function rotationsOf(plan: RotationPlan, { secrets }: Registry): DueRotation[] {
  const newest = new Map(secrets.filter(({ name }) => isRole(name)).map(entry => [entry.name, entry]))
  return [...newest.values()]
    .filter(({ state }) => state !== 'retired')
    .map(entry => {
      const { name, keyVersion, createdAtMs } = entry
      const own = plan.roles.find(each => each.role === name)
      const everyDays = own === undefined ? plan.everyDays : own.everyDays
      const isAsked = plan.asked.some(each => each.role === name && each.beyond >= keyVersion)
      const byAgeMs = everyDays === null ? null : (createdAtMs ?? 0) + everyDays * dayMs
      return { newest: entry, everyDays, dueMs: isAsked ? 0 : byAgeMs }
    })
}

/** @param role - null: all that have no number of days of their own. @throws SlurpError USAGE. */
export function withSchedule(plan: RotationPlan, role: RoleName | null, days: number | null): RotationPlan {
  if (days !== null && !isDays(days))
    throw new SlurpError('USAGE', `A key lasts 1 to ${rotationDaysMax} days.`)
  if (role === null) return { ...plan, everyDays: days }
  const others = plan.roles.filter(each => each.role !== role)
  return { ...plan, roles: [...others, { role, everyDays: days }].sort((a, b) => (a.role < b.role ? -1 : 1)) }
}

/** With the newest keys of these roles to be replaced. A cause that was there before changes nothing. */
export function withAsked(
  plan: RotationPlan,
  newest: readonly Pick<SecretEntry, 'name' | 'keyVersion'>[],
  cause: string,
): RotationPlan {
  let asked = [...plan.asked]
  for (const { name, keyVersion } of newest) {
    const role = name as RoleName
    const before = asked.find(each => each.role === role)
    if (before?.causes.includes(cause)) continue
    const causes = [...(before?.causes ?? []), cause.slice(0, causeLengthMax)].slice(-causesMax)
    asked = [...asked.filter(each => each.role !== role), { role, beyond: keyVersion, causes }]
  }
  return { ...plan, asked: asked.sort((a, b) => (a.role < b.role ? -1 : 1)) }
}

export const encodePlan = ({ everyDays, roles, asked }: RotationPlan): Uint8Array =>
  encode([
    format,
    everyDays,
    roles.map(each => [each.role, each.everyDays]),
    asked.map(({ role, beyond, causes }) => [role, beyond, causes]),
  ])

/** @throws SlurpError INTEGRITY_FAILED, FORMAT_UNKNOWN. */
export function decodePlan(bytes: Uint8Array): RotationPlan {
  const value = decoded(bytes)
  if (!Array.isArray(value)) throw refused()
  const [found, everyDays, roles, asked] = value as unknown[]
  if (found !== format)
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      'The plan of rotations has a format that this release does not know.',
    )
  if (!isDaysOrNone(everyDays) || !isList(roles) || !isList(asked)) throw refused()
  return {
    everyDays,
    roles: roles.map(each => {
      const [role, days] = Array.isArray(each) ? each : []
      if (!isName(role) || !isDaysOrNone(days)) throw refused()
      return { role, everyDays: days }
    }),
    asked: asked.map(each => {
      const [role, beyond, causes] = Array.isArray(each) ? each : []
      if (!isName(role) || !isKeyVersion(beyond) || !isCauses(causes)) throw refused()
      return { role, beyond, causes }
    }),
  }
}

const isDays = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= rotationDaysMax
const isDaysOrNone = (value: unknown): value is number | null => value === null || isDays(value)
const isName = (value: unknown): value is RoleName => typeof value === 'string' && isRoleName(value)
const isList = (value: unknown): value is unknown[] => Array.isArray(value) && value.length <= rolesMax
const isCauses = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= causesMax &&
  value.every(each => typeof each === 'string' && each.length <= causeLengthMax)

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true })
  } catch {
    throw refused()
  }
}

const refused = (): SlurpError =>
  new SlurpError('INTEGRITY_FAILED', 'The register of rotations holds no plan of rotations.')
