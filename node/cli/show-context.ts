import type { Context, RetrievedContext, RoleVersion } from '../store/api.ts'

export const roleNames = (roles: readonly RoleVersion[]): string => roles.map(role => role.name).join(', ')

/** A context for people: what is known about it, its short fields, its content last. */
export function describeContext(found: RetrievedContext): string {
  return [
    found.address,
    `  version    ${found.version}`,
    `  written    ${found.writtenAt} by ${found.author}`,
    `  readers    ${roleNames(found.roles)}`,
    ...describeFields(found.context),
  ].join('\n')
}

/** The fields of a context, the short ones first, its content last. */
export function describeFields(context: Context): string[] {
  const { content, metadata, decision, ...fields } = context
  const lines: string[] = []
  for (const [name, value] of Object.entries({
    ...fields,
    ...(decision && { decision }),
    ...(metadata && { metadata }),
  })) {
    lines.push(...describeField(name, value))
  }
  if (content !== undefined) lines.push('', content)
  return lines
}

function describeField(name: string, value: unknown): string[] {
  if (Array.isArray(value)) {
    const items = value.map(item => (typeof item === 'string' ? item : JSON.stringify(item)))
    if (items.join(', ').length < 80) return [field(name, items.join(', '))]
    return [field(name, ''), ...items.map(item => `    - ${item}`)]
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined)
    return [field(name, ''), ...entries.map(([key, inner]) => `    ${key}: ${text(inner)}`)]
  }
  return [field(name, text(value))]
}

const field = (name: string, value: string): string => `  ${name.padEnd(10)} ${value}`.trimEnd()
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
