import { spawn } from 'node:child_process'
import { ChaosFailure } from '../failure.ts'

export type CommandResult = { readonly code: number | null; readonly out: string; readonly err: string }

const outputCharactersMax = 16 * 1024 * 1024

/** Runs one command of SLURP to its end. @param signal - kills it. */
export async function runCommand(
  main: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  })
  const said = { out: '', err: '' }
  for (const [name, stream] of [['out', child.stdout] as const, ['err', child.stderr] as const]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said[name] = (said[name] + text).slice(-outputCharactersMax)
    })
  }
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
  child.once('error', reject)
  child.once('close', code => resolve({ code, ...said }))
  return promise
}

/** @throws ChaosFailure when it does not end with exit code 0. */
export async function needCommand(...given: Parameters<typeof runCommand>): Promise<string> {
  const { code, out, err } = await runCommand(...given)
  if (code !== 0)
    throw new ChaosFailure(`slurp ${given[1].join(' ')} ended with ${code}: ${(err || out).slice(-600)}`)
  return out
}
