// Goal: words are found by pattern, misspelling and stem as a look at every word would find them, and no word that is
// not to be seen has a part in it. Method: random words of few letters, so that many are alike; all of them are compared.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stemmer } from 'stemmer'
import { type Random, seeded } from '../../base/random.ts'
import { withinEdits } from '../../node/search/analysis/edit-distance.ts'
import { Lexicon, notIndexed } from '../../node/search/analysis/lexicon.ts'
import { stopWords } from '../../node/search/analysis/stop-words.ts'
import { fold } from '../../node/search/analysis/tokens.ts'

const endings = ['', '', 's', 'ed', 'ing', 'ly', '9', '_x', 'ß', 'é']
// 'q' and '1' look alike to the shapes of words.
const randomWord = (random: Random) => {
  const letters = [...random.pick(['abcde', 'abcde', 'aqr12', '123'])]
  return (
    Array.from({ length: 1 + random.below(7) }, () => random.pick(letters)).join('') + random.pick(endings)
  )
}

function randomLexicon(random: Random): { lexicon: Lexicon; words: string[] } {
  const lexicon = new Lexicon()
  const words = [...new Set(Array.from({ length: 3000 }, () => randomWord(random)))]
  for (const [id, word] of words.entries()) assert.equal(lexicon.add(word), id)
  return { lexicon, words }
}

const inOrder = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1)

for (const seed of [1, 2]) {
  test(`words are found as a look at all of them finds them, seed ${seed}`, () => {
    const random = seeded(seed)
    const { lexicon, words } = randomLexicon(random)
    const seen = (id: number) => id % 3 !== 0
    const visible = words.filter((_, id) => seen(id))
    const textsOf = (ids: number[]) => ids.map(id => lexicon.textOf(id))
    for (let turn = 0; turn < 200; turn++) {
      const word = randomWord(random)
      const parts = [word.slice(0, 2), random.chance(0.3) ? word.slice(2, 4) : '', random.pick(['', 's'])]
      const pattern = new RegExp(`^${parts.join('.*')}$`, 'u')
      assert.deepEqual(
        textsOf(lexicon.matching(parts, seen)),
        visible.filter(each => pattern.test(each)).sort(inOrder),
        parts.join('*'),
      )
      for (const [ring, ids] of lexicon.near(word, 2, seen).entries())
        assert.deepEqual(
          textsOf(ids),
          visible.filter(each => withinEdits(word, each, 2) === ring + 1).sort(inOrder),
          `${word}~${ring + 1}`,
        )
      assert.deepEqual(
        textsOf(lexicon.sameStem(word)).sort(),
        words.filter(each => stemmer(each) === stemmer(word)).sort(),
        word,
      )
    }
  })
}

test('a word in a text has the number of that word, however it is written there and whatever came before', () => {
  const random = seeded(3)
  const { lexicon, words } = randomLexicon(random)
  const [fresh, long] = ['zebra', 'y'.repeat(70)]
  const written = [
    ...words,
    'the',
    'not',
    'THE',
    'Not',
    '\u0301',
    fresh,
    'ZEBRA',
    long,
    `${long}x`,
    'ZÉBRA',
    'zébra',
  ]
  for (let turn = 0; turn < 20_000; turn++) {
    const word = random.pick(written)
    const cased = random.chance(0.3) ? word.toUpperCase() : word
    const [text, all] = [`.${cased} and more`, random.chance(0.2)]
    const term = fold(text, 1, 1 + cased.length)
    const id = lexicon.addAt(text, 1, 1 + cased.length, all)
    if (term === '' || (stopWords.has(term) && !all)) assert.equal(id, notIndexed, cased)
    else {
      assert.equal(lexicon.textOf(id), term, cased)
      assert.equal(lexicon.find(term), id, cased)
    }
  }
})
