import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { JoinTokenMade } from '../../grants/api.ts'
import { writePrivately } from '../../peer-settings.ts'
import { lifeSeconds } from '../grant-options.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

type TokenOptions = FleetOptions & { ttl: number; blind?: boolean; out?: string; dryRun?: boolean }

export function addToken(command: Command, session: Session): void {
  command.description('Makes tokens by which new peers come into the fleet, each of them once.')
  const create = command
    .command('create')
    .summary('Make a join token')
    .description(
      'Makes a secret line that lets one new peer in: it holds the address of this door. Whoever has it may use it, so ' +
        'hand it over as you would a key. The fleet keeps only its hash.',
    )
    .option('--ttl <time>', 'How long the fleet waits for the peer: 15m, 12h, 7d', lifeSeconds, 3_600)
    .option('--blind', 'The peer gets no role keys, whatever it asks for')
    .option('--out <file>', 'Where the token goes, instead of to the terminal; the file is new')
    .option('--dry-run', 'Say what would be made, change nothing')
  withExamples(withFleet(create), [
    'slurp token create --ttl 30m --out p6.join',
    'slurp token create --blind --ttl 1d --out storage.join',
  ]).action((options: TokenOptions) => createToken(session, options))
}

async function createToken(session: Session, options: TokenOptions): Promise<void> {
  const { out, ttl, timeoutMs } = options
  if (out !== undefined && existsSync(out)) throw new SlurpError('DIRECTORY_TAKEN', `${out} exists already.`)
  const body = { ttlSeconds: ttl, roles: options.blind !== true }
  if (options.dryRun) {
    answer(session, options.json, { dryRun: true, ...body }, () => `would make a token for ${ttl} s`)
    return
  }
  const made = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/join-tokens', body, timeoutMs }),
  )) as JoinTokenMade
  if (out === undefined) {
    answer(session, options.json, made, () => made.token)
    return
  }
  writePrivately(out, `${made.token}\n`)
  const { expiresAt, roles } = made
  answer(session, options.json, { tokenFile: resolve(out), expiresAt, roles }, () =>
    [
      `${resolve(out)} lets one peer in until ${expiresAt}`,
      `  on its machine: slurp join - --dir DIR < ${out}`,
    ].join('\n'),
  )
}
