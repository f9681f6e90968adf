import { text as textOf } from 'node:stream/consumers'
import { SlurpError } from '../../base/errors.ts'
import { type Joiner, type JoinToken, parseJoinToken } from '../../crypto/grants/join-token.ts'
import { FleetClient } from './client.ts'
import type { Session } from './session.ts'

export type ShownToken = { readonly text: string; readonly token: JoinToken }

const otherWay: Readonly<Record<Joiner, string>> = {
  peer: 'It lets a peer in: `slurp join - --dir DIR`.',
  agent: 'It lets an agent in: `slurp agent --dir DIR --join -`.',
}

/**
 * The join token that a command was given; `-` reads it from standard input, where nobody else on the machine sees it.
 *
 * @throws SlurpError JOIN_TOKEN_WRONG, also for one of the other kind; USAGE.
 */
export async function shownToken(session: Session, given: string, lets: Joiner): Promise<ShownToken> {
  const text = given === '-' ? await read(session) : given
  const token = parseJoinToken(text)
  if (token.lets === lets) return { text, token }
  throw new SlurpError('JOIN_TOKEN_WRONG', 'This join token is for something else.', {
    hint: otherWay[token.lets],
  })
}

/** `/ip4/127.0.0.1/tcp/31664/http` as `http://127.0.0.1:31664`; other addresses are those of the peer protocol. */
export function doorsOf({ bootstrap }: JoinToken): string[] {
  return bootstrap.flatMap(address => {
    const [, kind = '', host = '', port = '', scheme = ''] =
      /^\/(ip4|ip6|dns)\/([^/]+)\/tcp\/(\d+)\/(https?)$/.exec(address) ?? []
    return scheme === '' ? [] : [`${scheme}://${kind === 'ip6' ? `[${host}]` : host}:${port}`]
  })
}

/** Runs `use` with a client of the doors that a token names. @throws SlurpError JOIN_TOKEN_WRONG where it names none. */
export async function withDoorsOf<T>(token: JoinToken, use: (client: FleetClient) => Promise<T>): Promise<T> {
  const [url, ...others] = doorsOf(token)
  if (url === undefined) throw new SlurpError('JOIN_TOKEN_WRONG', 'This join token names no door.')
  const client = new FleetClient({ url, others, token: '' })
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

async function read(session: Session): Promise<string> {
  if (session.input === null)
    throw new SlurpError('USAGE', 'There is no standard input to read the token from.')
  return (await textOf(session.input)).trim()
}
