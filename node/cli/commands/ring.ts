import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { PeerId } from '../../../base/ids.ts'
import { assignmentsOf, type View } from '../../../dht/view.ts'
import type { FleetChange, RingPlan, RingProgress } from '../../fleet-control.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { describeMoves, fetchView } from '../rehearsal.ts'
import { answer, type Session, table } from '../session.ts'
import { bytesText, describeProgress } from '../show-progress.ts'
import { watchMoves } from '../watch-moves.ts'
import { addMoves } from './ring-moves.ts'

type ChangeOptions = FleetOptions & { dryRun?: boolean }

export function addRing(command: Command, session: Session): void {
  command.description('Looks at who owns what, and steers what moves.')
  const show = command
    .command('show')
    .summary('Members and their partitions')
    .description(
      'Prints the members with the partitions they own, and what is on its way; with --json also the owners of ' +
        'every partition.',
    )
  withExamples(withFleet(show), [
    'slurp ring show',
    'slurp ring show --json | jq .partitions[0].owners',
  ]).action((options: FleetOptions) => print(session, options))
  const plan = command
    .command('plan')
    .summary('What would move')
    .description(
      'Prints what placement would move now, beyond what is on its way: how many partitions, bytes and seconds. The ' +
        'name of the plan is for `slurp ring apply`.',
    )
  withExamples(withFleet(plan), ['slurp ring plan', 'slurp ring plan --json | jq .moves']).action(
    (options: FleetOptions) => printPlan(session, options),
  )
  const apply = command
    .command('apply')
    .summary('Begin the moves of a plan')
    .description('Begins the moves of a plan. One that was made for an older view is refused.')
    .argument('<plan>', 'Name that `slurp ring plan` printed')
    .option('--dry-run', 'Say what would move, change nothing')
  withExamples(withFleet(apply), [
    'slurp ring apply 12-0f3a9c5d1e2b',
    'slurp ring apply 12-0f3a9c5d1e2b --dry-run',
  ]).action((name: string, options: ChangeOptions) => applyPlan(session, name, options))
  addMoves(command, session)
  const progress = command
    .command('progress')
    .summary('What moves, and what it waits for')
    .description('Names every partition on its way: its stage, whom it waits for, why and for how long.')
    .option('--watch', 'Go on until nothing moves any more')
  withExamples(withFleet(progress), ['slurp ring progress', 'slurp ring progress --watch']).action(
    (options: FleetOptions & { watch?: boolean }) => printProgress(session, options),
  )
}

async function print(session: Session, options: FleetOptions): Promise<void> {
  const view = await withClient(session, options, client => fetchView(client, options.timeoutMs))
  answer(session, options.json, view, () => describe(view))
}

function describe(view: View): string {
  const owned = new Map<string, number>()
  const first = new Map<string, number>()
  for (const { owners } of view.partitions) {
    for (const owner of owners) owned.set(owner, (owned.get(owner) ?? 0) + 1)
    const nearest = owners[0]
    if (nearest !== undefined) first.set(nearest, (first.get(nearest) ?? 0) + 1)
  }
  const rows = view.members.map(member => [
    view.leaving.includes(member.id) ? `${member.name} (leaving)` : member.name,
    String(owned.get(member.id) ?? 0),
    String(first.get(member.id) ?? 0),
    String(member.weight),
    member.zone,
    member.id,
  ])
  const nameOf = (peer: PeerId) => view.members.find(member => member.id === peer)?.name ?? peer
  const { owners, nextOwners, stage } = view.control
  const next = stage === 'stable' ? '' : `, becomes ${nextOwners.map(nameOf).join(', ')} (${stage})`
  return [
    `epoch ${view.epoch}: ${view.partitions.length} partitions, ${view.replicas} replicas of each`,
    table([['member', 'owns', 'nearest of', 'weight', 'zone', 'id'], ...rows]),
    `control group: ${owners.map(nameOf).join(', ')}${next}`,
    describeOnTheWay(view),
  ].join('\n')
}

function describeOnTheWay(view: View): string {
  const moving = [...assignmentsOf(view)].filter(({ assignment }) => assignment.stage !== 'stable').length
  const paused = view.moves.paused ? '; moves are paused' : ''
  if (moving + view.pending.length === 0) return `nothing moves${paused}`
  return `${moving} on their way, ${view.pending.length} to begin${paused}`
}

async function fetchPlan(session: Session, options: FleetOptions): Promise<RingPlan> {
  const { timeoutMs } = options
  const plan = await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/ring/plan', timeoutMs }),
  )
  return plan as RingPlan
}

function describePlan({ plan, epoch, moves, bytes, seconds }: RingPlan): string {
  if (moves.length === 0) return `epoch ${epoch}: nothing is to be moved beyond what is on its way`
  return [
    `plan ${plan} for epoch ${epoch}: ${bytesText(bytes)} to copy, about ${seconds} s`,
    ...describeMoves(moves),
    `  begin it with: slurp ring apply ${plan}`,
  ].join('\n')
}

async function printPlan(session: Session, options: FleetOptions): Promise<void> {
  const plan = await fetchPlan(session, options)
  answer(session, options.json, plan, () => describePlan(plan))
}

async function applyPlan(session: Session, name: string, options: ChangeOptions): Promise<void> {
  const { json, timeoutMs } = options
  if (options.dryRun) {
    const plan = await fetchPlan(session, options)
    if (plan.plan !== name) {
      throw new SlurpError('VIEW_CHANGED', `The plan now is ${plan.plan}, for epoch ${plan.epoch}.`)
    }
    answer(session, json, { dryRun: true, ...plan }, () => describePlan(plan))
    return
  }
  const body = { plan: name }
  const begun = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/ring/apply', body, timeoutMs }),
  )) as FleetChange
  answer(session, json, begun, () => `epoch ${begun.epoch}: ${begun.pending} moves to begin`)
}

async function printProgress(session: Session, options: FleetOptions & { watch?: boolean }): Promise<void> {
  const { json, timeoutMs } = options
  const progress = await withClient(session, options, async client => {
    if (!options.watch) return await client.call({ method: 'GET', path: '/v1/ring/progress', timeoutMs })
    const watched = await watchMoves(session, client, {
      timeoutMs,
      patienceMs: null,
      done: ({ pending, moving, leaving }) => pending + moving.length + leaving.length === 0,
    })
    return watched.progress
  })
  answer(session, json, progress as RingProgress, () => describeProgress(progress as RingProgress))
}
