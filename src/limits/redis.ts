import type { Redis, RedisReply } from '../redis/redis.ts'
import { redisScript } from '../redis/redis.ts'
import { type Entered, type Limiter, leaseMs, type Subject, type TokensTaken } from './limiter.ts'

/** Redis' own clock: those of the gateways differ. Microseconds would not fit the integers of a reply for long. */
const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * Two keys for each subject: a sorted set of times (requests), and one of leases (running). All subjects are looked at
 * before any is written.
 */
const enter = redisScript(`${clock}
local id = ARGV[1]
local lease = tonumber(ARGV[2])
local subjects = #KEYS / 2
local least = {-1, 0, 0, 0}
for i = 1, subjects do
  local limit = tonumber(ARGV[i * 3])
  local window = tonumber(ARGV[i * 3 + 1])
  local parallel = tonumber(ARGV[i * 3 + 2])
  if limit >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i * 2 - 1], '-inf', now - window)
    local count = redis.call('ZCARD', KEYS[i * 2 - 1])
    if count >= limit and not redis.call('ZSCORE', KEYS[i * 2 - 1], id) then
      local first = redis.call('ZRANGE', KEYS[i * 2 - 1], count - limit, count - limit, 'WITHSCORES')
      local wait = first[2] and (first[2] + window - now) or window
      return {1, i, limit, window, 0, math.max(1, wait)}
    end
  end
  if parallel >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i * 2], '-inf', now)
    if redis.call('ZCARD', KEYS[i * 2]) >= parallel and not redis.call('ZSCORE', KEYS[i * 2], id) then return {2, i, 0, 0, 0, 0} end
  end
end
for i = 1, subjects do
  local limit = tonumber(ARGV[i * 3])
  local window = tonumber(ARGV[i * 3 + 1])
  local parallel = tonumber(ARGV[i * 3 + 2])
  if limit >= 0 then
    redis.call('ZADD', KEYS[i * 2 - 1], now, id)
    redis.call('PEXPIRE', KEYS[i * 2 - 1], window)
    local left = limit - redis.call('ZCARD', KEYS[i * 2 - 1])
    if least[1] < 0 or left < least[1] then
      local first = redis.call('ZRANGE', KEYS[i * 2 - 1], 0, 0, 'WITHSCORES')
      least = {left, limit, window, first[2] + window - now}
    end
  end
  if parallel >= 0 then
    redis.call('ZADD', KEYS[i * 2], now + lease, id)
    redis.call('PEXPIRE', KEYS[i * 2], lease)
  end
end
return {0, 0, least[2], least[3], least[1], least[4]}`)

const leave = redisScript(`
for i = 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1`)

const stay = redisScript(`${clock}
local lease = tonumber(ARGV[1])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + lease, ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], lease)
end
return 1`)

/** Times of the requests in a sorted set, their tokens in a hash, the sum in a field of it. */
const takeTokens = redisScript(`${clock}
local window = tonumber(ARGV[2])
local wanted = tonumber(ARGV[4])
local limit = tonumber(ARGV[3])
local sum = tonumber(redis.call('HGET', KEYS[2], '') or '0')
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - window)
for _, member in ipairs(over) do
  sum = sum - tonumber(redis.call('HGET', KEYS[2], member) or '0')
  redis.call('HDEL', KEYS[2], member)
  redis.call('ZREM', KEYS[1], member)
end
if redis.call('ZCARD', KEYS[1]) == 0 then sum = 0 end
if sum + wanted > limit then
  redis.call('HSET', KEYS[2], '', sum)
  redis.call('PEXPIRE', KEYS[2], window)
  local left = sum + wanted - limit
  local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    left = left - tonumber(redis.call('HGET', KEYS[2], all[i]) or '0')
    if left <= 0 then return {0, limit - sum, math.max(1, all[i + 1] + window - now)} end
  end
  return {0, limit - sum, window}
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], wanted, '', sum + wanted)
redis.call('PEXPIRE', KEYS[1], window)
redis.call('PEXPIRE', KEYS[2], window)
return {1, limit - sum - wanted, 0}`)

const settleTokens = redisScript(`
local before = redis.call('HGET', KEYS[2], ARGV[1])
if not before then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], '', ARGV[2] - before)
return 1`)

/** Limits over all gateways that share this Redis; each call comes back as undefined where it does not answer. */
export type SharedLimiter = {
  readonly [Name in keyof Limiter]: (
    ...parameters: Parameters<Limiter[Name]>
  ) => Promise<Awaited<ReturnType<Limiter[Name]>> | undefined>
} & {
  /** False while nothing is even sent. */
  readonly answers: () => boolean
}

export function redisLimiter(redis: Redis): SharedLimiter {
  return {
    answers: () => redis.answers,
    async enter(subjects, id) {
      const reply = await redis.run(enter, {
        keys: subjects.flatMap(({ name }) => [requestsKey(name), runningKey(name)]),
        values: [
          id,
          leaseMs,
          ...subjects.flatMap(({ rate, parallel }) => [rate?.limit ?? -1, rate?.windowMs ?? 0, parallel ?? -1]),
        ],
      })
      return reply === undefined ? undefined : enteredOf(numbers(reply), subjects)
    },
    async leave(subjects, id) {
      const held = subjects.filter(({ parallel }) => parallel !== undefined)
      if (held.length > 0) await redis.run(leave, { keys: held.map(({ name }) => runningKey(name)), values: [id] })
    },
    async stay(running) {
      const held = running.flatMap(({ subjects, id }) =>
        subjects.flatMap(({ name, parallel }) => (parallel === undefined ? [] : [{ name, id }])),
      )
      if (held.length === 0) return
      await redis.run(stay, {
        keys: held.map(({ name }) => runningKey(name)),
        values: [leaseMs, ...held.map(({ id }) => id)],
      })
    },
    async takeTokens({ name, limit, windowMs }, id, tokens): Promise<TokensTaken | undefined> {
      const reply = await redis.run(takeTokens, { keys: tokenKeys(name), values: [id, windowMs, limit, tokens] })
      if (reply === undefined) return undefined
      const [allowed, remaining = 0, waitMs = 0] = numbers(reply)
      return { allowed: allowed === 1, remaining, waitMs }
    },
    async settleTokens({ name }, id, tokens) {
      await redis.run(settleTokens, { keys: tokenKeys(name), values: [id, tokens] })
    },
  }
}

function enteredOf(
  [refused = 0, which = 0, limit = 0, windowMs = 0, remaining = 0, resetMs = 0]: readonly number[],
  subjects: readonly Subject[],
): Entered {
  const rate = limit === 0 && windowMs === 0 ? undefined : { limit, windowMs, remaining, resetMs }
  const subject = subjects[which - 1]?.name ?? ''
  return { rate, refusedBy: refused === 0 ? undefined : refused === 1 ? 'rate' : 'parallel', subject }
}

function numbers(reply: RedisReply): readonly number[] {
  return Array.isArray(reply) ? reply.map(Number) : []
}

/** One subject's keys lie on one shard. */
const requestsKey = (name: string) => `limits:{${name}}:requests`
const runningKey = (name: string) => `limits:{${name}}:running`
const tokenKeys = (name: string) => [`limits:{${name}}:times`, `limits:{${name}}:tokens`]
