import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { audited } from './audited.ts'
import { type OperationName, operations } from './contract.ts'
import type { Door } from './door.ts'
import { fromSchema } from './failures.ts'
import { type Asked, handlers } from './handlers.ts'
import type { Operation } from './operation.ts'

/** Adds the path of one operation: query and body are validated, its handler answers an object. */
export function addRoute<Name extends OperationName>(app: FastifyInstance, door: Door, name: Name): void {
  const operation: Operation = operations[name]
  const handler = handlers[name]
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const elsewhere = door.notServed?.(name) ?? null
    if (elsewhere !== null) throw elsewhere
    const parsed = operation.query.safeParse(request.query)
    if (!parsed.success) throw fromSchema('The query', parsed.error)
    const { address = '', name: member = '' } = request.params as { address?: string; name?: string }
    const body = checkedBody(operation, request.body) as Asked<Name>['body']
    const query = parsed.data as Asked<Name>['query']
    const { roles } = query as { roles?: readonly string[] }
    const result = await audited(door, name, { request, address, member, roles }, () =>
      handler(door, { query, address, member, body, request, reply }),
    )
    if (result === reply) return reply
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(result))
  }
  const route = {
    method: operation.method,
    url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    handler: answer,
    ...(operation.body?.checkedBytesMax === undefined ? {} : { bodyLimit: operation.body.checkedBytesMax }),
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

function checkedBody({ body }: Operation, given: unknown): unknown {
  if (body?.checkedBytesMax === undefined) return given
  const parsed = body.schema.safeParse(given)
  if (!parsed.success) throw fromSchema('The body', parsed.error)
  return parsed.data
}
