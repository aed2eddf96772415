import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { noUsage } from '../core/usage.ts'
import { countWords, replyTo } from './echo-reply.ts'
import { defineProvider } from './provider.ts'

const usualDimensions = 16

/**
 * A provider that needs no model: it repeats the last message, calls the tools that it is told to call, or fails on
 * demand. For demos, tests and load runs.
 */
export const echo = defineProvider({
  kind: 'echo',
  backend: 'local',
  capabilities: ['tools', 'images', 'files', 'json-schema', 'logprobs', 'reasoning', 'embeddings'],
  speaks: () => [],
  options: z.strictObject({
    delay_ms: z.number().int().min(0).default(0).describe('Wait before each word, in milliseconds.'),
    fail_with: z
      .enum(['upstream_rate_limited', 'upstream_failed', 'upstream_unreachable', 'upstream_rejected', 'upstream_cut'])
      .optional()
      .describe('Fail every request with this error.'),
    fail_after_words: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('With fail_with: send this many words before failing.'),
  }),
  open: ({ delay_ms, fail_with, fail_after_words }, { name }) => {
    const failure = fail_with && new GatewayError(fail_with, `provider '${name}' was told to fail with ${fail_with}`)
    return {
      async *send({ request }, signal) {
        const { parts, reason, stopSequence } = replyTo(request)
        const limit = request.maxTokens ?? parts.length
        let sent = 0
        for (const part of parts.slice(0, limit)) {
          if (failure && sent === fail_after_words) throw failure
          if (delay_ms > 0) await sleep(delay_ms, undefined, { signal }).catch(ignoreAbort)
          if (signal.aborted) throw new GatewayError('cancelled', 'the request was cancelled')
          yield part
          sent++
        }
        if (failure) throw failure

        const cut = limit < parts.length
        const reasoning = parts.slice(0, sent).filter(({ type }) => type === 'reasoning-delta').length
        yield {
          type: 'finish',
          reason: cut ? 'length' : reason,
          ...(stopSequence !== undefined && !cut && { stopSequence }),
          usage: { ...noUsage, input: countWords(request), output: sent - reasoning, reasoning },
        }
      },
      embed: async ({ request: { inputs, dimensions = usualDimensions } }) => {
        if (failure) throw failure
        const vectors = inputs.map((text) => vectorOf(text, dimensions))
        const input = inputs.reduce((sum, text) => sum + wordsOf(text).length, 0)
        return { vectors, usage: { ...noUsage, input }, warnings: [] }
      },
      countTokens: async ({ request }) => countWords(request),
      check: async (models) => new Map(models.map((model) => [model.name, { available: true, reason: '' }])),
      close: async () => {},
    }
  },
})

/**
 * Stands in for an embedding in tests and demos: each word falls, by its hash, on one dimension. Equal texts have equal
 * vectors, texts that share words near ones; what they mean plays no part. Its length is 1.
 */
function vectorOf(text: string, dimensions: number): readonly number[] {
  const vector = new Array<number>(dimensions).fill(0)
  for (const word of wordsOf(text)) {
    const hash = createHash('sha256').update(word.toLowerCase()).digest()
    const at = hash.readUInt32BE(0) % dimensions
    vector[at] = (vector[at] ?? 0) + ((hash[4] ?? 0) % 2 === 0 ? 1 : -1)
  }
  // Words that take each other out leave no direction.
  const length = Math.hypot(...vector)
  if (length === 0) return vector.map((_, index) => (index === 0 ? 1 : 0))
  return vector.map((value) => value / length)
}

function wordsOf(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}

function ignoreAbort() {}
