import { readFileSync } from 'node:fs'
import type { Interval, Model } from '../../sim/checker/linearizability.ts'
import { sharedData } from '../shared-data.ts'

/** One register that starts as `nil`: reads, writes and compare-and-swaps as a Jepsen log writes them. */
export type RegisterOperation =
  | { readonly kind: 'read'; readonly saw: string }
  | { readonly kind: 'write'; readonly value: string }
  | {
      readonly kind: 'cas'
      readonly from: string
      readonly to: string
      readonly applied: boolean | 'unknown'
    }

export const registerModel: Model<string, RegisterOperation> = {
  init: 'nil',
  step(state, operation) {
    switch (operation.kind) {
      case 'read':
        return operation.saw === state ? [state] : []
      case 'write':
        return [operation.value]
      case 'cas':
        if (operation.applied === false) return operation.from === state ? [] : [state]
        return operation.from === state ? [operation.to] : []
    }
  },
  key: state => state,
  readsOnly: operation =>
    operation.kind === 'read' || (operation.kind === 'cas' && operation.applied === false),
}

/** One key of a store whose values start empty and can be appended to. */
export type KvOperation = { readonly kind: 'get' | 'put' | 'append'; readonly value: string }

export const kvModel: Model<string, KvOperation> = {
  init: '',
  step(state, operation) {
    switch (operation.kind) {
      case 'get':
        return operation.value === state ? [state] : []
      case 'put':
        return [operation.value]
      case 'append':
        return [state + operation.value]
    }
  },
  key: state => state,
  readsOnly: operation => operation.kind === 'get',
}

type Open = { name: string; value: string; calledAt: number }

/** Reads a Jepsen log; a read of unknown result says nothing and is left out. */
export function registerHistory(file: string): Interval<RegisterOperation>[] {
  const lines = readFileSync(sharedData(`porcupine/${file}`), 'utf8').split('\n')
  const shape = /^INFO\s+jepsen\.util - (\d+)\t:(invoke|ok|fail|info)\t:(read|write|cas)\t(.*)$/
  const open = new Map<string, Open>()
  const history: Interval<RegisterOperation>[] = []
  const close = (call: Open, result: string, value: string, at: number) => {
    const returnedAt = result === 'info' ? null : at
    if (call.name === 'read') {
      if (result === 'ok') add({ kind: 'read', saw: value }, call, returnedAt)
    } else if (call.name === 'write') {
      if (result !== 'fail') add({ kind: 'write', value: call.value }, call, returnedAt)
    } else {
      const [from, to] = call.value.slice(1, -1).split(' ') as [string, string]
      const applied = result === 'info' ? 'unknown' : result === 'ok'
      add({ kind: 'cas', from, to, applied }, call, returnedAt)
    }
  }
  const add = (operation: RegisterOperation, call: Open, returnedAt: number | null) =>
    history.push({ operation, calledAt: call.calledAt, returnedAt })

  for (const [at, line] of lines.entries()) {
    const match = shape.exec(line.trimEnd())
    if (match === null) continue
    const [, process, result, name, value] = match as unknown as [string, string, string, string, string]
    if (result === 'invoke') {
      open.set(process, { name, value, calledAt: at })
      continue
    }
    const call = open.get(process)
    if (call === undefined) throw new Error(`${file}:${at + 1}: an answer without a question`)
    open.delete(process)
    close(call, result, value, at)
  }
  for (const call of open.values()) close(call, 'info', '', lines.length)
  return history
}

/** Reads a kv history, one list of operations a key: keys are independent. */
export function kvHistories(file: string): Map<string, Interval<KvOperation>[]> {
  const lines = readFileSync(sharedData(`porcupine/${file}`), 'utf8').split('\n')
  const shape =
    /^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (nil|".*")\}$/
  const open = new Map<string, number>()
  const byKey = new Map<string, Interval<KvOperation>[]>()
  for (const [at, line] of lines.entries()) {
    const match = shape.exec(line.trimEnd())
    if (match === null) {
      if (line.trim() !== '') throw new Error(`${file}:${at + 1}: not understood`)
      continue
    }
    const [, process, result, kind, key, value] = match as unknown as string[]
    if (result === 'invoke') {
      open.set(process!, at)
      continue
    }
    const list = byKey.get(key!) ?? []
    byKey.set(key!, list)
    const operation = { kind: kind as KvOperation['kind'], value: value!.slice(1, -1) }
    list.push({ operation, calledAt: open.get(process!)!, returnedAt: at })
    open.delete(process!)
  }
  if (open.size > 0) throw new Error(`${file}: operations without an end`)
  return byKey
}
