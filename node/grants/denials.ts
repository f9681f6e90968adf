import { SlurpError } from '../../base/errors.ts'
import type { Denial, Verdict } from '../../crypto/grants/decide.ts'

type Denied = Extract<Verdict, { allowed: false }>

/** What each rule says in words; nothing of a request is repeated. */
const sentences: Readonly<Record<Denial, string>> = {
  clock: 'The time of the fleet is not known.',
  subject: 'It is the grant of somebody else.',
  subjectKind: 'The key that signed it may not grant to subjects of this kind.',
  issuedOutside: 'It was issued while the key that signed it was not in force.',
  lifetime: 'It is valid for longer than the key that signed it may grant.',
  delegateRevoked: 'The key that signed it was revoked.',
  delegateCutOff: 'What the key that signed it gave before a moment was revoked.',
  grantRevoked: 'It was revoked.',
  revocationsUnclear: 'Too many lists of revocations contradict each other.',
  expired: 'It has ended.',
  operations: 'It does not allow this operation.',
  roles: 'It does not allow these roles.',
  projects: 'It does not allow this project.',
  paths: 'It does not allow this path.',
  networks: 'It does not allow the network that the request comes from.',
  notYet: 'It does not begin yet.',
  hours: 'It does not allow this at this hour.',
}

export const sentenceOf = (rule: Denial): string => sentences[rule]

/** @param name - of the grant. */
export function denied(name: string, { rule, link, opensAtMs }: Denied): SlurpError {
  const whose = link === 'grant' ? '' : ' by the limits of the key that signed it'
  const message = `The grant ${name} is refused by the rule "${rule}"${whose}. ${sentences[rule]}`
  if (opensAtMs === undefined) return new SlurpError('GRANT_DENIED', message)
  return new SlurpError('GRANT_DENIED', message, {
    hint: `It opens at ${new Date(opensAtMs).toISOString()}.`,
  })
}

/** A refusal that a member told: what it says is not repeated, only which rule it names. */
export function refusedBy(name: string, rule: string, opensAtMs: number | null): SlurpError {
  const known = Object.hasOwn(sentences, rule) ? (rule as Denial) : null
  const why = known === null ? '' : ` ${sentences[known]}`
  const message = `The members refuse the grant ${name}${known === null ? '' : ` by the rule "${known}"`}.${why}`
  if (opensAtMs === null) return new SlurpError('GRANT_DENIED', message)
  return new SlurpError('GRANT_DENIED', message, {
    hint: `It opens at ${new Date(opensAtMs).toISOString()}.`,
  })
}
