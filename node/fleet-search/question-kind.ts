/** What makes the difference to how long a question takes, for metrics and the log: nothing of its words. */
export const questionKinds = ['filter', 'word', 'words', 'phrase', 'pattern', 'fuzzy'] as const
export type QuestionKind = (typeof questionKinds)[number]

export function kindOf(query: string): QuestionKind {
  const words = query.split(/\s+/).filter(word => word !== '')
  if (words.length === 0) return 'filter'
  if (words.some(word => /[^\s]~\d?$/.test(word))) return 'fuzzy'
  if (query.includes('*')) return 'pattern'
  if (query.includes('"')) return 'phrase'
  return words.length === 1 ? 'word' : 'words'
}
