import { createHash } from 'node:crypto'
import type { Redis } from './redis.ts'

/** Short texts by name that gateways tell each other; a text that is not found in time is not there. */
export interface Notes {
  readonly read: (names: readonly string[]) => Promise<readonly (string | undefined)[]>
  /** Nobody waits for it. */
  readonly write: (names: readonly string[], text: string) => void
}

const longestText = 4096

export function redisNotes(redis: Redis, area: string, ttlMs: number): Notes {
  // Names come from clients: of any length, and not to be read by whoever looks into Redis.
  const keyOf = (name: string) => redis.key(`${area}:${createHash('sha256').update(name).digest('base64url')}`)
  return {
    async read(names) {
      if (names.length === 0) return []
      const reply = await redis.command(['MGET', ...names.map(keyOf)])
      const texts = Array.isArray(reply) ? reply : []
      return names.map((_, index) => (Buffer.isBuffer(texts[index]) ? String(texts[index]) : undefined))
    },
    write(names, text) {
      if (text.length > longestText) return
      for (const name of names) void redis.command(['SET', keyOf(name), text, 'PX', String(ttlMs)])
    },
  }
}
