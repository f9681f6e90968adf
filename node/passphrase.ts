import type { Readable, Writable } from 'node:stream'
import { SlurpError } from '../base/errors.ts'
import { type PassphraseSource, passphraseBytesMax } from '../crypto/sealed-key.ts'
import { readSecretFile } from '../crypto/secret-file.ts'

/** Names the file that holds the passphrase. The passphrase itself is never in the environment or in arguments. */
export const passphraseVariable = 'SLURP_PASSPHRASE_FILE'

export type Terminal = {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  /** Where the question goes. */
  readonly output: Writable
}

export type PassphraseParts = {
  readonly environment: NodeJS.ProcessEnv
  /** Asks somebody, once or, for a passphrase that is to be set, twice. @throws SlurpError PASSPHRASE_NEEDED. */
  ask(question: string): Promise<Uint8Array>
}

/** The passphrase of one process: in the file that SLURP_PASSPHRASE_FILE names, else asked for when it is needed first. */
export class ProcessPassphrase {
  readonly #parts: PassphraseParts
  #known: Promise<Uint8Array> | null = null

  constructor(parts: PassphraseParts) {
    this.#parts = parts
  }

  /** Opens what is sealed. */
  readonly of: PassphraseSource = path => {
    const file = this.#parts.environment[passphraseVariable]
    this.#known ??= file ? passphraseIn(file) : this.#parts.ask(`Passphrase of ${path}: `)
    return this.#known
  }

  /** One to seal with, which `of` answers from now on. @throws SlurpError PASSPHRASE_WRONG when the second differs. */
  choose(): Promise<Uint8Array> {
    const file = this.#parts.environment[passphraseVariable]
    this.#known = file ? passphraseIn(file) : this.#chosen()
    return this.#known
  }

  /** One to seal with in the place of the old one: SLURP_PASSPHRASE_FILE holds that. */
  next(file: string | undefined): Promise<Uint8Array> {
    return file === undefined ? this.#chosen() : passphraseIn(file)
  }

  async #chosen(): Promise<Uint8Array> {
    const first = await this.#parts.ask('New passphrase: ')
    const second = await this.#parts.ask('The same again: ')
    if (Buffer.compare(first, second) === 0) return first
    throw new SlurpError('PASSPHRASE_WRONG', 'The two passphrases differ.', {
      hint: 'Nothing was changed; run the same command again.',
    })
  }
}

/**
 * The passphrase in a file, without the line feed at its end.
 *
 * @throws SlurpError CONFIG_INVALID when the file is missing, empty, too large, or others may read it.
 */
export async function passphraseIn(path: string): Promise<Uint8Array> {
  const bytes = await read(path)
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\r?\n$/, '')
  const passphrase = Buffer.from(text, 'latin1')
  if (passphrase.length > 0 && passphrase.length <= passphraseBytesMax) return passphrase
  throw new SlurpError(
    'CONFIG_INVALID',
    `The passphrase file ${path} holds none, or more than ${passphraseBytesMax} bytes.`,
    { hint: 'Write the passphrase into it, on one line.' },
  )
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readSecretFile(path, 'passphrase file')
  } catch (failure) {
    if (!(failure instanceof SlurpError) || failure.code === 'CONFIG_INVALID') throw failure
    throw new SlurpError('CONFIG_INVALID', failure.message, {
      hint: `${passphraseVariable} names a file of mode 0600 with the passphrase on one line.`,
    })
  }
}

/** One line from the terminal, shown to nobody. @throws SlurpError PASSPHRASE_NEEDED where there is no terminal. */
export function askOnTerminal({ input, output }: Terminal, question: string): Promise<Uint8Array> {
  if (input.isTTY !== true || input.setRawMode === undefined) {
    throw new SlurpError(
      'PASSPHRASE_NEEDED',
      'A passphrase is needed, and there is no terminal to ask for it.',
    )
  }
  const line = new TypedLine()
  input.setRawMode(true)
  output.write(question)
  return new Promise((resolve, reject) => {
    const finish = (end: LineEnd) => {
      input.off('data', take).off('end', giveUp)
      input.setRawMode?.(false)
      input.pause()
      // The answer to the next question may have come in the same piece.
      if (end.rest.length > 0) input.unshift(end.rest)
      output.write('\n')
      if (end.given) resolve(line.bytes())
      else reject(new SlurpError('PASSPHRASE_NEEDED', 'No passphrase was typed.'))
    }
    const giveUp = () => finish({ given: false, rest: Buffer.alloc(0) })
    const take = (chunk: Buffer) => {
      const end = line.take(chunk)
      if (end !== null) finish(end)
    }
    input.on('data', take).once('end', giveUp)
    input.resume()
  })
}

type LineEnd = { readonly given: boolean; readonly rest: Buffer }

const control = { enter: [0x0a, 0x0d], giveUp: [0x03, 0x04], back: [0x08, 0x7f], fromStart: 0x15 }

/** What a terminal in raw mode leaves to us: the end of the line, taking back a letter or all. */
class TypedLine {
  #typed: number[] = []

  bytes(): Uint8Array {
    return Uint8Array.from(this.#typed)
  }

  /** @returns null while the line goes on. */
  take(chunk: Buffer): LineEnd | null {
    for (const [at, byte] of chunk.entries()) {
      const ended = control.enter.includes(byte)
      if (ended || control.giveUp.includes(byte)) return { given: ended, rest: chunk.subarray(at + 1) }
      if (control.back.includes(byte)) this.#takeBack()
      else if (byte === control.fromStart) this.#typed = []
      else if (this.#typed.length <= passphraseBytesMax) this.#typed.push(byte)
    }
    return null
  }

  /** One letter, which in UTF-8 is a first byte and those that go on. */
  #takeBack(): void {
    while (this.#typed.length > 0 && (this.#typed.pop()! & 0xc0) === 0x80);
  }
}
