// Goal: rankings are as good as the reference BM25 of the test collections. Method: both collections through the port
// of the worker, their own words as queries, nDCG at 10 as trec_eval defines it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sharedData } from '../shared-data.ts'
import { developer, documentOf, searchWith } from './fixtures.ts'

const lines = (text: string) => text.trim().split('\n')
const records = <T>(text: string) => lines(text).map(line => JSON.parse(line) as T)

/** Grade of each judged document for each query. */
function judgements(text: string): Map<string, Map<string, number>> {
  const byQuery = new Map<string, Map<string, number>>()
  for (const line of lines(text).slice(1)) {
    const [query = '', document = '', grade = ''] = line.split('\t')
    byQuery.set(query, (byQuery.get(query) ?? new Map()).set(document, Number(grade)))
  }
  return byQuery
}

const gain = (grades: readonly number[]): number =>
  grades.slice(0, 10).reduce((sum, grade, rank) => sum + grade / Math.log2(rank + 2), 0)

for (const [collection, reference] of [
  ['cranfield', 0.5157],
  ['medline', 0.6897],
] as const) {
  test(`${collection} is ranked as well as by the reference`, async t => {
    const read = (name: string) => readFileSync(sharedData(`ir/${collection}/${name}`))
    const documents = records<{ id: string; title: string; text: string }>(
      gunzipSync(read('docs.ndjson.gz')).toString(),
    )
    const host = await searchWith(
      t,
      documents.map(({ id, title, text }) => ({
        kind: 'put',
        document: documentOf(id, { title, content: text }),
      })),
    )
    const judged = judgements(read('qrels.tsv').toString())
    let sum = 0
    for (const { id, text } of records<{ id: string; text: string }>(read('queries.ndjson').toString())) {
      const grades = judged.get(id)
      if (grades === undefined) continue
      const { hits } = await host.search({ roles: [developer], query: text, highlights: false })
      const found = hits.map(({ address }) => grades.get(address.split('/').at(-1)!) ?? 0)
      const ideal = gain([...grades.values()].sort((a, b) => b - a))
      sum += ideal === 0 ? 0 : gain(found) / ideal
    }
    const quality = sum / judged.size
    t.diagnostic(`nDCG@10 ${quality.toFixed(4)}, reference ${reference}`)
    assert.ok(quality >= reference, `nDCG@10 is ${quality}`)
  })
}
