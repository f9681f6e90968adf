import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { topics } from '../help-topics.ts'
import { withExamples } from '../options.ts'
import { type Session, table } from '../session.ts'

export function addHelp(program: Command, session: Session): void {
  const list = table(Object.entries(topics).map(([name, topic]) => [`  ${name}`, topic.summary]))
  program.addHelpText('after', `\nTopics of \`slurp help\`:\n${list}`)
  const command = program
    .command('help')
    .summary('Explain a command or a topic')
    .description('Explains a command or a topic.')
    .argument('[words...]', 'Command or topic')
    .addHelpText('after', `\nTopics:\n${list}`)
  withExamples(command, ['slurp help batch import', 'slurp help address']).action((words: string[]) => {
    session.out(`${explain(program, words)}\n`)
  })
}

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
