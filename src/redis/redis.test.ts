import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type RedisServer, startRedis } from '../../test/fixtures/redis-server.ts'
import { Redis, redisScript } from './redis.ts'

const add = redisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")

describe('Redis', () => {
  let server: RedisServer
  const told: string[] = []
  const open = (url: string) =>
    Redis.open({ url, prefix: 'test:', deadlineMs: 50, say: (level, message) => told.push(`${level}: ${message}`) })

  before(async () => {
    server = await startRedis()
  })
  after(() => server.stop())

  test('runs a script that the server does not know yet, and once more', async () => {
    const redis = await open(server.url)
    assert.equal(await redis.run(add, { keys: ['n'], values: [2] }), 2)
    assert.equal(await redis.run(add, { keys: ['n'], values: [3] }), 5)
    assert.equal(String(await redis.command(['GET', redis.key('n')])), '5')
    await redis.close()
  })

  test('a faulty script is our own mistake, and no reason to stay away', async () => {
    const redis = await open(server.url)
    await assert.rejects(redis.run(redisScript('nonsense('), { keys: [] }))
    assert.equal(redis.answers, true)
    await redis.close()
  })

  test('a paused server costs deadlines, then nothing, and is back by itself', async () => {
    const redis = await open(server.url)
    told.length = 0
    server.pause()
    for (let call = 0; call < 5; call++) assert.equal(await redis.run(add, { keys: ['n'], values: [1] }), undefined)
    assert.equal(redis.answers, false)
    assert.equal(told.length, 1)
    server.resume()
    while (!redis.answers) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.notEqual(await redis.run(add, { keys: ['n'], values: [1] }), undefined)
    assert.equal(told.length, 2)
    await redis.close()
  })

  test('messages reach subscribers', async () => {
    const redis = await open(server.url)
    const heard = Promise.withResolvers<string>()
    await redis.subscribe('news', heard.resolve)
    await redis.command(['PUBLISH', redis.key('news'), 'hello'])
    assert.equal(await heard.promise, 'hello')
    await redis.close()
  })

  test('a server that is not there is an answer at once', async () => {
    const redis = await open('redis://127.0.0.1:1')
    assert.equal(await redis.run(add, { keys: ['n'], values: [1] }), undefined)
    assert.equal(redis.answers, false)
    await redis.close()
  })
})
