import { advice } from '../../base/errors.ts'
import { defaultOf, flagOf, meaningOf, settingNames, variableOf } from '../config.ts'
import { analyzerNames } from '../search/analysis/analyzers.ts'
import { textFields } from '../search/api.ts'
import { table } from './session.ts'

export type Topic = { readonly summary: string; readonly text: () => string }

const exitMeanings: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed',
  2: 'misused: nothing was changed',
  3: 'done in part, or degraded',
  4: 'not found',
  5: 'version conflict',
  6: 'denied',
  7: 'no quorum or unreachable; the outcome of a write may be unknown',
  8: 'integrity failed',
  9: 'sealed',
  130: 'interrupted',
}

/** What `slurp help TOPIC` explains beyond the commands. */
export const topics: Readonly<Record<string, Topic>> = {
  address: {
    summary: 'How a context is addressed',
    text: () =>
      [
        'ucxl://agent:role@project:task/temporal/path',
        '',
        'agent, role, project and task are names; any of the four may be `any`.',
        'path is where the context belongs in the project; it may be empty.',
        'In a name or a segment, what is not a letter, a digit or one of - . _ is percent-encoded.',
        '',
        'temporal chooses the version:',
        table([
          ['  *^', 'the latest'],
          ['  *~', 'the first'],
          ['  ~~N', 'N versions back from the latest'],
          ['  ^^N', 'N versions forward from the first'],
          ['  @2026-01-31T12:00:00Z', 'as of that time'],
        ]),
        '',
        'Quote an address in a shell: it has a * in it.',
      ].join('\n'),
  },
  query: {
    summary: 'What can be asked in a search',
    text: () =>
      [
        'Words are looked for in titles, paths, summaries, purposes, tags, technologies, insights and contents.',
        '',
        table([
          ['  token expiry', 'any of the words, the best first; `--all`: all of them'],
          ['  "token expiry"', 'these words in a row'],
          ['  expir*  *piry  ex*y', 'words that begin, end or go on like that'],
          ['  expirry~  expirry~2', 'words with a mistake, or two'],
          ['  -draft', 'must not occur'],
          ['  expiry AND token, expiry OR ttl', 'both, either; ( ) for what belongs together'],
          ['  title:expiry', 'in this field alone'],
        ]),
        '',
        'English words are found by their stem: `expires` finds `expired` too. Names in code are found whole and by their',
        'parts: `parseToken` by parseToken, parse and token.',
      ].join('\n'),
  },
  indexes: {
    summary: 'How more search indexes are set up',
    text: () =>
      [
        'Every peer that holds roles keeps the index `main`. The setting `indexes` names others beside it, the same at every',
        'peer that is to answer for them: in DIR/peer.json a list, in a flag or a variable the JSON of one. Each has',
        '',
        table([
          ['  name', '1 to 64 of a-z, 0-9 and -'],
          ['  analyzers', `of fields, one of ${analyzerNames.join(', ')}; english if not said`],
          ['  weights', 'of fields, 1 to 16: how much a word counts there'],
          ['  k1, b', 'how much repetition and length count; 1.2 and 0.75 if not said'],
          [
            '  history',
            'false: keep nothing that was written over, so that nothing can be searched as of a time',
          ],
        ]),
        '',
        `Fields are ${textFields.join(', ')}.`,
        'english leaves out words that are too common, and a word stands for all that have its stem; exact has every word, for',
        'itself alone; none leaves the field out. For example:',
        '',
        '  {"name": "code", "analyzers": {"content": "exact"}, "weights": {"title": 2}}',
        '',
        'A new one is made in the background of what the main one has, while that goes on answering; `slurp index ls` shows',
        'how far it is. Then `slurp search --index code`. One that is taken out of the setting is erased at the next start.',
      ].join('\n'),
  },
  context: {
    summary: 'The fields of a context',
    text: () =>
      [
        'A context is a JSON object; every field may be left out.',
        '',
        table([
          ['  title, summary, purpose, content', 'texts'],
          ['  technologies, tags, insights', 'lists of texts'],
          ['  kind, path, project, task, agent, createdAt', 'texts: what it is about and who says so'],
          ['  appliesToChildren', 'how far down it holds: none, children or descendants (if not said)'],
          ['  overridesParent', 'true: what stands above it holds here no more'],
          ['  decision', 'reason, status, follows (list), supersedes, author, confidence'],
          ['  metadata', 'an object with whatever else is worth keeping'],
        ]),
      ].join('\n'),
  },
  config: {
    summary: 'The settings of a peer process',
    text: () =>
      [
        'Flags of `slurp up` come first, then SLURP_* variables, then DIR/peer.json. Secrets are only in files.',
        '',
        ...settingNames.map(name =>
          [
            `${name}`,
            `  ${meaningOf(name)}.`,
            `  --${flagOf(name)}  ${variableOf(name)}  (default: ${defaultOf(name)})`,
          ].join('\n'),
        ),
        '',
        'Of the commands that talk to a peer: --url or SLURP_URL, --token-file or SLURP_TOKEN_FILE, else the last',
        '`slurp demo` or `slurp up` of this user, noted in XDG_STATE_HOME/slurp/last-fleet.json.',
      ].join('\n'),
  },
  'exit-codes': {
    summary: 'What exit codes and error codes mean',
    text: () =>
      [
        table(Object.entries(exitMeanings).map(([code, meaning]) => [`  ${code}`, meaning])),
        '',
        'Error codes, their exit code, HTTP status and advice:',
        table(
          Object.entries(advice).map(([code, { exit, http, retry }]) => [
            `  ${code}`,
            `${exit}`,
            `${http}`,
            retry,
          ]),
        ),
        '',
        'With --json results and errors are one JSON object on stdout; text for people goes to stderr.',
      ].join('\n'),
  },
}
