import type { Command } from 'commander'
import type { HistoryPage } from '../../store/api.ts'
import {
  contextPath,
  type FleetOptions,
  wholeNumber,
  withClient,
  withExamples,
  withFleet,
} from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import { roleNames } from '../show-context.ts'

type HistoryOptions = FleetOptions & { limit?: number; cursor?: string }

export function addHistory(command: Command, session: Session): void {
  command
    .description('Lists the versions of a context, newest first, with the decision behind each.')
    .argument('<address>', 'UCXL address')
    .option('--limit <count>', 'Versions to list', wholeNumber(1, 1000))
    .option('--cursor <cursor>', 'Go on where the list before ended')
  withExamples(withFleet(command), [
    "slurp history 'ucxl://any:any@notes:any/*^/first'",
    "slurp history 'ucxl://any:any@notes:any/*^/first' --limit 5 --json",
  ]).action((address: string, options: HistoryOptions) => history(session, address, options))
}

async function history(session: Session, address: string, options: HistoryOptions): Promise<void> {
  const { limit, cursor, timeoutMs } = options
  const page = (await withClient(session, options, client =>
    client.call({
      method: 'GET',
      path: `${contextPath(address)}/history`,
      query: { limit, cursor, timeoutMs },
      timeoutMs,
    }),
  )) as HistoryPage
  answer(session, options.json, page, () => describe(page))
}

function describe(page: HistoryPage): string {
  const rows = page.versions.map(entry => [
    entry.version,
    entry.writtenAt,
    entry.author,
    roleNames(entry.roles),
    entry.deleted ? '(deleted)' : (entry.decision?.reason ?? ''),
  ])
  const text = `${page.address}\n${table([['version', 'written', 'author', 'readers', 'why'], ...rows])}`
  if (page.cursor !== null) return `${text}\nmore: --cursor ${page.cursor}`
  return page.keptFrom === null ? text : `${text}\nolder versions are not kept (\`slurp retention ls\`)`
}
