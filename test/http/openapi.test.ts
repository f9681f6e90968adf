// Goal: the OpenAPI document and the door say the same. Method: every documented path and method is asked,
// every path of the contract is looked up, and answers are checked against the documented fields.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '../../node/http/contract.ts'
import { openTestDoor, pathOf, put } from './open-door.ts'

type Described = {
  operationId: string
  parameters: { name: string; in: string; description?: string; schema: object }[]
  responses: Record<string, { content: Record<string, { schema: { required?: string[] } }> }>
  security?: unknown[]
}
type Document = { openapi: string; paths: Record<string, Record<string, Described>> }

const openPaths = ['/health', '/health/live', '/v1/join', '/v1/join/agent']
const address = 'ucxl://any:any@notes:any/*^/a'

test('every path is documented, and every documented path is there', async t => {
  const { ask } = await openTestDoor(t)
  const document = JSON.parse((await ask('/v1/openapi.json')).text) as Document
  assert.equal(document.openapi, '3.1.0')
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, described]) => `${described.operationId} ${method.toUpperCase()} ${path}`,
    ),
  )
  const declared = Object.entries(operations).map(([name, { method, path }]) => `${name} ${method} ${path}`)
  assert.deepEqual(documented.sort(), declared.sort())
  for (const { method, path } of Object.values(operations)) {
    const url = path.replace('{address}', encodeURIComponent(address))
    const { body: answer } = await ask(url, { method, ...(method === 'PUT' ? put({}) : {}) })
    assert.notEqual(answer.error?.code, 'ROUTE_UNKNOWN', `${method} ${path}`)
  }
})

test('parameters, errors and the open paths are described', async t => {
  const { ask } = await openTestDoor(t)
  const document = JSON.parse((await ask('/v1/openapi.json')).text) as Document
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const where = `${method} ${path}`
      const names = described.parameters.filter(parameter => parameter.in === 'path').map(({ name }) => name)
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
      assert.deepEqual(names, wanted, where)
      for (const parameter of described.parameters)
        assert.ok(parameter.description, `${where} ${parameter.name}`)
      const isOpen = openPaths.includes(path)
      assert.equal(described.security?.length === 0, isOpen, where)
      assert.equal('401' in described.responses, !isOpen, where)
      assert.ok(described.responses['200'] && described.responses['500'], where)
    }
  }
})

test('answers have the fields that are documented', async t => {
  const { ask } = await openTestDoor(t)
  for (const summary of ['one', 'two']) await ask(pathOf(address), put({ summary }))
  const document = JSON.parse((await ask('/v1/openapi.json')).text) as Document
  for (const [path, methods] of Object.entries(document.paths)) {
    const described = methods.get
    const schema = described?.responses['200']?.content['application/json']?.schema
    if (!schema?.required) continue
    const { status, body } = await ask(
      path.replace('{address}', encodeURIComponent(address)).replace('{name}', 'p1'),
    )
    assert.equal(status, 200, path)
    assert.deepEqual(Object.keys(body).sort(), [...schema.required].sort(), path)
  }
})

test('only the paths of health and of joining by a token answer without a bearer token', async t => {
  const { door } = await openTestDoor(t)
  const open: string[] = []
  for (const { method, path } of Object.values(operations)) {
    const response = await fetch(door.url + path.replace('{address}', encodeURIComponent(address)), {
      method,
    })
    await response.arrayBuffer()
    if (response.status !== 401) open.push(path)
  }
  assert.deepEqual(open.sort(), openPaths)
})
