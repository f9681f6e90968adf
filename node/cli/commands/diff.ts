import type { Command } from 'commander'
import type { Comparison, FieldChange } from '../../store/compare/api.ts'
import { contextPath, type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

type DiffOptions = FleetOptions & { role?: string }

export function addDiff(command: Command, session: Session): void {
  command
    .description(
      'Shows what changed from A to B, field by field: lists as what came and went, texts by words or lines. Without B: up ' +
        'to what stands now; where A says just that, the last change.',
    )
    .argument('<A>', 'UCXL address; its temporal segment chooses the version, or # and a version after it do')
    .argument('[B]', 'The same; or only a temporal segment or a version, of the same place')
    .option('--role <role>', 'Open both with this role only')
  withExamples(withFleet(command), [
    "slurp diff 'ucxl://any:any@notes:any/*^/first'",
    "slurp diff 'ucxl://any:any@notes:any/*~/first' '*^'",
    "slurp diff 'ucxl://any:any@notes:any/@2026-01-31/first' '@2026-02-28'",
    "slurp diff 'ucxl://any:any@notes:any/*^/first#01a1fe84beb00000c7524787' 01a1fe84c8ae0000c7524787",
    "slurp diff 'ucxl://any:any@notes:any/*^/first' 'ucxl://any:any@notes:any/*^/second' --json",
  ]).action((a: string, b: string | undefined, options: DiffOptions) => diff(session, a, b, options))
}

async function diff(
  session: Session,
  from: string,
  to: string | undefined,
  options: DiffOptions,
): Promise<void> {
  const { role, timeoutMs } = options
  const found = (await withClient(session, options, client =>
    client.call({
      method: 'GET',
      path: `${contextPath(from)}/diff`,
      query: { to, role, timeoutMs },
      timeoutMs,
    }),
  )) as Comparison
  answer(session, options.json, found, () => describe(found))
}

function describe({ from, to, changes }: Comparison): string {
  const lines = [
    `from ${from.address}  ${from.version}  ${from.writtenAt} by ${from.author}`,
    `to   ${to.address}  ${to.version}  ${to.writtenAt} by ${to.author}`,
  ]
  if (changes.length === 0) lines.push('they say the same')
  return [...lines, ...changes.flatMap(describeChange)].join('\n')
}

function describeChange(change: FieldChange): string[] {
  return [change.field, ...bodyOf(change).map(line => `  ${line}`)]
}

function bodyOf(change: FieldChange): string[] {
  if ('value' in change) return signed(change.change === 'added' ? '+' : '-', change.value)
  if ('hunks' in change) {
    return change.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
      `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
      ...lines,
    ])
  }
  if ('words' in change) return [change.words.map(markWord).join('')]
  if ('added' in change)
    return [...change.removed.map(each => `- ${each}`), ...change.added.map(each => `+ ${each}`)]
  return [...signed('-', change.before), ...signed('+', change.after)]
}

const brackets = { same: ['', ''], added: ['{+', '+}'], removed: ['[-', '-]'] } as const

/** As `git diff --word-diff` marks them. */
const markWord = ({ kind, text }: { kind: keyof typeof brackets; text: string }): string =>
  `${brackets[kind][0]}${text}${brackets[kind][1]}`

function signed(sign: string, value: unknown): string[] {
  const values = Array.isArray(value) ? value : [value]
  return values
    .flatMap(each => (typeof each === 'string' ? each : JSON.stringify(each)).split('\n'))
    .map(line => `${sign} ${line}`)
}
