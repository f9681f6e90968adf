import { createWriteStream, renameSync, rmSync, type WriteStream } from 'node:fs'
import { SlurpError } from '../../../base/errors.ts'
import type { NumberedLine } from '../../store/ndjson.ts'
import type { FailedLine } from './feed.ts'

/** What the lines of a failures file were sent with, so that a retry sends them the same way. */
export type BatchSettings = {
  readonly address: string | undefined
  readonly roles: readonly string[] | undefined
}

type Header = { type: 'failures'; format: 1; address?: string; roles?: readonly string[] }

/** Lines that failed, each with its reason and its original text; written whole or not at all. */
export class FailuresFile {
  readonly #path: string
  readonly #settings: BatchSettings
  #stream: WriteStream | null = null
  #broken: Error | null = null

  constructor(path: string, settings: BatchSettings) {
    this.#path = path
    this.#settings = settings
  }

  async add(failed: FailedLine): Promise<void> {
    const stream = this.#stream ?? this.#open()
    this.#stream = stream
    const text = `${JSON.stringify({ type: 'failure', ...failed })}\n`
    // The callback comes whatever becomes of the file; `drain` never does once it is broken.
    await new Promise<void>(resolve => {
      if (stream.write(text, () => resolve())) resolve()
    })
  }

  /** @returns the path, null when nothing failed. @throws SlurpError CONFIG_INVALID when it cannot be written. */
  async finish(): Promise<string | null> {
    const stream = this.#stream
    if (!stream) return null
    await new Promise<void>(resolve => {
      if (stream.closed) return resolve()
      stream.once('close', () => resolve())
      stream.end()
    })
    if (this.#broken) {
      rmSync(this.#draft, { force: true })
      throw new SlurpError('CONFIG_INVALID', `The failures file ${this.#path} cannot be written.`, {
        hint: 'Name another with --failures FILE.',
        cause: this.#broken,
      })
    }
    renameSync(this.#draft, this.#path)
    return this.#path
  }

  get #draft(): string {
    return `${this.#path}.draft`
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#draft, { mode: 0o600 })
    stream.on('error', failure => {
      this.#broken = failure
    })
    const { address, roles } = this.#settings
    const header: Header = {
      type: 'failures',
      format: 1,
      ...(address && { address }),
      ...(roles && { roles }),
    }
    stream.write(`${JSON.stringify(header)}\n`)
    return stream
  }
}

/** Reads the settings of a failures file and turns the rest into the lines as they were. @throws SlurpError USAGE. */
export async function readFailures(
  lines: AsyncGenerator<NumberedLine>,
): Promise<{ settings: BatchSettings; lines: AsyncGenerator<NumberedLine> }> {
  const first = await lines.next()
  const header = first.done ? null : parse(first.value)
  if (header?.type !== 'failures' || header.format !== 1) {
    throw new SlurpError('USAGE', 'This is not a failures file.', {
      hint: 'Take the one that `slurp batch import` named; other files are for `slurp batch import`.',
    })
  }
  const address = typeof header.address === 'string' ? header.address : undefined
  const roles = Array.isArray(header.roles) ? header.roles.map(String) : undefined
  return { settings: { address, roles }, lines: originals(lines) }
}

async function* originals(lines: AsyncGenerator<NumberedLine>): AsyncGenerator<NumberedLine> {
  for await (const numbered of lines) {
    const entry = parse(numbered)
    if (entry?.type !== 'failure' || typeof entry.line !== 'number') {
      throw new SlurpError('USAGE', `Line ${numbered.line} of the failures file is not a failure.`)
    }
    const { line, text } = entry
    yield typeof text === 'string' ? { line, text } : { line, failure: notKept }
  }
}

const notKept = new SlurpError('TOO_LARGE', 'The line was too long to be kept in the failures file.', {
  hint: 'Shorten it in the original file and import it from there.',
})

function parse(numbered: NumberedLine): Record<string, unknown> | null {
  if (!('text' in numbered)) return null
  try {
    const value: unknown = JSON.parse(numbered.text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
