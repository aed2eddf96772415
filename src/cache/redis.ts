import { type ErrorCode, errorTable, GatewayError, toGatewayError } from '../core/errors.ts'
import { type Redis, type RedisReply, redisScript } from '../redis/redis.ts'
import { Notices } from './notices.ts'
import { type Claim, flightMs, type Notice, type SharedReplies } from './shared-replies.ts'
import { decodeReply, encodeReply } from './value.ts'

export interface RedisRepliesOptions {
  readonly redis: Redis
  readonly ttlSeconds: number
  /** Of all replies together, compressed. */
  readonly maxBytes: number
}

/** Whoever followed a flight fetches what it handed over within this time. */
const handMs = 5000
const channel = 'cache'

/**
 * Each reply is a key of its own that Redis forgets by itself. Beside them: a sorted set by last use, one by end, a hash
 * of sizes and their sum, so that the least recently used go when there are too many bytes.
 */
const claim = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
if value then
  redis.call('ZADD', KEYS[4], 'XX', now, ARGV[2])
  return {1, value, redis.call('PTTL', KEYS[1])}
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[3]) then return {2} end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
return {3}`)

/** Ends a flight, where it is still the one that is known, and tells those who follow. */
const ending = `
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
if redis.call('DEL', KEYS[3]) == 1 then redis.call('PUBLISH', KEYS[8], ARGV[3]) end`

const keep = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local member, value, ttl, most = ARGV[2], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local function forget(one)
  redis.call('DEL', ARGV[7] .. one)
  redis.call('ZREM', KEYS[4], one)
  redis.call('ZREM', KEYS[5], one)
  redis.call('DECRBY', KEYS[7], redis.call('HGET', KEYS[6], one) or 0)
  redis.call('HDEL', KEYS[6], one)
end
for _, one in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, 200)) do forget(one) end
if redis.call('ZCARD', KEYS[4]) == 0 then redis.call('DEL', KEYS[4], KEYS[5], KEYS[6], KEYS[7]) end
if redis.call('HEXISTS', KEYS[6], member) == 1 then forget(member) end
redis.call('SET', KEYS[1], value, 'PX', ttl)
redis.call('ZADD', KEYS[4], now, member)
redis.call('ZADD', KEYS[5], now + ttl, member)
redis.call('HSET', KEYS[6], member, #value)
local sum = redis.call('INCRBY', KEYS[7], #value)
while sum > most do
  local oldest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  if not oldest then break end
  forget(oldest)
  sum = tonumber(redis.call('GET', KEYS[7]) or '0')
end
${ending}
return 1`)

const hand = redisScript(`
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('SET', KEYS[9], ARGV[4], 'PX', ARGV[5]) end
${ending}
return 1`)

const end = redisScript(`${ending}
return 1`)

const renew = redisScript(`
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[i + 1] then redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 1`)

/** Replies in Redis, compressed and bounded, and one flight for equal requests over all gateways. */
export async function redisReplies({ redis, ttlSeconds, maxBytes }: RedisRepliesOptions): Promise<SharedReplies> {
  const notices = new Notices()
  const fetchHanded = async (token: string) => {
    const value = await redis.command(['GET', redis.key(handedKey(token))])
    return Buffer.isBuffer(value) ? decodeReply(value) : undefined
  }
  await redis.subscribe(channel, (message) => void hear(message))

  const hear = async (message: string): Promise<void> => {
    const told = messageOf(message)
    if (told === undefined || !notices.isAwaited(told.key)) return
    notices.tell(told.key, await noticeOf(told))
  }
  const noticeOf = async ({ hand: token, code, words, retry }: Message): Promise<Notice> => {
    if (code !== undefined && Object.hasOwn(errorTable, code)) {
      const more = retry === undefined ? {} : { retryAfterSeconds: retry }
      return { type: 'failed', error: new GatewayError(code, words ?? 'the model failed', more) }
    }
    const reply = token === undefined ? undefined : await fetchHanded(token)
    return reply === undefined ? { type: 'landed' } : { type: 'handed', reply }
  }
  const keysOf = (key: string) => [
    ...['value', 'flight', 'waiting'].map((part) => `cache:{c}:${part}:${key}`),
    ...['used', 'ends', 'sizes', 'bytes'].map((part) => `cache:{c}:${part}`),
    channel,
  ]
  const finish = async (key: string, token: string, message: Omit<Message, 'key'>) => {
    await redis.run(end, { keys: keysOf(key), values: [token, key, JSON.stringify({ key, ...message })] })
  }

  return {
    listen: (key) => notices.listen(key),

    async claim(key, token) {
      const reply = await redis.run(claim, { keys: keysOf(key).slice(0, 4), values: [token, key, flightMs] })
      return reply === undefined ? undefined : claimOf(reply)
    },

    async keep(key, token, reply, store) {
      const value = encodeReply(reply)
      if (store && value.length <= maxBytes / 8) {
        const values = [token, key, JSON.stringify({ key }), value, Math.round(ttlSeconds * 1000), maxBytes]
        await redis.run(keep, { keys: keysOf(key), values: [...values, redis.key('cache:{c}:value:')] })
      } else {
        const message = JSON.stringify({ key, hand: token })
        const keys = [...keysOf(key), handedKey(token)]
        await redis.run(hand, { keys, values: [token, key, message, value, handMs] })
      }
    },

    async refuse(key, token) {
      const keys = [`cache:{c}:value:${key}`]
      await redis.run(refuse, { keys, values: [refused, Math.round(ttlSeconds * 1000)] })
      await finish(key, token, {})
    },

    async drop(key, token, error) {
      if (error === undefined) return await finish(key, token, {})
      const { code, message: words, retryAfterSeconds: retry } = toGatewayError(error)
      await finish(key, token, { code, words: words.slice(0, 2000), ...(retry !== undefined && { retry }) })
    },

    async renew(flights) {
      if (flights.length === 0) return
      const keys = flights.map(({ key }) => `cache:{c}:flight:${key}`)
      await redis.run(renew, { keys, values: [flightMs, ...flights.map(({ token }) => token)] })
    },
  }
}

/** Stands where a reply cannot be kept. */
const refused = Buffer.from([0])
const refuse = redisScript(`redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1`)

interface Message {
  readonly key: string
  /** Flight whose reply is there to be fetched. */
  readonly hand?: string
  readonly code?: ErrorCode
  readonly words?: string
  readonly retry?: number
}

const handedKey = (token: string) => `cache:{c}:handed:${token}`

function claimOf(reply: RedisReply): Claim | undefined {
  const [type, value, ttlMs] = Array.isArray(reply) ? reply : []
  if (type === 2) return { type: 'lead' }
  if (type === 3) return { type: 'follow' }
  if (!Buffer.isBuffer(value)) return undefined
  if (value.equals(refused)) return { type: 'refused' }
  const known = decodeReply(value)
  // What cannot be read is asked anew, and written over.
  return known === undefined ? undefined : { type: 'hit', reply: known, ttlMs: Number(ttlMs) }
}

function messageOf(text: string): Message | undefined {
  try {
    const { key, hand, code, words, retry } = JSON.parse(text)
    return typeof key === 'string' ? { key, hand, code, words, retry } : undefined
  } catch {
    return undefined
  }
}
