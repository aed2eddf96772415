import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { textOf } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { defineProvider } from './provider.ts'

/** A provider that needs no model: it repeats the last message, or fails on demand. For demos, tests and load runs. */
export const echo = defineProvider({
  kind: 'echo',
  backend: 'local',
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
  open: ({ delay_ms, fail_with, fail_after_words }, { name }) => ({
    async *send({ request }, signal) {
      const last = request.messages.at(-1)
      const words = (last === undefined ? '' : textOf(last)).split(/(?<=\s)(?=\S)/)
      const failure = fail_with && new GatewayError(fail_with, `provider '${name}' was told to fail with ${fail_with}`)

      const inputTokens = request.messages.reduce((sum, message) => sum + textOf(message).split(/\s+/).length, 0)
      const limit = request.maxTokens ?? words.length
      let sent = 0
      for (const text of words.slice(0, limit)) {
        if (failure && sent === fail_after_words) throw failure
        if (delay_ms > 0) await sleep(delay_ms, undefined, { signal }).catch(ignoreAbort)
        if (signal.aborted) throw new GatewayError('cancelled', 'the request was cancelled')
        yield { type: 'text-delta', text }
        sent++
      }
      if (failure) throw failure

      yield {
        type: 'finish',
        reason: limit < words.length ? 'length' : 'stop',
        usage: { ...noUsage, input: inputTokens, output: sent },
      }
    },
    check: async (models) => new Map(models.map((model) => [model.name, { available: true, reason: '' }])),
    close: async () => {},
  }),
})

function ignoreAbort() {}
