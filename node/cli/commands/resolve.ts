import type { Command } from 'commander'
import type { ResolvedContext } from '../../store/hierarchy/api.ts'
import { contextPath, type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import { describeFields } from '../show-context.ts'

type ResolveOptions = FleetOptions & { explain?: boolean; role?: string; cached?: boolean }

const partWords = {
  merged: '',
  notForChildren: 'not for so far down',
  overridden: 'left out: one below it starts anew',
} as const

export function addResolve(command: Command, session: Session): void {
  command
    .description(
      'Prints what holds at an address: the contexts from the root of the project down to it, merged. Lists are united, of ' +
        'texts the nearest wins. Nothing needs to be stored at the address itself. With a time in the address every ' +
        'context is read as of then; with a hop, as of the moment of that version.',
    )
    .argument('<address>', 'UCXL address')
    .option('--explain', 'Name the source of every field, and every context on the way')
    .option('--role <role>', 'Open with this role only')
    .option('--cached', 'Let the peer answer from its memory')
  withExamples(withFleet(command), [
    "slurp resolve 'ucxl://any:any@shop:any/*^/src/payments/client.ts'",
    "slurp resolve 'ucxl://any:any@shop:any/*^/src/payments/client.ts' --explain --json | jq .sources",
    "slurp resolve 'ucxl://any:any@shop:any/@2026-01-31T12:00:00Z/src/payments' --role architect",
  ]).action((address: string, options: ResolveOptions) => resolve(session, address, options))
}

async function resolve(session: Session, address: string, options: ResolveOptions): Promise<void> {
  const { explain, role, cached, timeoutMs } = options
  const found = (await withClient(session, options, client =>
    client.call({
      method: 'GET',
      path: `${contextPath(address)}/resolve`,
      query: {
        explain: explain ? '1' : undefined,
        role,
        consistency: cached ? 'cached' : undefined,
        timeoutMs,
      },
      timeoutMs,
    }),
  )) as ResolvedContext
  answer(session, options.json, found, () => describe(found))
}

function describe({ address, context, sources, levels }: ResolvedContext): string {
  const lines = [address, ...describeFields(context)]
  if (sources === undefined || levels === undefined) return lines.join('\n')
  const origins = Object.entries(sources).map(([field, from]) => [`  ${field}`, from.join(', ')])
  const way = levels.map(level => [
    `  ${level.address}`,
    level.version,
    `by ${level.author}`,
    partWords[level.part],
  ])
  return [...lines, '', 'each field comes from', table(origins), '', 'on the way', table(way)].join('\n')
}
