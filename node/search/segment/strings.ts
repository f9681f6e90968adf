import { TextTable } from '../analysis/text-table.ts'

/** Texts by number; 0 is "none". Values of filters and facets of one shelf. */
export class Strings {
  readonly #texts = new TextTable()

  get size(): number {
    return this.#texts.size + 1
  }

  idOf(text: string | null): number {
    return text === null ? 0 : this.#texts.add(text) + 1
  }

  /** Without adding it: null when no document has it. */
  find(text: string): number | null {
    const at = this.#texts.find(text)
    return at < 0 ? null : at + 1
  }

  textOf(id: number): string {
    return id === 0 ? '' : this.#texts.textOf(id - 1)
  }

  /** Numbers of the texts that are this folder, or below it. */
  below(folder: string): Uint8Array {
    const found = new Uint8Array(this.size)
    const bytes = Buffer.from(folder)
    for (let id = 1; id < found.length; id++) {
      if (this.#texts.isBelow(id - 1, bytes)) found[id] = 1
    }
    return found
  }
}
