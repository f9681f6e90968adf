import type { Command } from 'commander'
import type { ContextList } from '../../store/catalogue/api.ts'
import { type FleetOptions, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import { noteCoverage } from '../show-coverage.ts'

export type PrefixOptions = FleetOptions & { role?: string; limit?: number; cursor?: string }

/** Argument and options of every command that lists what lies under a prefix. */
export const withPrefix = (command: Command): Command =>
  withFleet(command)
    .argument('[prefix]', 'project/path, or an address in which `any` is every name; default: everything')
    .option('--role <role>', 'Only what this role may read')
    .option('--limit <count>', 'Rows in one answer', wholeNumber(1, 1000))
    .option('--cursor <cursor>', 'Go on where the list before ended')

/** Asks a path of the door for what lies under a prefix. */
export const askPrefix = (
  session: Session,
  path: string,
  prefix: string | undefined,
  options: PrefixOptions & { depth?: number },
): Promise<unknown> => {
  const { role, limit, cursor, depth, timeoutMs } = options
  const query = { prefix, role, limit, cursor, depth, timeoutMs }
  return withClient(session, options, client => client.call({ method: 'GET', path, query, timeoutMs }))
}

export function addList(command: Command, session: Session): void {
  command.description(
    'Lists contexts by project and path, as far as the roles of the peer open them and its own disk has them. Exit code 3 ' +
      'says that other peers have more.',
  )
  withExamples(withPrefix(command), [
    'slurp ls',
    'slurp ls shop/src --limit 20',
    "slurp ls 'ucxl://any:architect@shop:any/*^/src' --json",
  ]).action((prefix: string | undefined, options: PrefixOptions) => list(session, prefix, options))
}

async function list(session: Session, prefix: string | undefined, options: PrefixOptions): Promise<void> {
  const found = (await askPrefix(session, '/v1/contexts', prefix, options)) as ContextList
  answer(session, options.json, found, () => describe(found))
  noteCoverage(session, found.coverage)
}

function describe({ contexts, total, cursor }: ContextList): string {
  const rows = contexts.map(each => [
    each.address,
    each.writtenAt,
    each.author,
    each.status ?? '',
    each.title ?? '',
  ])
  const lines = [
    table([['address', 'written', 'author', 'status', 'title'], ...rows]),
    total === 1 ? '1 context' : `${total} contexts`,
  ]
  return cursor === null ? lines.join('\n') : [...lines, `more: --cursor ${cursor}`].join('\n')
}
