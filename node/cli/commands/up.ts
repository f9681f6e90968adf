import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { defaultOf, flagOf, meaningOf, settingNames } from '../../config.ts'
import { type JsonOption, names, withExamples, withJson } from '../options.ts'
import { runPeer, settingsOf } from '../run-peer.ts'
import { answer, type Session } from '../session.ts'

type UpOptions = JsonOption & { dir: string; child?: boolean; dryRun?: boolean } & Record<string, unknown>

export function addUp(command: Command, session: Session): void {
  command
    .description(
      'Runs the one peer whose data is in DIR, on its old ports if they are free, until SIGTERM or Ctrl-C. ' +
        'What runs is finished first; a second Ctrl-C stops at once.',
    )
    .requiredOption('--dir <dir>', 'Directory of the peer: the p1 in what `slurp init` made')
    .option('--dry-run', 'Check the directory and the settings, start nothing')
    .addOption(new Option('--child').hideHelp())
  for (const name of settingNames) {
    const flags = `--${flagOf(name)} <value>`
    const option = new Option(flags, `${meaningOf(name)} (default: ${defaultOf(name)})`)
    command.addOption(name === 'bootstrap' ? option.argParser(names) : option)
  }
  withExamples(withJson(command), [
    'slurp up --dir fleet/p1',
    'slurp up --dir fleet/p2 --http-port 8080 --json',
    'slurp up --dir fleet/p3 --bootstrap /ip4/192.0.2.7/tcp/4100/p2p/12D3Koo…',
  ]).action((options: UpOptions) => up(session, options))
}

async function up(session: Session, options: UpOptions): Promise<void> {
  const dir = resolve(options.dir)
  const settings = settingsOf(session, dir, options)
  const child = options.child === true
  if (options.dryRun) {
    answer(session, options.json, { dryRun: true, dir, settings }, () => `would run the peer in ${dir}`)
    return
  }
  await runPeer(session, { dir, settings, json: options.json === true, child, remember: true })
}
