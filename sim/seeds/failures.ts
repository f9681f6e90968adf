import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { minimiseApart } from '../minimise/apart.ts'
import { type Bounds, defaultBounds } from '../minimise/minimise.ts'
import { minimisedWords } from '../minimise/words.ts'
import { storyPage } from '../replay.ts'
import type { SimResult } from '../scenario.ts'
import { brokenWords } from './totals.ts'

/** Stories that are written, at most: when everything breaks, a few will do. */
const storiesMax = 20
/** Seeds that are minimised for each invariant, at most. */
const minimisedMax = 2
/** In a process of its own, where nobody waits for it before the end. */
export const ownBounds: Bounds = { ...defaultBounds, msMax: 300_000 }

/** What is written of seeds that break: their stories, and those of the smaller worlds that break the same way. */
export class Failures {
  private readonly dir: string | null
  private readonly tell: (text: string) => void
  private readonly bounds: Bounds | null
  private stories = 0
  private readonly minimised = new Map<number | string, number>()
  private work: Promise<void> = Promise.resolve()

  /**
   * @param dir - folder for the files, which is there; null: everything is told instead.
   * @param tell - for the reader of the terminal.
   * @param bounds - of the minimising of one seed; null: none is minimised.
   */
  constructor(dir: string | null, tell: (text: string) => void, bounds: Bounds | null = ownBounds) {
    this.dir = dir
    this.tell = tell
    this.bounds = bounds
  }

  add(result: SimResult): void {
    if (this.stories === storiesMax) return
    this.stories += 1
    this.write(`seed-${result.seed}`, brokenWords(result), storyPage(result))
    const { bounds } = this
    if (bounds === null) return
    const invariant = result.violations[0]!.invariant
    const count = this.minimised.get(invariant) ?? 0
    if (count === minimisedMax) return
    this.minimised.set(invariant, count + 1)
    this.work = this.work.then(() => this.minimise(result.seed, bounds))
  }

  /** Waits for what is being minimised. @throws Error when a process of it died. */
  done(): Promise<void> {
    return this.work
  }

  private async minimise(seed: number, bounds: Bounds): Promise<void> {
    const smaller = await minimiseApart({ seed, options: {}, bounds })
    if (smaller === null) return this.tell(`seed ${seed} did not break a second time`)
    const words = minimisedWords(smaller)
    const text = [`seed ${seed}`, ...words, '', ...smaller.result.story].join('\n')
    const page = storyPage(smaller.result, [['smaller', words.join('\n')]])
    this.write(`seed-${seed}-smaller`, text, page)
  }

  private write(name: string, text: string, page: string): void {
    if (this.dir === null) return this.tell(text)
    writeFileSync(join(this.dir, `${name}.txt`), `${text}\n`)
    writeFileSync(join(this.dir, `${name}.html`), page)
    this.tell(`written: ${join(this.dir, name)}.txt and .html`)
  }
}
