import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Limiter, Subject } from '../../src/limits/limiter.ts'
import { memoryLimiter } from '../../src/limits/memory.ts'
import { redisLimiter } from '../../src/limits/redis.ts'
import { Redis } from '../../src/redis/redis.ts'
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts'

for (const name of ['memory', 'redis'] as const) {
  describe(`limiter: ${name}`, () => {
    let server: RedisServer | undefined
    let redis: Redis | undefined
    let limiter: Limiter
    let last = 0
    const id = () => String(++last)
    const subject = (more: Partial<Subject>): Subject => ({ name: `s${++last}`, ...more })

    before(async () => {
      if (name === 'memory') {
        limiter = memoryLimiter()
        return
      }
      server = await startRedis()
      redis = await Redis.open({ url: server.url, prefix: 't:', deadlineMs: 1000, say: () => {} })
      limiter = redisLimiter(redis) as Limiter
    })
    after(async () => {
      await redis?.close()
      await server?.stop()
    })

    test('lets the limit in, refuses the rest, and says when the next may come', async () => {
      const one = subject({ rate: { limit: 3, windowMs: 60_000 } })
      const entered = [
        await limiter.enter([one], id()),
        await limiter.enter([one], id()),
        await limiter.enter([one], id()),
      ]
      assert.deepEqual(
        entered.map(({ refusedBy, rate }) => [refusedBy, rate?.remaining]),
        [
          [undefined, 2],
          [undefined, 1],
          [undefined, 0],
        ],
      )
      const { refusedBy, rate, subject: refusing } = await limiter.enter([one], id())
      assert.deepEqual([refusedBy, rate?.limit, rate?.remaining, refusing], ['rate', 3, 0, one.name])
      assert.ok(rate !== undefined && rate.resetMs > 59_000 && rate.resetMs <= 60_000)
    })

    test('the time that it says to wait is enough, and not longer than needed', async () => {
      const one = subject({ rate: { limit: 2, windowMs: 300 } })
      await limiter.enter([one], id())
      await sleep(100)
      await limiter.enter([one], id())
      const { rate } = await limiter.enter([one], id())
      assert.ok(rate !== undefined && rate.resetMs <= 205, String(rate?.resetMs))
      await sleep(rate.resetMs + 5)
      assert.equal((await limiter.enter([one], id())).refusedBy, undefined)
      assert.equal((await limiter.enter([one], id())).refusedBy, 'rate')
    })

    test('counts for all subjects, or for none', async () => {
      const wide = subject({ rate: { limit: 5, windowMs: 60_000 } })
      const narrow = subject({ rate: { limit: 1, windowMs: 60_000 } })
      await limiter.enter([wide, narrow], id())
      for (let refused = 0; refused < 4; refused++) {
        assert.equal((await limiter.enter([wide, narrow], id())).subject, narrow.name)
      }
      assert.equal((await limiter.enter([wide], id())).rate?.remaining, 3)
    })

    test('of many at once exactly the limit comes in', async () => {
      const one = subject({ rate: { limit: 50, windowMs: 60_000 } })
      const all = await Promise.all(Array.from({ length: 200 }, () => limiter.enter([one], id())))
      assert.equal(all.filter(({ refusedBy }) => refusedBy === undefined).length, 50)
    })

    test('so many at the same time, and another when one leaves', async () => {
      const one = subject({ parallel: 2 })
      const [first, second] = [id(), id()]
      await limiter.enter([one], first)
      await limiter.enter([one], second)
      assert.equal((await limiter.enter([one], id())).refusedBy, 'parallel')
      await limiter.leave([one], first)
      assert.equal((await limiter.enter([one], id())).refusedBy, undefined)
    })

    test('who is refused for being one too many is not counted as a request', async () => {
      const one = subject({ rate: { limit: 5, windowMs: 60_000 }, parallel: 1 })
      await limiter.enter([one], 'runs')
      for (let refused = 0; refused < 5; refused++) await limiter.enter([one], id())
      await limiter.leave([one], 'runs')
      assert.equal((await limiter.enter([one], id())).rate?.remaining, 3)
    })

    test('tokens: as many as there are, set right afterwards, back when their time is over', async () => {
      const one = { name: `t${++last}`, limit: 100, windowMs: 400 }
      assert.deepEqual(await limiter.takeTokens(one, 'a', 80), { allowed: true, remaining: 20, waitMs: 0 })
      const refused = await limiter.takeTokens(one, 'b', 30)
      assert.ok(!refused.allowed && refused.remaining === 20 && refused.waitMs > 300 && refused.waitMs <= 400)
      await limiter.settleTokens(one, 'a', 10)
      assert.equal((await limiter.takeTokens(one, 'b', 30)).remaining, 60)
      await limiter.settleTokens(one, 'b', 100)
      assert.equal((await limiter.takeTokens(one, 'c', 1)).allowed, false)
      await sleep(410)
      assert.equal((await limiter.takeTokens(one, 'c', 100)).allowed, true)
    })
  })
}
