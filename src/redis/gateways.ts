import { randomUUID } from 'node:crypto'
import { type Redis, redisScript } from './redis.ts'

const beatMs = 2000
/** A gateway that has not been heard of for so long is gone. */
const goneMs = 7000

const beat = redisScript(`
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[1], ms, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`)

/** How many gateways share this Redis: what each of them may take when it cannot ask the others. */
export class Gateways {
  /** This gateway's own name, new at every start. */
  readonly id = randomUUID()
  readonly #redis: Redis | undefined
  #count = 1
  #timer: NodeJS.Timeout | undefined

  private constructor(redis: Redis | undefined) {
    this.#redis = redis
  }

  static async open(redis: Redis | undefined): Promise<Gateways> {
    const gateways = new Gateways(redis)
    if (redis === undefined) return gateways
    await gateways.#beat()
    gateways.#timer = setInterval(() => void gateways.#beat(), beatMs).unref()
    return gateways
  }

  /** As Redis last said; 1 without Redis. */
  get count(): number {
    return this.#count
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const redis = this.#redis
    if (redis !== undefined) await redis.command(['ZREM', redis.key('gateways'), this.id])
  }

  async #beat(): Promise<void> {
    const count = await this.#redis?.run(beat, { keys: ['gateways'], values: [this.id, goneMs] })
    if (typeof count === 'number') this.#count = Math.max(1, count)
  }
}
