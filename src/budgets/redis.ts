import type { Redis, RedisReply, ScriptCall } from '../redis/redis.ts'
import { type RedisScript, redisScript } from '../redis/redis.ts'
import { type Held, type Line, type LineState, leaseMs, type Purse, type Taken } from './purse.ts'

/** The same calls; each comes back as undefined where Redis does not answer in time. */
export type SharedPurse = {
  readonly [Name in keyof Purse]: (
    ...parameters: Parameters<Purse[Name]>
  ) => Promise<Awaited<ReturnType<Purse[Name]>> | undefined>
} & {
  /** False while nothing is even sent. */
  readonly answers: () => boolean
}

/** A settled call is known for so long, should it be told twice. */
const settledSeconds = 300
const dayMs = 86_400_000

/**
 * Three keys for each line: a hash (spent, reserved, lapsed, the one uncovered, and the amount of each id), and two
 * sorted sets of ids: what is held, by the time at which it lapses, and what lapsed, by the time at which it did. Sums
 * are integers of 64 bits, and Lua's numbers are exact up to 9 million dollars.
 */
const prelude = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local function get(hash, field) return tonumber(redis.call('HGET', hash, field) or '0') end
local function add(hash, field, number) redis.call('HINCRBY', hash, field, text(number)) end
local function cover(hash, id)
  if redis.call('HGET', hash, 'uncovered') == id then redis.call('HDEL', hash, 'uncovered') end
end
local function lapse(i)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i + 1], '-inf', text(now))) do
    local amount = get(KEYS[i], 'of:' .. id)
    redis.call('ZREM', KEYS[i + 1], id)
    redis.call('ZADD', KEYS[i + 2], text(now), id)
    add(KEYS[i], 'reserved', -amount)
    add(KEYS[i], 'lapsed', amount)
    cover(KEYS[i], id)
  end
end
local function states(from, reply)
  for i = from, #KEYS, 3 do
    for _, field in ipairs({'spent', 'reserved', 'lapsed'}) do reply[#reply + 1] = get(KEYS[i], field) end
  end
  return reply
end
local function keep(i, ends)
  for k = i, i + 2 do redis.call('PEXPIREAT', KEYS[k], ends) end
end`

const take = redisScript(`${prelude}
local id, lease, whole, lesser = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 0 then return {4} end
local unknown = {3}
for i = 2, #KEYS, 3 do
  if redis.call('HEXISTS', KEYS[i], 'spent') == 0 then unknown[#unknown + 1] = (i - 2) / 3 end
end
if #unknown > 1 then return unknown end
local room, limit, least = {}, {}, nil
for i = 2, #KEYS, 3 do
  lapse(i)
  limit[i] = tonumber(ARGV[5 + (i - 2) / 3 * 2])
  room[i] = limit[i] - get(KEYS[i], 'spent') - get(KEYS[i], 'reserved') - get(KEYS[i], 'lapsed')
  if not least or room[i] < least then least = room[i] end
end
for i = 2, #KEYS, 3 do
  if get(KEYS[i], 'spent') >= limit[i] then return states(2, {1, (i - 2) / 3}) end
end
local amount = least >= whole and whole or lesser
for i = 2, #KEYS, 3 do
  if room[i] < amount and (room[i] <= 0 or redis.call('HEXISTS', KEYS[i], 'uncovered') == 1) then
    return states(2, {2, (i - 2) / 3})
  end
end
for i = 2, #KEYS, 3 do
  if room[i] < amount then redis.call('HSET', KEYS[i], 'uncovered', id) end
  redis.call('HSET', KEYS[i], 'of:' .. id, text(amount))
  redis.call('ZADD', KEYS[i + 1], text(now + lease), id)
  add(KEYS[i], 'reserved', amount)
  keep(i, ARGV[6 + (i - 2) / 3 * 2])
end
return states(2, {0, amount})`)

const settle = redisScript(`${prelude}
local id, cost = ARGV[1], tonumber(ARGV[2])
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[3]) then return states(2, {}) end
for i = 2, #KEYS, 3 do
  lapse(i)
  local amount = get(KEYS[i], 'of:' .. id)
  if redis.call('ZREM', KEYS[i + 1], id) == 1 then add(KEYS[i], 'reserved', -amount)
  elseif redis.call('ZREM', KEYS[i + 2], id) == 1 then add(KEYS[i], 'lapsed', -amount) end
  redis.call('HDEL', KEYS[i], 'of:' .. id)
  cover(KEYS[i], id)
  -- Where it is not there, who tells what was spent tells this, too.
  if redis.call('HEXISTS', KEYS[i], 'spent') == 1 then add(KEYS[i], 'spent', cost) end
end
return states(2, {})`)

const stay = redisScript(`${prelude}
local id, lease, amount = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 2, #KEYS, 3 do
  if redis.call('ZREM', KEYS[i + 2], id) == 1 then add(KEYS[i], 'lapsed', -amount) end
  if redis.call('ZADD', KEYS[i + 1], text(now + lease), id) == 1 then
    add(KEYS[i], 'reserved', amount)
    redis.call('HSET', KEYS[i], 'of:' .. id, text(amount))
  end
  keep(i, ARGV[4 + (i - 2) / 3])
end
return 1`)

const raise = redisScript(`${prelude}
if redis.call('HEXISTS', KEYS[1], 'spent') == 0 or get(KEYS[1], 'spent') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'spent', ARGV[1])
end
keep(1, ARGV[2])
return states(1, {})`)

const correct = redisScript(`${prelude}
lapse(1)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now - ARGV[1]))) do
  add(KEYS[1], 'lapsed', -get(KEYS[1], 'of:' .. id))
  redis.call('ZREM', KEYS[3], id)
  redis.call('HDEL', KEYS[1], 'of:' .. id)
