const lines = (text: string): string[] => text.trim().split('\n')

/** The objects of NDJSON. */
export const recordsOf = <T>(text: string): T[] => lines(text).map(line => JSON.parse(line) as T)

/** Grade of each judged document for each query. */
export function judgementsOf(text: string): Map<string, Map<string, number>> {
  const byQuery = new Map<string, Map<string, number>>()
  for (const line of lines(text).slice(1)) {
    const [query = '', document = '', grade = ''] = line.split('\t')
    byQuery.set(query, (byQuery.get(query) ?? new Map()).set(document, Number(grade)))
  }
  return byQuery
}

/** DCG at 10 of grades in the order of a ranking, as trec_eval defines it. */
export const discountedGain = (grades: readonly number[]): number =>
  grades.slice(0, 10).reduce((sum, grade, rank) => sum + grade / Math.log2(rank + 2), 0)
