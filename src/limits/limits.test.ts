import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { type RedisServer, startRedis } from '../../test/fixtures/redis-server.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import { Redis } from '../redis/redis.ts'
import { Limits, type LimitsOptions } from './limits.ts'
import { memoryLimiter } from './memory.ts'
import { redisLimiter } from './redis.ts'

const holder = (id: string, limits: KeyHolder['limits'] = {}): KeyHolder => ({
  id,
  name: id,
  team: '',
  scopes: ['chat'],
  limits,
})
const off: LimitsOptions = {
  rate: 'off',
  tokensPerMinute: undefined,
  parallel: undefined,
  address: { rate: 'off', parallel: undefined },
  local: memoryLimiter(),
  shared: undefined,
  gateways: () => 1,
}
const open = (options: Partial<LimitsOptions>) => new Limits({ ...off, local: memoryLimiter(), ...options })

test('no window of any place holds more than the limit, and none is refused while there is room', async () => {
  const run = fc.asyncProperty(
    fc.array(fc.nat(500), { minLength: 1, maxLength: 80 }),
    fc.integer({ min: 1, max: 10 }),
    async (gaps, limit) => {
      let now = 0
      const limits = open({ rate: `${limit}/second`, local: memoryLimiter(() => now) })
      const passed: number[] = []
      for (const gap of gaps) {
        now += gap
        const inWindow = passed.filter((at) => at > now - 1000).length
        const allowed = await limits.enter(undefined, '192.0.2.1', true).then(
          () => true,
          () => false,
        )
        assert.equal(allowed, inWindow < limit)
        if (allowed) passed.push(now)
      }
      limits.close()
    },
  )
  await fc.assert(run, { seed: 3, numRuns: 100 })
})

test('a key has its own limits, or those of everybody', async () => {
  const limits = open({ rate: '1/minute' })
  await limits.enter(holder('a'), 'x', true)
  await assert.rejects(limits.enter(holder('a'), 'x', true), /more than 1 requests in 60 s/)
  const wide = holder('b', { requestsPerMinute: 2 })
  await limits.enter(wide, 'x', true)
  await limits.enter(wide, 'x', true)
  await assert.rejects(limits.enter(wide, 'x', true))
})

test('an address is limited whatever keys it sends, a network of IPv6 as one', async () => {
  const limits = open({ address: { rate: '2/minute', parallel: undefined } })
  await limits.enter(holder('a'), '2001:db8:1:2::1', true)
  await limits.enter(holder('b'), '2001:db8:1:2:ffff::2', true)
  await assert.rejects(limits.enter(holder('c'), '2001:db8:1:2::3', true), /limits.address.rate/)
  await limits.enter(holder('c'), '2001:db8:1:3::3', true)
})

test('a request that is over gives its place back once', async () => {
  const limits = open({ parallel: 1 })
  const first = await limits.enter(undefined, 'x', true)
  await assert.rejects(limits.enter(undefined, 'x', true), /at the same time/)
  first.leave()
  first.leave()
  await limits.enter(undefined, 'x', true)
  await assert.rejects(limits.enter(undefined, 'x', true))
})

test('a request that can never have its tokens is told so', async () => {
  const limits = open({ tokensPerMinute: 100 })
  await assert.rejects(limits.takeTokens(holder('a'), 101), /may take 101 tokens, over the limit of 100 a minute/)
  const taken = await limits.takeTokens(holder('a'), 100)
  await assert.rejects(limits.takeTokens(holder('a'), 1))
  taken?.settle(10)
  await limits.takeTokens(holder('a'), 90)
})

describe('over several gateways', () => {
  let server: RedisServer
  const told: string[] = []
  const redises: Redis[] = []
  before(async () => {
    server = await startRedis()
  })
  after(async () => {
    for (const redis of redises) await redis.close()
    await server.stop()
  })
  const gateway = async (options: Partial<LimitsOptions>, deadlineMs = 1000) => {
    const redis = await Redis.open({
      url: server.url,
      prefix: 't:',
      deadlineMs,
      say: (_level, message) => told.push(message),
    })
    redises.push(redis)
    return { redis, limits: open({ ...options, shared: redisLimiter(redis), gateways: () => 3 }) }
  }

  test('the limit is exact, however the requests are spread', async () => {
    const three = await Promise.all([1, 2, 3].map(() => gateway({ rate: '100/minute' })))
    const tries = Array.from({ length: 400 }, (_, index) =>
      three[index % 3]?.limits.enter(holder('spread'), 'x', true).then(
        () => 1,
        () => 0,
      ),
    )
    const passed = (await Promise.all(tries)).reduce<number>((sum, one) => sum + (one ?? 0), 0)
    assert.equal(passed, 100)
  })

  test('while Redis hangs each allows its share, and the shared window goes on afterwards', async () => {
    const { redis, limits } = await gateway({ rate: '9/minute' }, 50)
    const enter = () =>
      limits.enter(holder('hangs'), 'x', true).then(
        () => true,
        () => false,
      )
    assert.equal(await enter(), true)
    told.length = 0
    server.pause()
    const meanwhile = []
    for (let index = 0; index < 8; index++) meanwhile.push(await enter())
    // Its share is three, and one of them passed before.
    assert.equal(meanwhile.filter(Boolean).length, 2)
    server.resume()
    while (!redis.answers) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(told.length, 2)
    const afterwards = []
    for (let index = 0; index < 12; index++) afterwards.push(await enter())
    // What Redis was sent while it hung, it counts when it goes on.
    const passed = afterwards.filter(Boolean).length
    assert.ok(passed <= 8 && passed >= 5, String(passed))
  })
})
