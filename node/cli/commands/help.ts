import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { topics } from '../help-topics.ts'
import { withExamples } from '../options.ts'
import { type Session, table } from '../session.ts'

export function addHelp(command: Command, session: Session): void {
  const list = table(Object.entries(topics).map(([name, topic]) => [`  ${name}`, topic.summary]))
  programOf(command).addHelpText('after', `\nTopics of \`slurp help\`:\n${list}`)
  command
    .description('Explains a command or a topic.')
    .argument('[words...]', 'Command or topic')
    .addHelpText('after', `\nTopics:\n${list}`)
  withExamples(command, ['slurp help batch import', 'slurp help address']).action((words: string[]) => {
    session.out(`${explain(programOf(command), words)}\n`)
  })
}

/** The help of everything else is the business of this command. */
const programOf = (command: Command): Command => command.parent ?? command

function explain(program: Command, words: readonly string[]): string {
  const topic = words.length === 1 ? topics[words[0] ?? ''] : undefined
  if (topic) return topic.text()
  let command = program
  for (const word of words) {
    const next = command.commands.find(candidate => candidate.name() === word)
    if (!next) {
      throw new SlurpError('USAGE', `There is no command or topic "${words.join(' ')}".`, {
        hint: 'Run `slurp help` for the list.',
      })
    }
    command = next
  }
  let text = ''
  command.configureOutput({ writeOut: part => (text += part) }).outputHelp()
  return text.trimEnd()
}
