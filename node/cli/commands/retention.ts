import { type Command, InvalidArgumentError } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { RetentionList, RetentionPreview, RetentionRule } from '../../store/retention/api.ts'
import { ageMaxSeconds, versionsKeptMax } from '../../store/retention/rules.ts'
import { type FleetOptions, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

type ChangeOptions = FleetOptions & { default?: boolean; dryRun?: boolean }
type SetOptions = ChangeOptions & { versions?: number; age?: number; all?: boolean }

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }
const dutyHint = 'applied within six hours; `slurp duty run history-retention` does it now'

export function addRetention(command: Command, session: Session): void {
  command.description(
    'Says how much history projects keep. The version that stands is always kept; older ones go once every limit that ' +
      'is set lets them go. Without a rule all history is kept.',
  )
  const list = command
    .command('ls')
    .summary('List the rules')
    .description('Lists how much history is kept: the default, and the projects with a rule of their own.')
  withExamples(withFleet(list), ['slurp retention ls', 'slurp retention ls --json']).action(
    (options: FleetOptions) => print(session, options),
  )
  const set = command
    .command('set')
    .summary('Set the rule of a project')
    .description(
      'Sets how much history a project keeps. --versions counts the one that stands; the age of a version counts from ' +
        'when it was replaced. With both a version is kept as long as either keeps it.',
    )
    .argument('[project]', 'Name of the project, as addresses have it')
    .option('--default', 'For every project without a rule of its own')
    .option('--versions <count>', 'Keep so many versions', wholeNumber(1, versionsKeptMax))
    .option('--age <time>', 'Keep what stood within so long: 90d, 12h, 30m, 45s or 8w', ageSeconds)
    .option('--all', 'Keep everything, whatever the default is')
    .option('--dry-run', 'Say how many versions of how many contexts would go, change nothing')
  withExamples(withFleet(set), [
    'slurp retention set shop --versions 20',
    'slurp retention set shop --versions 5 --age 90d --dry-run',
    'slurp retention set --default --age 52w',
  ]).action((project: string | undefined, options: SetOptions) =>
    change(session, project, options, ruleFrom(options)),
  )
  const unset = command
    .command('unset')
    .summary('Take the rule of a project away')
    .description(
      'Takes the rule of a project away: the default is for it again. What was trimmed stays gone.',
    )
    .argument('[project]', 'Name of the project')
    .option('--default', 'The default: everything is kept where no other rule says otherwise')
    .option('--dry-run', 'Say how many versions of how many contexts would go, change nothing')
  withExamples(withFleet(unset), [
    'slurp retention unset shop',
    'slurp retention unset --default --dry-run',
  ]).action((project: string | undefined, options: ChangeOptions) => change(session, project, options, null))
}

async function print(session: Session, options: FleetOptions): Promise<void> {
  const { timeoutMs } = options
  const rules = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/retention', timeoutMs }),
  )) as RetentionList
  answer(session, options.json, rules, () => describe(rules))
}

/** @param rule - null: none of its own. */
async function change(
  session: Session,
  name: string | undefined,
  options: ChangeOptions,
  rule: RetentionRule | null,
): Promise<void> {
  const project = projectFrom(name, options.default === true)
  const { json, timeoutMs } = options
  const post = (path: string, body: object) =>
    withClient(session, options, client => client.call({ method: 'POST', path, body, timeoutMs }))
  if (options.dryRun) {
    const found = (await post('/v1/retention/preview', { project, rule })) as RetentionPreview
    answer(session, json, { dryRun: true, project, rule, ...found }, () => describePreview(found))
    return
  }
  const rules = (await (rule === null
    ? post('/v1/retention/unset', { project })
    : post('/v1/retention', { project, ...rule }))) as RetentionList
  answer(session, json, rules, () => `${describe(rules)}\n${dutyHint}`)
}

function projectFrom(name: string | undefined, isDefault: boolean): string | null {
  if ((name === undefined) === isDefault) return name ?? null
  throw new SlurpError('USAGE', 'Name one project, or say --default and name none.', {
    hint: '`slurp retention set --help` shows how it is used.',
  })
}

function ruleFrom({ versions, age, all }: SetOptions): RetentionRule {
  const limited = versions !== undefined || age !== undefined
  if (limited !== (all === true)) return { versions: versions ?? null, ageSeconds: age ?? null }
  throw new SlurpError('USAGE', 'Say --versions, --age or both; or --all alone.', {
    hint: '`slurp retention set --help` shows how it is used.',
  })
}

function describe({ default: fallback, projects }: RetentionList): string {
  const rows = projects.map(each => [each.project, words(each)])
  return table([['project', 'keeps'], ...rows, ['(default)', words(fallback)]])
}

function words({ versions, ageSeconds: age }: RetentionRule): string {
  const limits = [
    ...(versions === null ? [] : [versions === 1 ? 'the version that stands' : `${versions} versions`]),
    ...(age === null ? [] : [`what stood within ${ageText(age)}`]),
  ]
  return limits.length === 0 ? 'everything' : limits.join(', and ')
}

function describePreview({
  contexts,
  versions,
  untold,
  partitions,
  partitionsTotal,
}: RetentionPreview): string {
  const lines = [`would trim ${versions} versions of ${contexts} contexts`]
  if (partitions < partitionsTotal) {
    lines.push(`as far as the peer that was asked could look: ${partitions} of ${partitionsTotal} partitions`)
  }
  if (untold > 0) lines.push(`it cannot tell the project of ${untold} contexts; what it cannot open stays`)
  return lines.join('\n')
}

function ageSeconds(text: string): number {
  const match = /^([1-9]\d{0,9})([smhdw])$/.exec(text)
  const seconds = match === null ? 0 : Number(match[1]) * unitSeconds[match[2]!]!
  if (seconds >= 1 && seconds <= ageMaxSeconds) return seconds
  throw new InvalidArgumentError('It is a number and a unit, such as 90d, 12h, 30m, 45s or 8w.')
}

function ageText(seconds: number): string {
  const unit = ['d', 'h', 'm'].find(each => seconds % unitSeconds[each]! === 0) ?? 's'
  return `${seconds / unitSeconds[unit]!}${unit}`
}
