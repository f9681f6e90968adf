import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Operation, type OperationName, operations } from './contract.ts'
import type { Door } from './door.ts'
import { fromSchema } from './failures.ts'
import { type Asked, handlers } from './handlers.ts'

/** Adds the path of one operation: its query is validated, its handler answers an object. */
export function addRoute<Name extends OperationName>(app: FastifyInstance, door: Door, name: Name): void {
  const operation: Operation = operations[name]
  const handler = handlers[name]
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const parsed = operation.query.safeParse(request.query)
    if (!parsed.success) throw fromSchema('The query', parsed.error)
    const { address = '' } = request.params as { address?: string }
    const query = parsed.data as Asked<Name>['query']
    const result = await handler(door, { query, address, request, reply })
    if (result === reply) return reply
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(result))
  }
  const route = {
    method: operation.method,
    url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    handler: answer,
  }
  if (name !== 'batchStore') {
    app.route(route)
    return
  }
  app.register(async streamed => {
    streamed.removeAllContentTypeParsers()
    streamed.addContentTypeParser('*', async (_request: FastifyRequest, payload: unknown) => payload)
    streamed.route({ ...route, bodyLimit: Number.MAX_SAFE_INTEGER })
  })
}
