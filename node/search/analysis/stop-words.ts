/**
 * Words that say nothing about a text. They keep their place, so that phrases count it, and are not indexed.
 * Source: Apache Lucene, EnglishAnalyzer; the reference rankings of the test collections use the same 33.
 */
export const stopWords: ReadonlySet<string> = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they ' +
    'this to was will with'
  ).split(' '),
)
