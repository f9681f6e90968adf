import { type Command, Option } from 'commander'
import type { SearchHit, SearchResult } from '../../fleet-search/api.ts'
import { listFields, valueFields } from '../../search/api.ts'
import { searchLimits } from '../../search/limits.ts'
import { type FleetOptions, names, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'
import { noteMissing } from '../show-coverage.ts'

const valueFilters = [...valueFields, ...listFields] as const

type SearchOptions = FleetOptions & { readonly [field in (typeof valueFilters)[number]]?: string[] } & {
  all?: boolean
  under?: string
  createdFrom?: string
  createdBefore?: string
  decidedFrom?: string
  decidedBefore?: string
  asOf?: string
  facets?: string[]
  sort?: string
  limit?: number
  cursor?: string
  fields?: string[]
  maxTokens?: number
  role?: string[]
  index?: string
}

/** `tags` is given as `--tag`, and so on. */
const flags: Readonly<Record<(typeof valueFilters)[number], string>> = {
  project: '--project <names>',
  task: '--task <names>',
  agent: '--agent <names>',
  author: '--author <names>',
  status: '--status <names>',
  path: '--path <paths>',
  tags: '--tags <names>',
  technologies: '--technologies <names>',
}

export function addSearch(command: Command, session: Session): void {
  command.description(
    'Finds contexts by their words: any of them, the best first. "Quotes" make a phrase; token* and *oken are patterns, tokn~ ' +
      'forgives mistakes, -word must not occur, title:word must be in the title, OR and brackets put alternatives. Exit code ' +
      '3 says that the answer is not of the whole fleet. `slurp help query` tells more.',
  )
  withFleet(command)
    .argument('[words...]', 'What is looked for; nothing: everything that passes the filters')
    .option('--all', 'All words must occur, not any')
  for (const field of valueFilters)
    command.option(flags[field], `Only with one of these, separated by commas: ${field}`, names)
  command
    .option('--under <path>', 'Only at this path and below')
    .option('--created-from <time>', 'Only created then or later, as the context says it')
    .option('--created-before <time>', 'Only created before')
    .option('--decided-from <time>', 'Only written then or later')
    .option('--decided-before <time>', 'Only written before')
    .option('--as-of <time>', 'What held at that time, or when the version at an address was written')
    .option('--facets <names>', 'Count hits by these fields', names)
    .addOption(
      new Option('--sort <order>', 'Best first by this').choices(['relevance', 'time', 'confidence']),
    )
    .option('--limit <count>', 'Hits in one answer', wholeNumber(1, searchLimits.limitMax))
    .option('--cursor <cursor>', 'Go on where the answer before ended')
    .option('--fields <names>', 'Fields of the context to show with each hit', names)
    .option('--max-tokens <count>', 'Most tokens of text in the answer', wholeNumber(1, 10_000_000))
    .option('--role <names>', 'Only what these roles may read', names)
    .option('--index <name>', 'Name of the index')
  withExamples(command, [
    'slurp search token expiry',
    `slurp search '"refresh token" OR session -deprecated' --project shop --limit 5`,
    'slurp search expiry --fields summary,content --max-tokens 2000 --json',
    'slurp search -- expiry -draft',
    "slurp search expiry --as-of 'ucxl://any:any@shop:any/~~2/src/auth.ts'",
    'slurp search --status withdrawn --facets project,author',
  ]).action((words: string[], options: SearchOptions) => search(session, words, options))
}

async function search(session: Session, words: readonly string[], options: SearchOptions): Promise<void> {
  const { json, timeoutMs } = options
  const body = bodyOf(words, options)
  const found = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/search', body, timeoutMs }),
  )) as SearchResult
  answer(session, json, found, () => describe(found))
  noteMissing(session, found)
}

function bodyOf(words: readonly string[], options: SearchOptions): object {
  const { all, under, facets, sort, limit, cursor, fields, maxTokens, role, index, asOf, timeoutMs } = options
  const { createdFrom, createdBefore, decidedFrom, decidedBefore } = options
  const filters = {
    ...Object.fromEntries(valueFilters.map(field => [field, options[field]])),
    pathPrefix: under,
    createdFrom,
    createdBefore,
    decidedFrom,
    decidedBefore,
  }
  const query = words.join(' ')
  const mode = all ? 'all' : undefined
  return {
    query,
    mode,
    filters,
    facets,
    sort,
    limit,
    cursor,
    fields,
    maxTokens,
    roles: role,
    index,
    asOf,
    timeoutMs,
  }
}

function describe({ hits, total, facets, cursor, truncated, cut }: SearchResult): string {
  const lines = hits.map(hitText)
  for (const [name, counts] of Object.entries(facets))
    lines.push(`${name}: ${counts.map(({ value, count }) => `${value} (${count})`).join(', ') || 'none'}`)
  lines.push(total === 1 ? '1 context' : `${total} contexts`)
  if (truncated) lines.push('cut to keep to --max-tokens')
  for (const pattern of cut)
    lines.push(`${pattern} stands for more words than are looked at: name more letters`)
  if (cursor !== null) lines.push(`more: --cursor ${cursor}`)
  return lines.join('\n')
}

function hitText({ address, score, author, writtenAt, snippet, context }: SearchHit): string {
  const lines = [`${address}  ${score.toFixed(2)}`, `  ${author}, ${writtenAt}`]
  if (snippet !== '') lines.push(`  ${snippet.replace(/\s+/g, ' ')}`)
  for (const [field, value] of Object.entries(context ?? {}))
    lines.push(`  ${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${lines.join('\n')}\n`
}