end
return states(1, {})`)

const look = redisScript(`${prelude}
local reply = {}
for i = 1, #KEYS, 3 do
  lapse(i)
  reply[#reply + 1] = redis.call('HEXISTS', KEYS[i], 'spent')
end
return states(1, reply)`)

export function redisPurse(redis: Redis): SharedPurse {
  const call = async (script: RedisScript, what: ScriptCall) => {
    const reply = await redis.run(script, what)
    return reply === undefined ? undefined : numbersOf(reply)
  }
  return {
    answers: () => redis.answers,
    async take(lines, { id, amount, lesser }): Promise<Taken | undefined> {
      const reply = await call(take, {
        keys: [memory, ...lines.flatMap(keysOf)],
        values: [id, leaseMs, amount, lesser, ...lines.flatMap((line) => [line.limit, forgottenAt(line)])],
      })
      return reply === undefined ? undefined : takenOf(reply)
    },
    async settle(held, cost) {
      const reply = await call(settle, {
        keys: [settledKey(held), ...held.lines.flatMap(keysOf)],
        values: [held.id, cost, settledSeconds],
      })
      return reply === undefined ? undefined : statesOf(reply)
    },
    async stay(all) {
      await Promise.all(
        all.map((held) =>
          redis.run(stay, {
            keys: [settledKey(held), ...held.lines.flatMap(keysOf)],
            values: [held.id, leaseMs, held.amount, ...held.lines.map(forgottenAt)],
          }),
        ),
      )
    },
    async raise(line, spent) {
      const reply = await call(raise, { keys: keysOf(line), values: [spent, forgottenAt(line)] })
      return reply === undefined ? undefined : statesOf(reply)[0]
    },
    async correct(line, afterMs) {
      const reply = await call(correct, { keys: keysOf(line), values: [afterMs] })
      return reply === undefined ? undefined : statesOf(reply)[0]
    },
    async look(lines) {
      if (lines.length === 0) return []
      const reply = await call(look, { keys: lines.flatMap(keysOf) })
      if (reply === undefined) return undefined
      const states = statesOf(reply.slice(lines.length))
      return states.map((state, index) => (reply[index] === 1 ? state : undefined))
    },
    async remember() {
      await redis.command(['SET', redis.key(memory), '1'])
    },
  }
}

function takenOf([type = 0, value = 0, ...rest]: readonly number[]): Taken {
  if (type === 4) return { type: 'forgotten' }
  if (type === 3) return { type: 'unknown', lines: [value, ...rest] }
  if (type === 0) return { type: 'taken', amount: value, states: statesOf(rest) }
  return { type: type === 1 ? 'spent' : 'promised', line: value, states: statesOf(rest) }
}

function statesOf(numbers: readonly number[]): readonly LineState[] {
  return Array.from({ length: numbers.length / 3 }, (_, index) => {
    const [spent = 0, reserved = 0, lapsed = 0] = numbers.slice(index * 3)
    return { spent, reserved, lapsed }
  })
}

function numbersOf(reply: RedisReply): readonly number[] {
  return Array.isArray(reply) ? reply.map(Number) : []
}

/** One script touches several lines, so all of them lie on one shard. */
const memory = 'budgets:{b}:memory'
const settledKey = ({ id }: Held) => `budgets:{b}:settled:${id}`
const keysOf = ({ name }: Line) => ['', ':held', ':lapsed'].map((part) => `budgets:{b}:line:${name}${part}`)
const forgottenAt = ({ endsAt }: Line) => endsAt + dayMs
