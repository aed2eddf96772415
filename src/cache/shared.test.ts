import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../../test/fixtures/redis-server.ts'
import { chat, never } from '../../test/fixtures/stand-ins/calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import { noUsage } from '../core/usage.ts'
import { Redis } from '../redis/redis.ts'
import { type CachedReply, ExactCache, type ExactCacheOptions, type Recall } from './exact-cache.ts'
import { redisReplies } from './redis.ts'
import { decodeReply, encodeReply } from './value.ts'

const replyOf = (text: string): CachedReply => ({
  model: 'm',
  provider: 'p',
  backend: 'local',
  choices: [
    {
      content: [
        { type: 'reasoning', text: 'hm', signature: 'sig' },
        { type: 'text', text },
        { type: 'tool-call', id: 'c', name: 'f', arguments: '{"__proto__":1}' },
      ],
      reason: 'tool-calls',
    },
  ],
  warnings: ['w'],
  usage: { ...noUsage, output: 5 },
  estimated: false,
})
const holder = (id: string, team = ''): KeyHolder => ({ id, name: id, team, scopes: ['chat'] })

describe('a cache that gateways share', () => {
  let server: RedisServer
  const opened: { close: () => unknown }[] = []
  let last = 0
  before(async () => {
    server = await startRedis()
  })
  after(async () => {
    for (const one of opened) await one.close()
    await server.stop()
  })

  async function open(count: number, options: Partial<ExactCacheOptions> & { redisBytes?: number } = {}) {
    const prefix = `t${++last}:`
    const all: { cache: ExactCache; redis: Redis }[] = []
    for (let index = 0; index < count; index++) {
      const redis = await Redis.open({ url: server.url, prefix, deadlineMs: 50, say: () => {} })
      const { ttlSeconds = 60, redisBytes: maxBytes = 1_000_000 } = options
      const shared = await redisReplies({ redis, ttlSeconds, maxBytes })
      const cache = new ExactCache({ enabled: true, ttlSeconds, maxBytes: 1_000_000, scope: 'key', shared, ...options })
      opened.push(cache, redis)
      all.push({ cache, redis })
    }
    return all
  }
  const asked = (recall: Recall) => {
    assert.ok(!('reply' in recall), recall.result)
    return recall
  }
  const settled = () => sleep(30)

  test('256 equal requests at three gateways ask a model once', async () => {
    const gateways = await open(3)
    let calls = 0
    const answers = await Promise.all(
      Array.from({ length: 256 }, async (_, client) => {
        const recall = await (gateways[client % 3] as { cache: ExactCache }).cache.recall(chat('same'), never)
        if ('reply' in recall) return recall.reply
        calls++
        await sleep(100)
        const reply = replyOf('the same for all')
        recall.keep(reply, { store: true })
        return reply
      }),
    )
    assert.equal(calls, 1)
    for (const answer of answers) assert.deepEqual(answer, replyOf('the same for all'))
    for (const { cache } of gateways) assert.equal((await cache.recall(chat('same'), never)).result, 'hit')
  })

  test('a reply that deserves another try is given to those who wait, and to nobody later', async () => {
    const [one, two] = await open(2)
    const first = asked(await (one as { cache: ExactCache }).cache.recall(chat('x'), never))
    const waiting = (two as { cache: ExactCache }).cache.recall(chat('x'), never)
    await settled()
    first.keep(replyOf('weak'), { store: false })
    assert.deepEqual(await waiting, { result: 'coalesced', reply: replyOf('weak') })
    await settled()
    asked(await (two as { cache: ExactCache }).cache.recall(chat('x'), never)).drop()
  })

  test('an error is shared, and who hung up leaves the question to another', async () => {
    const [one, two] = await open(2)
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    const first = asked(await a.recall(chat('x'), never))
    const waiting = b.recall(chat('x'), never)
    await settled()
    first.drop(new GatewayError('upstream_failed', 'broken', { retryAfterSeconds: 7 }))
    await assert.rejects(waiting, { code: 'upstream_failed', message: 'broken', retryAfterSeconds: 7 })
    const second = asked(await a.recall(chat('x'), never))
    const next = b.recall(chat('x'), never)
    await settled()
    second.drop()
    asked(await next).drop()
  })

  test('what cannot be kept is not waited for', async () => {
    const [one, two] = await open(2)
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    const first = asked(await a.recall(chat('x'), never))
    const waiting = b.recall(chat('x'), never)
    await settled()
    first.refuse()
    assert.equal((await waiting).result, 'bypass')
  })

  test('a gateway that dies in the middle leaves its flight to another', async () => {
    const [one, two] = await open(2)
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    asked(await a.recall(chat('x'), never))
    const waiting = b.recall(chat('x'), never)
    await settled()
    a.close()
    const flights = await two?.redis.command(['KEYS', two.redis.key('cache:{c}:flight:*')])
    for (const flight of flights as Buffer[]) await two?.redis.command(['PEXPIRE', String(flight), '1'])
    asked(await waiting).drop()
  })

  test('who waits may hang up', async () => {
    const [one, two] = await open(2)
    const first = asked(await (one as { cache: ExactCache }).cache.recall(chat('x'), never))
    const controller = new AbortController()
    const waiting = (two as { cache: ExactCache }).cache.recall(chat('x'), controller.signal)
    await settled()
    controller.abort()
    await assert.rejects(waiting, { code: 'cancelled' })
    first.drop()
  })

  test('a Redis that hangs delays nobody for long, and each goes on by itself', async () => {
    const [one, two] = await open(2)
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    const first = asked(await a.recall(chat('x'), never))
    const waiting = b.recall(chat('x'), never)
    await settled()
    server.pause()
    asked(await waiting).keep(replyOf('own'), { store: true })
    first.keep(replyOf('mine'), { store: true })
    assert.deepEqual(await b.recall(chat('x'), never), { result: 'hit', reply: replyOf('own') })
    server.resume()
    await sleep(1200)
  })

  test('no key is given what was made for another, nor learns of it', async () => {
    const [one, two] = await open(2)
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    asked(await a.recall(chat('x', { holder: holder('alice', 't') }), never)).keep(replyOf('hers'), { store: true })
    await settled()
    asked(await b.recall(chat('x', { holder: holder('bob', 't') }), never)).drop()
    asked(await b.recall(chat('x'), never)).drop()
    assert.equal((await b.recall(chat('x', { holder: holder('alice') }), never)).result, 'hit')

    const [team] = await open(1, { scope: 'team' })
    const ask = (who: KeyHolder) => (team as { cache: ExactCache }).cache.recall(chat('x', { holder: who }), never)
    asked(await ask(holder('alice', 't'))).keep(replyOf('theirs'), { store: true })
    assert.equal((await ask(holder('bob', 't'))).result, 'hit')
    asked(await ask(holder('carol', 'other'))).drop()
    // Ids of keys and names of teams are no parts of each other.
    asked(await ask(holder('team:t'))).drop()
  })

  test('the bound holds in Redis, and the least recently used go first', async () => {
    const [writer, reader] = await open(2, { redisBytes: 20_000 })
    const noise = (seed: number) =>
      Array.from({ length: 1500 }, (_, index) => String.fromCharCode(33 + ((index * index * 31 + seed * 977) % 90)))
        .sort(() => Math.sin(seed++) - 0.5)
        .join('')
    for (let index = 0; index < 30; index++) {
      const recall = await writer?.cache.recall(chat(`q${index}`), never)
      asked(recall as Recall).keep(replyOf(noise(index)), { store: true })
      await sleep(2)
    }
    await settled()
    const bytes = Number(String(await writer?.redis.command(['GET', writer.redis.key('cache:{c}:bytes')])))
    const values = (await writer?.redis.command(['KEYS', writer.redis.key('cache:{c}:value:*')])) as Buffer[]
    const sizes = await Promise.all(
      values.map(async (name) => Number(await writer?.redis.command(['STRLEN', String(name)]))),
    )
    assert.equal(
      bytes,
      sizes.reduce((a, b) => a + b, 0),
    )
    assert.ok(bytes <= 20_000 && bytes > 15_000, String(bytes))
    assert.equal((await reader?.cache.recall(chat('q29'), never))?.result, 'hit')
    asked((await reader?.cache.recall(chat('q0'), never)) as Recall).drop()
  })

  test('a reply is forgotten everywhere when its time is over', async () => {
    const [one, two] = await open(2, { ttlSeconds: 0.3 })
    const [a, b] = [one?.cache as ExactCache, two?.cache as ExactCache]
    asked(await a.recall(chat('x'), never)).keep(replyOf('old'), { store: true })
    await sleep(150)
    assert.equal((await b.recall(chat('x'), never)).result, 'hit')
    await sleep(200)
    asked(await b.recall(chat('x'), never)).drop()
  })

  test('what somebody else wrote into Redis is a miss', async () => {
    const [one, two] = await open(2)
    const cache = one?.cache as ExactCache
    for (const bad of ['', 'x', '\u0001\u0000{}', '\u0001\u0000null', '\u0001\u0001notzstd', '\u0002\u0000{}']) {
      const first = asked(await cache.recall(chat(`d${bad}`), never))
      first.keep(replyOf('good'), { store: true })
      await settled()
      const values = (await one?.redis.command(['KEYS', one.redis.key('cache:{c}:value:*')])) as Buffer[]
      for (const name of values) await one?.redis.command(['SET', String(name), bad])
      asked((await two?.cache.recall(chat(`d${bad}`), never)) as Recall).drop()
    }
  })
})

test('a reply comes back as it was, and shorter where it is long', () => {
  const long = replyOf('once upon a time '.repeat(200))
  assert.deepEqual(decodeReply(encodeReply(long)), long)
  assert.ok(encodeReply(long).length < JSON.stringify(long).length / 10)
  const poisoned = Buffer.concat([
    Buffer.from([1, 0]),
    Buffer.from(JSON.stringify(replyOf('x')).replace('{', '{"__proto__":{"polluted":1},')),
  ])
  assert.deepEqual(decodeReply(poisoned), replyOf('x'))
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})
