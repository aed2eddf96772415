import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { memoryPurse } from '../../src/budgets/memory.ts'
import type { Held, Line, Purse, Taken } from '../../src/budgets/purse.ts'
import { redisPurse } from '../../src/budgets/redis.ts'
import { Redis } from '../../src/redis/redis.ts'
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts'

for (const name of ['memory', 'redis'] as const) {
  describe(`purse: ${name}`, () => {
    let server: RedisServer | undefined
    let redis: Redis | undefined
    let purse: Purse
    let last = 0
    const dayMs = 86_400_000

    before(async () => {
      if (name === 'memory') {
        purse = memoryPurse()
        return
      }
      server = await startRedis()
      redis = await Redis.open({ url: server.url, prefix: 't:', deadlineMs: 1000, say: () => {} })
      purse = redisPurse(redis) as Purse
      await purse.remember()
    })
    after(async () => {
      await redis?.close()
      await server?.stop()
    })

    const line = async (limit: number, spent = 0): Promise<Line> => {
      const made = { name: `line${++last}`, limit, endsAt: Date.now() + dayMs }
      await purse.raise(made, spent)
      return made
    }
    const take = (lines: readonly Line[], amount: number, lesser = amount, id = `call${++last}`) =>
      purse.take(lines, { id, amount, lesser }).then((taken) => ({ ...taken, id, held: heldOf(lines, id, taken) }))
    const heldOf = (lines: readonly Line[], id: string, taken: Taken): Held => ({
      lines,
      id,
      amount: taken.type === 'taken' ? taken.amount : 0,
    })

    test('what is set aside is not there for others, and what was not needed is given back', async () => {
      const one = await line(100)
      const first = await take([one], 60)
      assert.deepEqual(first.type === 'taken' && first.states, [{ spent: 0, reserved: 60, lapsed: 0 }])
      assert.deepEqual(await purse.settle(first.held, 10), [{ spent: 10, reserved: 0, lapsed: 0 }])
      assert.equal((await take([one], 90)).type, 'taken')
      assert.deepEqual(await purse.look([one]), [{ spent: 10, reserved: 90, lapsed: 0 }])
    })

    test('of many at once, no more come in than can be paid, and one that is not covered', async () => {
      const one = await line(1000)
      const taken = await Promise.all(Array.from({ length: 256 }, () => take([one], 30)))
      const paid = taken.filter(({ type }) => type === 'taken')
      assert.equal(paid.length, 34)
      for (const { held } of paid) await purse.settle(held, 30)
      const [state] = await purse.look([one])
      assert.deepEqual(state, { spent: 1020, reserved: 0, lapsed: 0 })
      assert.equal((await take([one], 1)).type, 'spent')
    })

    test('a line that is almost spent is used up, by one call after the other', async () => {
      const one = await line(100, 95)
      const first = await take([one], 50)
      assert.deepEqual([first.type, (await take([one], 50)).type], ['taken', 'promised'])
      await purse.settle(first.held, 1)
      const second = await take([one], 50)
      assert.equal(second.type, 'taken')
      await purse.settle(second.held, 4)
      assert.equal((await take([one], 50)).type, 'spent')
    })

    test('a short reply is paid for where a long one is not', async () => {
      const one = await line(100)
      const taken = [await take([one], 80, 20), await take([one], 80, 20)]
      assert.deepEqual(
        taken.map((each) => each.type === 'taken' && each.amount),
        [80, 20],
      )
    })

    test('all lines pay, or none does', async () => {
      const [rich, poor] = [await line(1000), await line(10, 10)]
      const refused = await take([rich, poor], 5)
      assert.deepEqual(refused.type === 'spent' && [refused.line, refused.states.length], [1, 2])
      assert.deepEqual(await purse.look([rich]), [{ spent: 0, reserved: 0, lapsed: 0 }])
    })

    test('a second word about the same call changes nothing', async () => {
      const one = await line(100)
      const { held } = await take([one], 10)
      await purse.settle(held, 10)
      if (name === 'redis') await purse.settle(held, 10)
      assert.equal((await purse.look([one]))[0]?.spent, 10)
    })

    test('what was spent before must be told', async () => {
      const one = { name: `line${++last}`, limit: 100, endsAt: Date.now() + dayMs }
      const other = await line(100)
      const taken = await take([other, one], 1)
      assert.deepEqual(taken.type === 'unknown' && taken.lines, [1])
      assert.deepEqual(await purse.look([one, other]), [undefined, { spent: 0, reserved: 0, lapsed: 0 }])
      await purse.raise(one, 40)
      await purse.raise(one, 30)
      assert.equal((await purse.look([one]))[0]?.spent, 40)
    })

    test('large sums are exact', async () => {
      const one = await line(5e15, 4_503_599_627_370_496)
      const { held } = await take([one], 3)
      assert.deepEqual(await purse.settle(held, 1), [{ spent: 4_503_599_627_370_497, reserved: 0, lapsed: 0 }])
    })

    if (name === 'redis') {
      test('what nobody says of any more lapses: it counts until it is known what it did cost', async () => {
        const one = await line(100)
        const { held } = await take([one], 60)
        await age(one, held.id)
        assert.equal((await take([one], 50, 50, 'uncovered')).type, 'taken')
        await purse.settle({ lines: [one], id: 'uncovered', amount: 50 }, 0)
        assert.deepEqual(await purse.look([one]), [{ spent: 0, reserved: 0, lapsed: 60 }])
        // The gateway was only paused.
        await purse.stay([held])
        assert.deepEqual(await purse.look([one]), [{ spent: 0, reserved: 60, lapsed: 0 }])
        await age(one, held.id)
        assert.deepEqual(await purse.settle(held, 7), [{ spent: 7, reserved: 0, lapsed: 0 }])

        const dead = await take([one], 20)
        await age(one, dead.id)
        assert.equal((await purse.correct(one, 60_000)).lapsed, 20)
        assert.deepEqual(await purse.correct(one, -1), { spent: 7, reserved: 0, lapsed: 0 })
      })

      test('a Redis that forgot everything says so, and takes what is told', async () => {
        const one = await line(100)
        const { held } = await take([one], 60)
        await redis?.command(['FLUSHALL'])
        assert.equal((await take([one], 10)).type, 'forgotten')
        await purse.stay([held])
        await purse.remember()
        assert.equal((await take([one], 10)).type, 'unknown')
        await purse.raise(one, 30)
        assert.deepEqual(await purse.look([one]), [{ spent: 30, reserved: 60, lapsed: 0 }])
        await purse.settle(held, 60)
        assert.deepEqual(await purse.look([one]), [{ spent: 90, reserved: 0, lapsed: 0 }])
      })

      /** As if its gateway had not been heard of for a minute. */
      const age = async ({ name: of }: Line, id: string) => {
        await redis?.command(['ZADD', redis.key(`budgets:{b}:line:${of}:held`), '1', id])
      }
    }
  })
}
