import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { type JsonOption, withExamples, withJson } from '../options.ts'
import { answer, type Session } from '../session.ts'
import type { Resealing } from '../wiring.ts'

type IdentityOptions = JsonOption & { dir: string; newPassphraseFile?: string }

const fromWhere =
  'The passphrase is typed on the terminal, or in the file of mode 0600 that SLURP_PASSPHRASE_FILE names.'

export function addIdentity(command: Command, session: Session): void {
  command.description(
    'Seals identity.key, the private key of a peer, by a passphrase. A sealed one is an age file: `age --decrypt` opens ' +
      'it too. A peer that runs is not touched; its next start asks.',
  )
  const show = command
    .command('show')
    .summary('Whether it is sealed')
    .description('Prints whether the identity of a peer is sealed, and the id of one that is not.')
  withExamples(withDirectory(show), ['slurp identity show --dir fleet/p1']).action(
    (options: IdentityOptions) => print(session, options),
  )
  const seal = command
    .command('seal')
    .summary('Seal it by a passphrase')
    .description(`Seals an identity that is bare. ${fromWhere}`)
  withExamples(withDirectory(seal), [
    'slurp identity seal --dir fleet/p1',
    'SLURP_PASSPHRASE_FILE=passphrase slurp identity seal --dir fleet/p1',
  ]).action((options: IdentityOptions) => reseal(session, 'seal', options))
  const change = command
    .command('change')
    .summary('Seal it by another passphrase')
    .description(`Seals a sealed identity by another passphrase. ${fromWhere}`)
    .option('--new-passphrase-file <file>', 'File of mode 0600 with the new one; else it is typed')
  withExamples(withDirectory(change), [
    'slurp identity change --dir fleet/p1',
    'SLURP_PASSPHRASE_FILE=old slurp identity change --dir fleet/p1 --new-passphrase-file new',
  ]).action((options: IdentityOptions) => reseal(session, 'change', options))
  const unseal = command
    .command('unseal')
    .summary('Write it bare again')
    .description(`Writes a sealed identity bare again: whoever reads the disk has it. ${fromWhere}`)
  withExamples(withDirectory(unseal), ['slurp identity unseal --dir fleet/p1']).action(
    (options: IdentityOptions) => reseal(session, 'unseal', options),
  )
}

const withDirectory = (command: Command): Command =>
  withJson(command).requiredOption('--dir <dir>', 'Directory of the peer: the p1 in what `slurp init` made')

async function print(session: Session, options: IdentityOptions): Promise<void> {
  const dir = resolve(options.dir)
  const file = await session.wiring.identityIn(dir)
  answer(session, options.json, { dir, ...file }, () =>
    file.isSealed
      ? `The identity in ${dir} is sealed by a passphrase (scrypt, 2^${file.workFactor} rounds).`
      : `The identity in ${dir} is not sealed. Its id is ${file.peerId}.`,
  )
}

async function reseal(session: Session, how: Resealing, options: IdentityOptions): Promise<void> {
  const dir = resolve(options.dir)
  const { isSealed } = await session.wiring.identityIn(dir)
  if (isSealed !== (how !== 'seal')) {
    throw new SlurpError('CONFIG_INVALID', `The identity in ${dir} is ${isSealed ? '' : 'not '}sealed.`, {
      hint: isSealed
        ? '`slurp identity change` seals it by another passphrase.'
        : '`slurp identity seal` seals it.',
    })
  }
  const { peerId } = await session.wiring.resealIdentity(dir, how, options.newPassphraseFile)
  const sealed = how !== 'unseal'
  answer(session, options.json, { dir, isSealed: sealed, peerId }, () =>
    sealed
      ? `The identity in ${dir} is sealed. Without the passphrase nothing opens it: keep a copy of that elsewhere.`
      : `The identity in ${dir} is bare.`,
  )
}
