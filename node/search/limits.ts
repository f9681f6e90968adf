/** Every bound of the search in one place, with its unit. */
export const searchLimits = {
  /** Characters of a query. */
  queryCharsMax: 4096,
  /** Words, phrases and patterns of a query. */
  leavesMax: 256,
  /** Words of a phrase. */
  phraseWordsMax: 32,
  /** Brackets within brackets. */
  depthMax: 32,
  /** Conditions of a query that are told apart for one document: bits of a word of memory. */
  conditionsMax: 30,
  /** Words that one pattern stands for; the shortest are taken. */
  patternWordsMax: 1024,
  /** Words within one distance of a misspelt one. */
  fuzzyWordsMax: 32,
  /** Letters that a pattern names at least, so that it does not stand for a tenth of all words. */
  patternCharsMin: 2,
  /** Letters of a word that may be misspelt. */
  fuzzyCharsMin: 3,
  limitDefault: 10,
  limitMax: 100,
  /** Candidates that one process tells for a fan-out. */
  candidatesMax: 300,
  facetsMax: 8,
  facetValuesMax: 50,
  /** Values of one filter. */
  filterValuesMax: 256,
  cursorCharsMax: 8192,
  /** Characters of a field that highlights are looked for in. */
  highlightCharsMax: 65_536,
  highlightsMax: 256,
  snippetChars: 240,
  /** Words of one document; the rest is not searched. */
  positionsMax: 2 ** 21 - 4096,
  /** Documents that are made into one segment at once. */
  batchDocumentsMax: 64,
  /** Changes that are done in one go: then others have their turn. */
  documentsPerStep: 16,
  /** Requests of this process that wait for the worker. */
  waitingMax: 1024,
  /** Shelves: sets of roles that documents are sealed to, for each configuration. */
  shelvesMax: 1024,
} as const
