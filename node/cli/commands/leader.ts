import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { LeaderStatus } from '../../fleet-control.ts'
import { askDoors, notReached } from '../ask-doors.ts'
import { type FleetOptions, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

const unknownExit = 3

export function addLeader(command: Command, session: Session): void {
  command.description(
    'Looks at who leads the fleet: the one peer that carries moves and other duties through.',
  )
  const show = command
    .command('show')
    .summary('Who leads')
    .description(
      'Prints who leads, and the token that its work carries. Exit code 3: no door that was asked knows.',
    )
  withExamples(withFleet(show), ['slurp leader show', 'slurp leader show --json']).action(
    (options: FleetOptions) => print(session, options),
  )
  const stepDown = command
    .command('step-down')
    .summary('Ask the leader to let go')
    .description(
      'Asks every known door of the fleet; the leader behind one of them lets go, and another peer takes over ' +
        'within seconds.',
    )
    .option('--dry-run', 'Say who would let go, change nothing')
  withExamples(withFleet(stepDown), [
    'slurp leader step-down',
    'slurp leader step-down --url http://127.0.0.1:31664 --token-file fleet/p1/token',
  ]).action((options: FleetOptions & { dryRun?: boolean }) => letGo(session, options))
}

const show = { method: 'GET', path: '/v1/leader' } as const

async function print(session: Session, options: FleetOptions): Promise<void> {
  const asked = await askDoors<LeaderStatus>(session, options, show, ({ leader }) => leader !== null)
  const found = asked.find(each => each.answer !== null && each.answer.leader !== null)?.answer
  const status = found ?? asked.find(each => each.answer !== null)?.answer
  if (!status) throw asked[0]?.failure ?? noDoor()
  if (status.leader === null) session.exitCode = unknownExit
  answer(session, options.json, status, () =>
    status.leader === null
      ? 'nobody leads as far as the doors know that were asked; a few seconds later somebody should'
      : `${status.leader} leads, with token ${status.token}`,
  )
}

type SteppedDown = { readonly steppedDown: boolean; readonly leader: string | null }

async function letGo(session: Session, options: FleetOptions & { dryRun?: boolean }): Promise<void> {
  if (options.dryRun) {
    const asked = await askDoors<LeaderStatus>(session, options, show, ({ isSelf }) => isSelf)
    const leads = asked.find(each => each.answer?.isSelf)?.answer
    if (!leads) throw notReached(asked)
    answer(
      session,
      options.json,
      { dryRun: true, leader: leads.leader },
      () => `would ask ${leads.leader} to let go`,
    )
    return
  }
  const call = { method: 'POST', path: '/v1/leader/step-down' } as const
  const asked = await askDoors<SteppedDown>(session, options, call, ({ steppedDown }) => steppedDown)
  const done = asked.find(each => each.answer?.steppedDown)?.answer
  if (!done) throw notReached(asked)
  answer(session, options.json, done, () => `${done.leader} let go of the lead; another peer takes over`)
}

const noDoor = (): SlurpError => new SlurpError('UNREACHABLE', 'No peer could be reached.')
