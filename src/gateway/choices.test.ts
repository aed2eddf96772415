import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { card, chat, collect, never } from '../../test/fixtures/stand-ins/calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import { sendChoices } from './choices.ts'

interface Double {
  readonly provider: OpenProvider
  readonly requests: ChatRequest[]
  ended: number
}

/** A provider that answers `reply N` to its N-th call, counted from 0; `fails` breaks that one off. */
function double({ fails }: { readonly fails?: number } = {}): Double {
  const requests: ChatRequest[] = []
  const state: Double = {
    requests,
    ended: 0,
    provider: {
      async *send({ request }): AsyncGenerator<ReplyPart> {
        const number = requests.push(request) - 1
        const usage = { ...noUsage, input: 5, output: number + 1 }
        try {
          yield { type: 'warning', message: 'careful' }
          yield { type: 'text-delta', text: `reply ${number}` }
          if (number === fails) throw new GatewayError('upstream_cut', 'cut')
          yield { type: 'finish', reason: number === 1 ? 'length' : 'stop', usage }
        } finally {
          state.ended++
        }
      },
      check: async () => new Map(),
      close: async () => {},
    },
  }
  return state
}

test('a server that gives one reply at a time is asked for each, and all of them are paid for', async () => {
  const { provider, requests } = double()
  const reply = await collect(
    sendChoices(provider, { request: chat('hi', { choices: 3, seed: 7 }), model: card() }, never),
  )
  const texts = reply.parts.flatMap((part) => (part.type === 'text-delta' ? [[part.choice, part.text]] : []))
  assert.deepEqual(texts.sort(), [
    [0, 'reply 0'],
    [1, 'reply 1'],
    [2, 'reply 2'],
  ])
  assert.deepEqual(reply.finish, {
    type: 'finish',
    reason: 'stop',
    reasons: ['stop', 'length', 'stop'],
    usage: { ...noUsage, input: 15, output: 6 },
  })
  assert.deepEqual(
    requests.map(({ choices, seed }) => [choices, seed]),
    [
      [1, 7],
      [1, 8],
      [1, 9],
    ],
  )
  assert.deepEqual(reply.warnings, ['careful'])
})

test('one reply, and a server of the client’s own dialect, are asked once', async () => {
  const client = { body: '{}', headers: {}, query: '' }
  for (const request of [chat('hi'), chat('hi', { choices: 3, client })]) {
    const { provider, requests } = double()
    await collect(sendChoices(provider, { request, model: card({ dialects: ['native'] }) }, never))
    assert.deepEqual(requests, [request])
  }
})

test('one that fails ends them all', async () => {
  const state = double({ fails: 1 })
  const reply = await collect(
    sendChoices(state.provider, { request: chat('hi', { choices: 3 }), model: card() }, never),
  )
  assert.ok(reply.error instanceof GatewayError)
  assert.equal(reply.finish, undefined)
  assert.equal(state.ended, 3)
})

test('a reply that stops without its end was cut, and is no reply', async () => {
  const provider: OpenProvider = {
    ...double().provider,
    async *send({ request }): AsyncGenerator<ReplyPart> {
      yield { type: 'text-delta', text: 'x' }
      if (request.seed === 7) yield { type: 'finish', reason: 'stop', usage: noUsage }
    },
  }
  const reply = await collect(
    sendChoices(provider, { request: chat('hi', { choices: 2, seed: 7 }), model: card() }, never),
  )
  assert.ok(reply.error instanceof GatewayError)
  assert.equal(reply.error.code, 'upstream_cut')
})

test('what has been used so far holds the prompt of those that have not said anything yet', async () => {
  const provider: OpenProvider = {
    ...double().provider,
    async *send({ request }): AsyncGenerator<ReplyPart> {
      if (request.seed === 0) yield { type: 'usage', usage: { ...noUsage, input: 100 } }
      yield { type: 'finish', reason: 'stop', usage: undefined }
    },
  }
  const request = chat('x'.repeat(40), { choices: 3, seed: 0 })
  const { parts } = await collect(sendChoices(provider, { request, model: card() }, never))
  const used = parts.flatMap((part) => (part.type === 'usage' ? [part.usage.input] : []))
  assert.deepEqual(used, [100 + 10 + 10])
})

test('who leaves is not told of a reply that fails after that', async (context) => {
  const unseen: unknown[] = []
  const note = (reason: unknown) => unseen.push(reason)
  process.on('unhandledRejection', note)
  context.after(() => process.off('unhandledRejection', note))
  const controller = new AbortController()
  const provider: OpenProvider = {
    ...double().provider,
    async *send(_call, signal): AsyncGenerator<ReplyPart> {
      yield { type: 'text-delta', text: 'x' }
      await once(signal, 'abort')
      throw new GatewayError('cancelled', 'gone')
    },
  }
  const call = { request: chat('hi', { choices: 2 }), model: card() }
  const reply = sendChoices(provider, call, controller.signal)[Symbol.asyncIterator]()
  await reply.next()
  controller.abort()
  await reply.return?.()
  // Rejections that nobody looks at are told of once all microtasks are done.
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(unseen, [])
})
