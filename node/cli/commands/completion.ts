import { Argument, type Command } from 'commander'
import { completionScript, type Shell, shells } from '../completion-script.ts'
import { withExamples } from '../options.ts'
import type { Session } from '../session.ts'

export function addCompletion(command: Command, session: Session): void {
  command
    .description('Prints a script that completes commands and options in a shell.')
    .addArgument(new Argument('<shell>', 'Shell').choices(shells))
  withExamples(command, [
    'source <(slurp completion bash)',
    'source <(slurp completion zsh)',
    'slurp completion fish > ~/.config/fish/completions/slurp.fish',
  ]).action((shell: Shell) => session.out(completionScript(command.parent ?? command, shell)))
}
