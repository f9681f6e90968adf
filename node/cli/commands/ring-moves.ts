import type { Command } from 'commander'
import type { MoveSettings } from '../../../dht/view.ts'
import type { FleetChange } from '../../fleet-control.ts'
import { type FleetOptions, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { fetchView } from '../rehearsal.ts'
import { answer, type Session } from '../session.ts'
import { bytesText, describeGrace } from '../show-progress.ts'

type ChangeOptions = FleetOptions & { dryRun?: boolean }

const bytesPerSecondMax = 1_099_511_627_776
const graceSecondsMax = 31_536_000

/** The commands that steer moves for the whole fleet. */
export function addMoves(command: Command, session: Session): void {
  const pause = command
    .command('pause')
    .summary('Pause moves')
    .description('No move begins and nothing is copied for one until `slurp ring resume`.')
  withExamples(withDryRun(pause), ['slurp ring pause']).action((options: ChangeOptions) =>
    setMoves(session, { paused: true }, 'moves are paused', options),
  )
  const resume = command
    .command('resume')
    .summary('Go on with moves')
    .description('Moves that `slurp ring pause` halted go on where they were.')
  withExamples(withDryRun(resume), ['slurp ring resume']).action((options: ChangeOptions) =>
    setMoves(session, { paused: false }, 'moves go on', options),
  )
  const throttle = command
    .command('throttle')
    .summary('Limit the bytes that moves copy')
    .description(
      'Sets how many bytes a second one peer copies for moves, from now on and for the whole fleet.',
    )
    .argument('<bytes-per-second>', 'Bytes a second a peer', wholeNumber(1, bytesPerSecondMax))
  withExamples(withDryRun(throttle), ['slurp ring throttle 1048576']).action(
    (bytesPerSecond: number, options: ChangeOptions) =>
      setMoves(
        session,
        { bytesPerSecond },
        `moves copy ${bytesText(bytesPerSecond)} a second a peer`,
        options,
      ),
  )
  const grace = command
    .command('grace')
    .summary('How long a dead member is waited for')
    .description(
      'Sets after how many seconds a member that is down is taken out of the fleet, so that the others get its ' +
        'partitions; 0: never. It is waited for all the same while there is nobody to take them.',
    )
    .argument('<seconds>', 'Seconds; 0 for never', wholeNumber(0, graceSecondsMax))
  withExamples(withDryRun(grace), ['slurp ring grace 900', 'slurp ring grace 0']).action(
    (seconds: number, options: ChangeOptions) =>
      setMoves(session, { replaceAfterMs: seconds * 1000 }, describeGrace(seconds * 1000), options),
  )
}

const withDryRun = (command: Command): Command =>
  withFleet(command).option('--dry-run', 'Say what would be set, change nothing')

async function setMoves(
  session: Session,
  settings: Partial<MoveSettings>,
  done: string,
  options: ChangeOptions,
): Promise<void> {
  const { json, timeoutMs } = options
  if (options.dryRun) {
    const { moves } = await withClient(session, options, client => fetchView(client, timeoutMs))
    answer(
      session,
      json,
      { dryRun: true, before: moves, after: { ...moves, ...settings } },
      () => `would set: ${done}`,
    )
    return
  }
  const changed = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/ring/moves', body: settings, timeoutMs }),
  )) as FleetChange
  answer(session, json, changed, () => `${done}; ${changed.pending} are to begin`)
}
