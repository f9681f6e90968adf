// Goal: every command explains itself with examples, and completion knows every command and option.
// Method: the tree of commands is walked; bash itself runs the completion script.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { Command } from 'commander'
import { advice } from '../../base/errors.ts'
import { topics } from '../../node/cli/help-topics.ts'
import { buildProgram } from '../../node/cli/program.ts'
import type { Session } from '../../node/cli/session.ts'
import { settingNames, variableOf } from '../../node/config.ts'
import { runHere } from './run-command.ts'

const session = {
  out: () => undefined,
  err: () => undefined,
  wiring: { version: '1.2.3' },
} as unknown as Session

function commandsOf(command: Command, path: readonly string[] = []): string[][] {
  return command.commands.flatMap(inner => {
    const here = [...path, inner.name()]
    return [here, ...commandsOf(inner, here)]
  })
}
const program = await buildProgram(session)
const paths = commandsOf(program)

test('the commands of the contract are there', () => {
  const named = paths.map(path => path.join(' '))
  const wanted =
    'demo,init,up,status,put,get,rm,history,ring show,batch import,batch retry,sim run,completion,help'.split(
      ',',
    )
  for (const name of wanted) assert.ok(named.includes(name), name)
})

for (const path of paths) {
  test(`slurp ${path.join(' ')} explains itself`, async () => {
    const byOption = await runHere([...path, '--help'])
    const byCommand = await runHere(['help', ...path])
    assert.deepEqual([byOption.code, byCommand.code], [0, 0])
    assert.equal(byOption.out.trim(), byCommand.out.trim())
    assert.match(byOption.out, /^Usage: slurp/)
    const holdsOthers = paths.some(other => other.length > path.length && other[0] === path[0])
    if (!holdsOthers) assert.match(byOption.out, /Examples:\n {2}\$ /)
  })
}

test('topics cover every setting and every error', async () => {
  for (const name of Object.keys(topics)) assert.equal((await runHere(['help', name])).code, 0)
  const settings = (await runHere(['help', 'config'])).out
  for (const name of settingNames) assert.ok(settings.includes(variableOf(name)), name)
  const codes = (await runHere(['help', 'exit-codes'])).out
  for (const code of Object.keys(advice)) assert.ok(codes.includes(code), code)
  assert.equal((await runHere(['help', 'nothing'])).code, 2)
})

test('--version prints the version and no arguments print help', async () => {
  assert.deepEqual(await runHere(['--version']).then(({ code, out }) => [code, out]), [0, '1.2.3\n'])
  const bare = await runHere([])
  assert.equal(bare.code, 0)
  assert.match(bare.out, /^Usage: slurp/)
})

test('bash completes commands, subcommands and options', async () => {
  const script = (await runHere(['completion', 'bash'])).out
  const complete = (words: string[]) =>
    execFileSync('bash', [
      '-c',
      `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slurp; echo "\${COMPREPLY[*]}"`,
      'bash',
      ...words,
    ])
      .toString()
      .trim()
      .split(' ')
  assert.ok(complete(['slurp', 'st']).includes('status'))
  assert.deepEqual(complete(['slurp', 'batch', 'r']), ['retry'])
  assert.ok(complete(['slurp', 'batch', 'import', '--a']).includes('--address'))
  assert.ok(complete(['slurp', 'put', '--if']).includes('--if-version'))
})

test('zsh and fish scripts know every command', async () => {
  for (const shell of ['zsh', 'fish']) {
    const script = (await runHere(['completion', shell])).out
    for (const path of paths) assert.ok(script.includes(path.at(-1) ?? ''), path.join(' '))
  }
  assert.equal((await runHere(['completion', 'tcsh'])).code, 2)
})
