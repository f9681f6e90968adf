import { readFileSync } from 'node:fs'
import { SlurpError } from '../../base/errors.ts'
import { isRemembered, readLastFleet } from './last-fleet.ts'
import type { Session } from './session.ts'

/** A fleet to talk to. */
export type Target = {
  readonly url: string
  /** Doors to try when nothing listens at `url`; they take the same token. */
  readonly others: readonly string[]
  readonly token: string
}

export type TargetOptions = { url?: string; tokenFile?: string }

const tokenBytesMax = 1024

/**
 * Finds the fleet: options, then the environment, then the last `demo` or `up` of this user.
 *
 * @throws SlurpError USAGE for a malformed URL, CONFIG_INVALID for a token file that cannot be read,
 * UNREACHABLE when no fleet is known.
 */
export function findTarget(session: Session, options: TargetOptions): Target {
  if (session.target) return session.target
  const last = readLastFleet(session.environment)
  const named = options.url ?? (session.environment.SLURP_URL || undefined)
  const url = named ?? last?.url
  if (url === undefined) throw new SlurpError('UNREACHABLE', 'No fleet is known to talk to.')
  const origin = checkUrl(url)
  const isLast = isRemembered(session.environment, origin)
  const tokenFile =
    options.tokenFile ??
    (session.environment.SLURP_TOKEN_FILE || undefined) ??
    (isLast ? last?.tokenFile : undefined)
  if (tokenFile === undefined) {
    throw new SlurpError('USAGE', `No token file is known for ${origin}.`, {
      hint: 'Name it with --token-file or SLURP_TOKEN_FILE.',
    })
  }
  const others = named === undefined && last !== null ? last.others : []
  return { url: origin, others, token: readToken(tokenFile) }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (
    url === null ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.pathname !== '/' ||
    url.username !== ''
  ) {
    throw new SlurpError('USAGE', 'The --url is not one of the form http://HOST:PORT.', {
      hint: 'Take the one that `slurp up` or `slurp demo` named when it was ready.',
    })
  }
  return url.origin
}

function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new SlurpError('CONFIG_INVALID', `The token file ${path} cannot be read (${code}).`, {
      hint: 'Pass --token-file with the file that `slurp up` or `slurp demo` named when it was ready.',
      cause,
    })
  }
  const token = text.trim()
  if (token.length > tokenBytesMax || !/^[\x21-\x7e]+$/.test(token)) {
    throw new SlurpError('CONFIG_INVALID', `The token file ${path} does not hold a token.`)
  }
  return token
}
