import { SlurpError } from '../../base/errors.ts'
import type { IndexStatistics, Search, SearchQuestion, SearchResult } from '../../node/fleet-search/api.ts'
import { checkRequest } from '../../node/search/engine/request.ts'
import { planQuery } from '../../node/search/query/plan.ts'

export type MemorySearch = Search & {
  /** What was asked last, as it came through the door. */
  asked: SearchQuestion | null
  /** What the answers say of their coverage. */
  coverage: Pick<SearchResult, 'coverage' | 'missing'>
}

/** A search of one process without an index: it refuses what the real one refuses, and finds one thing, always. */
export function memorySearch(roles: readonly string[]): MemorySearch {
  const stats: IndexStatistics = {
    phase: 'following',
    indexes: [
      {
        name: 'main',
        ready: true,
        shelves: [
          { roles: ['developer'], documents: 1, ended: 0, segments: 1, words: 2, memoryBytes: 1_500_000 },
        ],
      },
    ],
    roles,
    partitions: 16,
    partitionsTotal: 16,
    lagChanges: 0,
    lagSeconds: 0,
    unindexed: 0,
    complete: true,
    damaged: 0,
    work: null,
    memoryBytes: 2_000_000,
  }
  const named = async (name = 'main') => {
    if (name !== 'main') throw new SlurpError('INDEX_UNKNOWN', 'There is no index with this name.')
    return stats
  }
  const search: MemorySearch = {
    lag: { phase: 'following', changes: 0, seconds: 0 },
    asked: null,
    coverage: { coverage: 1, missing: [] },
    async search(question, asker = {}) {
      const unknown = asker.roles?.find(role => !roles.includes(role))
      if (unknown !== undefined) throw new SlurpError('ROLE_UNKNOWN', 'There is no such role.')
      checkRequest({ ...question, roles: roles as never })
      planQuery(question.query, question.mode ?? 'any')
      search.asked = question
      const hit = {
        address: 'ucxl://any:any@shop:any/*^/src/token',
        version: '0'.repeat(24),
        writtenAt: new Date(0).toISOString(),
        createdAt: null,
        author: 'p1',
        signed: true,
        role: 'developer',
        score: 1.25,
        snippet: 'the token expires',
        snippetOf: { field: 'content', start: 0 },
        highlights: { content: [[4, 9]] },
      } as const
      return {
        hits: [hit],
        total: 1,
        facets: {},
        ...search.coverage,
        cursor: null,
        truncated: false,
        cut: [],
        peers: 1,
        tookMs: 1,
      }
    },
    index: {
      list: async () => ({ phase: stats.phase, indexes: stats.indexes }),
      stats: async () => stats,
      rebuild: named,
      optimize: named,
      verify: async name => {
        await named(name)
        return { pieces: 3, damaged: 0 }
      },
    },
  }
  return search
}
