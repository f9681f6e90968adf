import { appendFileSync, existsSync, readFileSync } from 'node:fs'

const privateMode = 0o600

/** A file of lines that only grows. A crash may cut the last line off; what follows begins on a line of its own. */
export class LineFile {
  readonly #path: string
  #isWhole = true

  constructor(path: string) {
    this.#path = path
  }

  /** Every line, a torn one too; empty where there is no file. */
  read(): string[] {
    if (!existsSync(this.#path)) return []
    const text = readFileSync(this.#path, 'utf8')
    this.#isWhole = text === '' || text.endsWith('\n')
    return text.split('\n').filter(line => line !== '')
  }

  append(line: string): void {
    appendFileSync(this.#path, `${this.#isWhole ? '' : '\n'}${line}\n`, { mode: privateMode })
    this.#isWhole = true
  }
}
