import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { DutyList, DutyText, DutyWish, DutyWished } from '../../fleet-control.ts'
import { askDoors, notReached } from '../ask-doors.ts'
import { type FleetOptions, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

type WishOptions = FleetOptions & { dryRun?: boolean }

const wishes: Readonly<Record<DutyWish, string>> = {
  run: 'Run a duty now',
  pause: 'Stop a duty, until it is resumed, whoever leads',
  resume: 'Let a paused duty go on',
}

export function addDuty(command: Command, session: Session): void {
  command.description(
    'Looks at the duties of the leader: moves, replacement of dead peers, compaction. Every known door is asked; the ' +
      'leader behind one of them answers.',
  )
  const list = command
    .command('ls')
    .summary('List the duties')
    .description('Lists what the leader sees to, when it last did, and with which outcome.')
  withExamples(withFleet(list), ['slurp duty ls', 'slurp duty ls --json']).action((options: FleetOptions) =>
    print(session, options),
  )
  for (const [wish, summary] of Object.entries(wishes) as [DutyWish, string][]) {
    const each = command
      .command(wish)
      .summary(summary)
      .description(`${summary}. What is recorded outlives the leader.`)
      .argument('<name>', 'Name of the duty, as `slurp duty ls` lists it')
      .option('--dry-run', 'Say which leader would be asked, change nothing')
    withExamples(withFleet(each), [`slurp duty ${wish} compact`, `slurp duty ${wish} moves --json`]).action(
      (name: string, options: WishOptions) => ask(session, name, wish, options),
    )
  }
}

const listCall = { method: 'GET', path: '/v1/duties' } as const

async function leaderDuties(session: Session, options: FleetOptions): Promise<DutyList> {
  const asked = await askDoors<DutyList>(session, options, listCall, ({ isLeader }) => isLeader)
  const found = asked.find(each => each.answer?.isLeader)?.answer
  if (!found) throw notReached(asked)
  return found
}

async function print(session: Session, options: FleetOptions): Promise<void> {
  const found = await leaderDuties(session, options)
  answer(session, options.json, found, () => {
    const head = ['duty', 'where', 'every', 'phase', 'runs', 'last run', 'outcome', 'failures']
    return table([head, ...found.duties.map(rowOf)])
  })
}

const rowOf = (duty: DutyText): string[] => [
  duty.name,
  duty.where,
  duty.intervalMs >= 1_000 ? `${Math.round(duty.intervalMs / 1_000)} s` : `${duty.intervalMs} ms`,
  duty.phase,
  String(duty.runs),
  duty.lastRunAt ?? '-',
  duty.lastOutcome ?? '-',
  String(duty.failures),
]

async function ask(session: Session, name: string, wish: DutyWish, options: WishOptions): Promise<void> {
  const { leader, duties } = await leaderDuties(session, options)
  if (!duties.some(duty => duty.name === name)) {
    throw new SlurpError('DUTY_UNKNOWN', `The leader has no duty named ${name}.`)
  }
  if (options.dryRun) {
    answer(
      session,
      options.json,
      { dryRun: true, leader, name, wish },
      () => `would ask ${leader} to ${wish} ${name}`,
    )
    return
  }
  const call = { method: 'POST', path: `/v1/duties/${encodeURIComponent(name)}`, body: { wish } } as const
  const asked = await askDoors<DutyWished & { leader: null }>(session, options, call, () => true)
  const done = asked.find(each => each.answer !== null)?.answer
  if (!done) {
    throw (
      asked.find(each => each.failure !== null && each.failure.code !== 'NOT_LEADER')?.failure ??
      notReached(asked)
    )
  }
  answer(session, options.json, done, () => wordsOf(done))
}

function wordsOf({ name, outcome }: DutyWished): string {
  switch (outcome) {
    case 'done':
      return `recorded for ${name}, for every leader to come`
    case 'started':
      return `${name} runs`
    case 'running':
      return `${name} was running already`
    case 'paused':
      return `${name} is paused and does not run; \`slurp duty resume ${name}\` lets it go on`
  }
}
