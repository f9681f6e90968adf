import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { JoinToken } from '../../../crypto/grants/join-token.ts'
import type { JoinRequest, JoinTicket } from '../../fleet-control.ts'
import { newToken } from '../../peer-settings.ts'
import { type JoinChoices, joinFleet, refuseTakenBy } from '../joining.ts'
import { type JsonOption, type NewPeerOptions, weightOf, withExamples, withJson } from '../options.ts'
import { runPeer, settingsOf } from '../run-peer.ts'
import { answer, type Session } from '../session.ts'
import { doorsOf, shownToken, withDoorsOf } from '../shown-token.ts'
import { nameFrom, tellJoined } from './peer-join.ts'

type JoinOptions = JsonOption & NewPeerOptions

const joinMs = 60_000

export function addJoinByToken(command: Command, session: Session): void {
  command
    .description(
      'Makes DIR, asks the door that the token names to let the peer in, and runs it. What a command line says other ' +
        'users of the machine can see: "-" reads the token from standard input.',
    )
    .argument('<token>', 'The line that `slurp token create` made, or - to read it from standard input')
    .requiredOption('--dir <dir>', 'Directory of the new peer; new or empty')
    .option(
      '--name <name>',
      'Its name (default: that of DIR if it is one like p4, else the next of p1, p2 …)',
    )
    .option('--zone <zone>', 'Failure zone (default: its name)')
    .option('--weight <weight>', 'Share of the data (default: 1)', weightOf)
    .option('--blind', 'It takes no role keys, also where the token gives them')
    .option('--passphrase', 'Seal its identity by a passphrase, which is asked for')
    .option('--no-start', 'Do not run it; `slurp up --dir DIR` does later')
    .option('--dry-run', 'Say what the token is for, change nothing')
  withExamples(withJson(command), [
    'slurp join - --dir fleet/p6 < p6.join',
    'slurp join - --dir /srv/slurp --zone rack-b --no-start --json < p6.join',
  ]).action((given: string, options: JoinOptions) => join(session, given, options))
}

async function join(session: Session, given: string, options: JoinOptions): Promise<void> {
  const { text, token } = await shownToken(session, given, 'peer')
  const choices: JoinChoices = {
    dir: resolve(options.dir),
    name: options.name ?? nameFrom(options.dir),
    zone: options.zone ?? null,
    weight: options.weight ?? 1,
    blind: options.blind === true,
    sealed: options.passphrase === true,
    replaces: null,
    settings: {},
    timeoutMs: joinMs,
  }
  const { dir } = choices
  await refuseTakenBy(session.wiring, dir, token.fleet)
  if (options.dryRun) {
    const expiresAt = new Date(token.expiresMs).toISOString()
    const plan = { dryRun: true, fleet: token.fleet, dir, doors: doorsOf(token), expiresAt }
    answer(
      session,
      options.json,
      plan,
      () => `would join fleet ${token.fleet} by ${plan.doors.join(', ')}, in ${dir}`,
    )
    return
  }
  const made = await joinBy(session, text, token, choices)
  tellJoined(session, options, made)
  if (!options.start) return
  const settings = settingsOf(session, dir, {})
  await runPeer(session, { dir, settings, json: options.json === true, child: false, remember: true })
}

const joinBy = (session: Session, text: string, token: JoinToken, choices: JoinChoices) =>
  withDoorsOf(token, client => {
    const { fleet } = token
    const register = async (request: JoinRequest) => {
      const body = { token: text, request }
      return (await client.call({ method: 'POST', path: '/v1/join', body, timeoutMs: joinMs })) as JoinTicket
    }
    return joinFleet(session.wiring, { fleet, token: newToken(), register }, choices)
  })
