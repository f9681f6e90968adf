import { SlurpError } from '../../base/errors.ts'
import { FleetClient } from './client.ts'
import type { FleetOptions } from './options.ts'
import type { Session } from './session.ts'
import { findTarget } from './target.ts'

/** What one door answered, or why it did not. */
export type Asked<Answer> = {
  readonly url: string
  readonly answer: Answer | null
  readonly failure: SlurpError | null
}

/** Asks the doors one after the other until one of them answers what is looked for. */
export async function askDoors<Answer>(
  session: Session,
  options: FleetOptions,
  call: { method: 'GET' | 'POST'; path: string; body?: unknown },
  isFound: (answer: Answer) => boolean,
): Promise<Asked<Answer>[]> {
  const target = findTarget(session, options)
  const asked: Asked<Answer>[] = []
  for (const url of [target.url, ...target.others]) {
    const client = new FleetClient({ url, others: [], token: target.token })
    try {
      const answered = (await client.call({ ...call, timeoutMs: options.timeoutMs })) as Answer
      asked.push({ url, answer: answered, failure: null })
      if (isFound(answered)) break
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      asked.push({ url, answer: null, failure: thrown })
    } finally {
      client.close()
    }
  }
  return asked
}

/** Why the leader was not reached through any of the doors. */
export function notReached(asked: readonly Asked<{ readonly leader: string | null }>[]): SlurpError {
  const failure = asked.every(each => each.failure !== null) ? asked[0]?.failure : null
  if (failure) return failure
  const leader = asked.find(each => each.answer !== null && each.answer.leader !== null)?.answer?.leader
  const doors = asked.map(({ url, failure: why }) => (why === null ? url : `${url} (${why.code})`)).join(', ')
  if (leader === undefined || leader === null) {
    return new SlurpError('UNREACHABLE', `Nobody leads as far as these doors know: ${doors}.`, {
      hint: 'Ask again in a few seconds; `slurp status` shows whether a quorum of the fleet is up.',
    })
  }
  return new SlurpError(
    'UNREACHABLE',
    `${leader} leads, and none of the doors that were asked is its own: ${doors}.`,
    {
      hint: `Name the door of ${leader} with --url and --token-file; its peer.json has the httpPort.`,
    },
  )
}
