import type { Command } from 'commander'
import type { IndexList, IndexStatistics, IndexVerdict } from '../../fleet-search/api.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

const partial = 3

export function addIndex(command: Command, session: Session): void {
  command.description(
    'Looks after the search index of the peer that is asked: it is sealed on its disk, made of what its roles open, and follows ' +
      'by itself what is written.',
  )
  const list = command.command('ls').summary('List the indexes')
  list.description('Lists the indexes: one part for each set of roles that contexts are sealed to.')
  withExamples(withFleet(list), ['slurp index ls', 'slurp index ls --json']).action((options: FleetOptions) =>
    get<IndexList>(session, options, '/v1/index', describe),
  )
  const stats = command.command('stats').summary('Show how the index is')
  stats.description('Shows how far the index is behind the disk, how large it is, and what goes on.')
  withExamples(withFleet(stats), ['slurp index stats', 'slurp index stats --json']).action(
    (options: FleetOptions) => get<IndexStatistics>(session, options, '/v1/index/stats', describeStatistics),
  )
  for (const [name, summary, description] of begun) {
    const each = command.command(name).summary(summary).description(description)
    withExamples(withName(each), [`slurp index ${name}`, `slurp index ${name} code`]).action(
      async (index: string | undefined, options: FleetOptions) => {
        await post<IndexStatistics>(session, options, name, index, describeStatistics)
      },
    )
  }
  const verify = command.command('verify').summary('Check every piece of the index')
  verify.description(
    'Opens every piece of the index. What is damaged is dropped and made anew from the disk; then the exit code is 3.',
  )
  withExamples(withName(verify), ['slurp index verify']).action(
    async (index: string | undefined, options: FleetOptions) => {
      const { damaged } = await post<IndexVerdict>(session, options, 'verify', index, describeVerdict)
      if (damaged > 0) session.exitCode = partial
    },
  )
}

const begun = [
  [
    'rebuild',
    'Make the index anew',
    'Makes the index anew in the background from what lies sealed in it, while the old one answers.',
  ],
  [
    'optimize',
    'Merge the segments of the index',
    'Merges the segments of each part into one in the background, and takes out what was removed.',
  ],
] as const

const withName = (command: Command): Command =>
  withFleet(command).argument('[name]', 'Which index; main without it')

async function get<T extends object>(
  session: Session,
  options: FleetOptions,
  path: string,
  text: (found: T) => string,
): Promise<void> {
  const { json, timeoutMs } = options
  const found = (await withClient(session, options, client =>
    client.call({ method: 'GET', path, timeoutMs }),
  )) as T
  answer(session, json, found, () => text(found))
}

async function post<T extends object>(
  session: Session,
  options: FleetOptions,
  what: string,
  name: string | undefined,
  text: (found: T) => string,
): Promise<T> {
  const { json, timeoutMs } = options
  const call = { method: 'POST' as const, path: `/v1/index/${what}`, body: { name }, timeoutMs }
  const found = (await withClient(session, options, client => client.call(call))) as T
  answer(session, json, found, () => text(found))
  return found
}

function describe({ phase, indexes }: IndexList): string {
  const rows = indexes.flatMap(({ name, ready, shelves }) =>
    shelves.map(({ roles, documents, ended, segments, words, memoryBytes }) => [
      ready ? name : `${name} (being made)`,
      roles.join(', '),
      ...[documents, ended, segments, words].map(String),
      megabytes(memoryBytes),
    ]),
  )
  return [
    table([['index', 'sealed to', 'contexts', 'past versions', 'segments', 'words', 'memory'], ...rows]),
    phase,
  ].join('\n')
}

function describeStatistics(found: IndexStatistics): string {
  const { partitions, partitionsTotal, lagChanges, lagSeconds, unindexed, damaged, work, memoryBytes } = found
  const [main] = found.indexes
  const documents = (main?.shelves ?? []).reduce((sum, each) => sum + each.documents, 0)
  const unready = found.indexes.filter(({ ready }) => !ready).map(({ name }) => name)
  return [
    `${found.phase}: ${documents} contexts for ${found.roles.join(', ')}`,
    `looked through: ${partitions} of ${partitionsTotal} partitions`,
    `behind: ${lagChanges} changes, ${lagSeconds.toFixed(1)} s`,
    `memory: ${megabytes(memoryBytes)}`,
    `not in it: ${unindexed}; dropped as damaged: ${damaged}`,
    ...(unready.length === 0 ? [] : [`being made, answers nothing yet: ${unready.join(', ')}`]),
    work === null ? 'nothing goes on' : `${work.kind}: ${work.done} of ${work.of}`,
  ].join('\n')
}

const describeVerdict = ({ pieces, damaged }: IndexVerdict): string =>
  damaged === 0
    ? `${pieces} pieces are whole`
    : `${pieces} pieces are whole; ${damaged} parts are damaged, were dropped and are made anew`

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
