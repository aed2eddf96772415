import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat, never } from '../../test/fixtures/stand-ins/calls.ts'
import { noUsage } from '../core/usage.ts'
import { type CachedReply, ExactCache, type Recall } from './exact-cache.ts'

const open = () => new ExactCache({ enabled: true, ttlSeconds: 60, maxBytes: 1_000_000, scope: 'key' })
const reply: CachedReply = {
  model: 'm',
  provider: 'p',
  backend: 'local',
  choices: [{ content: [{ type: 'text', text: 'hello' }], reason: 'stop' }],
  warnings: [],
  usage: noUsage,
  estimated: false,
}

function asked(recall: Recall): Exclude<Recall, { result: 'hit' | 'coalesced' }> {
  assert.ok(!('reply' in recall))
  return recall
}

test('a reply that is kept answers equal requests, those that waited for it included', async () => {
  const cache = open()
  const first = asked(await cache.recall(chat('hi'), never))
  const waiting = cache.recall(chat('hi', { stream: false }), never)
  first.keep(reply, { store: true })
  assert.deepEqual(await waiting, { result: 'coalesced', reply })
  assert.deepEqual(await cache.recall(chat('hi'), never), { result: 'hit', reply })
})

test('after a reply that cannot be kept, all who wait ask at once, and so do later ones', async () => {
  const cache = open()
  const first = asked(await cache.recall(chat('hi'), never))
  const waiting = [1, 2, 3].map(() => cache.recall(chat('hi'), never))
  first.refuse()
  for (const one of await Promise.all(waiting)) assert.equal(one.result, 'bypass')
  assert.equal((await cache.recall(chat('hi'), never)).result, 'bypass')
  assert.equal((await cache.recall(chat('something else'), never)).result, 'miss')
})

test('who hung up leaves the question to one of those who wait', async () => {
  const cache = open()
  const first = asked(await cache.recall(chat('hi'), never))
  const waiting = cache.recall(chat('hi'), never)
  first.drop()
  assert.equal((await waiting).result, 'miss')
})

test('what shapes the answer tells requests apart', async () => {
  const cache = open()
  const tool = { type: 'function', name: 'f', parameters: { type: 'object' } } as const
  const client = (beta: string) => ({ body: '{}', headers: { 'anthropic-beta': beta }, query: '' })
  const requests = [
    chat('hi'),
    chat('hi', { tools: [tool] }),
    chat('hi', { tools: [tool], toolChoice: { type: 'required' } }),
    chat('hi', { responseFormat: { type: 'json' } }),
    chat('hi', { logprobs: { top: 1 } }),
    chat('hi', { choices: 2 }),
    chat('hi', { dialect: 'openai-completions' }),
    chat('hi', { reasoning: { enabled: true } }),
    chat('hi', { client: client('one') }),
    chat('hi', { client: client('two') }),
    chat('hi', { extra: { service_tier: 'flex' } }),
  ]
  for (const request of requests) {
    const recall = await cache.recall(request, never)
    assert.equal(recall.result, 'miss')
    // Kept, so that an equal one would be a hit: one that waited would wait for ever.
    asked(recall).keep(reply, { store: true })
  }
})
