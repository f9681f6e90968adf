import type { Command } from 'commander'
import { unreachable } from '../../base/assert.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

type Place = {
  /** Words before the one to complete, without the program: `batch import`. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly {
    readonly name: string
    readonly summary: string
    readonly takesValue: boolean
  }[]
}

/** The completion script of one shell, made from the commands themselves. */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, [])
  switch (shell) {
    case 'bash':
      return bash(places)
    case 'zsh':
      return zsh(places)
    case 'fish':
      return fish(places)
    default:
      return unreachable(shell)
  }
}

function placesOf(command: Command, path: readonly string[]): Place[] {
  const here: Place = {
    path: path.join(' '),
    commands: command.commands.map(inner => ({ name: inner.name(), summary: inner.summary() })),
    options: command
      .createHelp()
      .visibleOptions(command)
      .flatMap(option =>
        option.long === undefined || option.long === null
          ? []
          : [
              {
                name: option.long,
                summary: option.description,
                takesValue: option.required || option.optional,
              },
            ],
      ),
  }
  return [here, ...command.commands.flatMap(inner => placesOf(inner, [...path, inner.name()]))]
}

const wordsOf = (place: Place): string =>
  [...place.commands.map(({ name }) => name), ...place.options.map(({ name }) => name)].join(' ')

/** Bash and zsh find the place by walking the words that are command names. */
const cases = (places: readonly Place[]): string =>
  places.map(place => `    '${place.path}') offered='${wordsOf(place)}' ;;`).join('\n')

const paths = (places: readonly Place[]): string => places.map(place => `'${place.path}'`).join('|')

function walk(places: readonly Place[], words: string, first: number, current: string): string {
  return `  local place='' next='' offered='' i
  for ((i = ${first}; i < ${current}; i++)); do
    next="\${place:+$place }\${${words}[i]}"
    case "$next" in
      ${paths(places)}) place="$next" ;;
    esac
  done
  case "$place" in
${cases(places)}
  esac`
}

const bash = (places: readonly Place[]): string => `# Completion of slurp for bash.
_slurp() {
${walk(places, 'COMP_WORDS', 1, 'COMP_CWORD')}
  COMPREPLY=($(compgen -W "$offered" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _slurp slurp
`

const zsh = (places: readonly Place[]): string => `#compdef slurp
# Completion of slurp for zsh.
_slurp() {
${walk(places, 'words', 2, 'CURRENT')}
  if [[ "\${words[CURRENT]}" == -* || -n "$offered" ]]; then
    compadd -- \${=offered}
  fi
  _files
}
if [ "$funcstack[1]" = "_slurp" ]; then
  _slurp "$@"
else
  compdef _slurp slurp
fi
`

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function fish(places: readonly Place[]): string {
  const lines = ['# Completion of slurp for fish.', 'complete -c slurp -e']
  for (const place of places) {
    const seen = place.path.split(' ').filter(word => word !== '')
    const inside = seen.map(word => `__fish_seen_subcommand_from ${word}`)
    const names = place.commands.map(({ name }) => name).join(' ')
    const notDeeper = names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`]
    const condition = [...inside, ...notDeeper].join('; and ')
    const when = condition === '' ? '' : ` -n ${quoted(condition)}`
    for (const { name, summary } of place.commands) {
      lines.push(`complete -c slurp${when} -a ${name} -d ${quoted(summary)}`)
    }
    for (const { name, summary, takesValue } of place.options) {
      lines.push(
        `complete -c slurp${when} -l ${name.slice(2)}${takesValue ? ' -r' : ''} -d ${quoted(summary)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}
