/** Texts by number; 0 is "none". Values of filters and facets of one shelf. */
export class Strings {
  readonly #texts: string[] = ['']
  readonly #ids = new Map<string, number>()

  get size(): number {
    return this.#texts.length
  }

  idOf(text: string | null): number {
    if (text === null) return 0
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    this.#ids.set(text, this.#texts.length)
    return this.#texts.push(text) - 1
  }

  /** Without adding it: null when no document has it. */
  find(text: string): number | null {
    return this.#ids.get(text) ?? null
  }

  textOf(id: number): string {
    return this.#texts[id]!
  }
}
