import { LRUCache } from 'lru-cache'
import { type Entered, type Limiter, leaseMs, type Rate, type Standing, type Subject } from './limiter.ts'
import { Log } from './log.ts'

interface Known {
  readonly requests: Log
  readonly tokens: Log
  readonly running: Map<string, number>
}

const subjectsRemembered = 20_000

/** Limits of this process alone. Forgets the subjects seen longest ago. */
export function memoryLimiter(now: () => number = Date.now): Limiter {
  /** Made when it is needed: its room is taken at once. */
  let subjects: LRUCache<string, Known> | undefined
  const knownOf = (name: string): Known => {
    subjects ??= new LRUCache({ max: subjectsRemembered })
    const known = subjects.get(name) ?? { requests: new Log(), tokens: new Log(), running: new Map() }
    subjects.set(name, known)
    return known
  }

  return {
    async enter(wanted, id) {
      const at = now()
      const refused = refusal(wanted, knownOf, at)
      if (refused !== undefined) return refused
      for (const { name, rate, parallel } of wanted) {
        const { requests, running } = knownOf(name)
        if (rate !== undefined) requests.add(at, id, 1)
        if (parallel !== undefined) running.set(id, at + leaseMs)
      }
      return { rate: leastOf(wanted, knownOf, at), refusedBy: undefined, subject: '' }
    },
    async leave(wanted, id) {
      for (const { name } of wanted) subjects?.get(name)?.running.delete(id)
    },
    async stay(all) {
      const until = now() + leaseMs
      for (const { subjects: wanted, id } of all) {
        for (const { name, parallel } of wanted) if (parallel !== undefined) knownOf(name).running.set(id, until)
      }
    },
    async takeTokens({ name, limit, windowMs }, id, tokens) {
      const at = now()
      const { tokens: log } = knownOf(name)
      log.forget(at - windowMs)
      if (log.sum + tokens > limit) {
        return {
          allowed: false,
          remaining: limit - log.sum,
          waitMs: log.waitFor(log.sum + tokens - limit, at, windowMs),
        }
      }
      log.add(at, id, tokens)
      return { allowed: true, remaining: limit - log.sum, waitMs: 0 }
    },
    async settleTokens({ name }, id, tokens) {
      subjects?.get(name)?.tokens.change(id, tokens)
    },
  }
}

function refusal(wanted: readonly Subject[], knownOf: (name: string) => Known, at: number): Entered | undefined {
  for (const { name, rate, parallel } of wanted) {
    const { requests, running } = knownOf(name)
    if (rate !== undefined) {
      requests.forget(at - rate.windowMs)
      if (requests.sum >= rate.limit) return { rate: standingOf(requests, rate, at), refusedBy: 'rate', subject: name }
    }
    if (parallel === undefined) continue
    for (const [other, until] of running) if (until <= at) running.delete(other)
    if (running.size >= parallel) {
      return { rate: rate && standingOf(requests, rate, at), refusedBy: 'parallel', subject: name }
    }
  }
  return undefined
}

function leastOf(wanted: readonly Subject[], knownOf: (name: string) => Known, at: number): Standing | undefined {
  const standings = wanted.flatMap(({ name, rate }) =>
    rate === undefined ? [] : [standingOf(knownOf(name).requests, rate, at)],
  )
  return standings.toSorted((a, b) => a.remaining - b.remaining)[0]
}

function standingOf(log: Log, { limit, windowMs }: Rate, at: number): Standing {
  const over = Math.max(1, log.sum - limit + 1)
  return {
    limit,
    windowMs,
    remaining: Math.max(0, limit - log.sum),
    resetMs: log.sum === 0 ? 0 : log.waitFor(over, at, windowMs),
  }
}
