import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Availability } from '../core/model.ts'
import type { FinishReason } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'
import { messagesBody } from './anthropic-request.ts'
import { defineProvider } from './provider.ts'
import { readEvents } from './sse.ts'
import { Upstream } from './upstream.ts'
import { count, isRecord, messageIn, parseRecord, statusError, upstreamError } from './upstream-errors.ts'
import { timeoutOptions, toTimeouts } from './upstream-options.ts'

type Fields = Readonly<Record<string, unknown>>

/** A refused key is not tried again by routing for this long; a key that was fixed needs a restart anyway. */
const refusedKeyMs = 60_000

/** Claude by the Messages API, always streaming: a stream can be cancelled, watched and billed when it is cut. */
export const anthropic = defineProvider({
  kind: 'anthropic',
  backend: 'cloud',
  options: z.strictObject({
    api_key: z.string().trim().optional().describe('The API key. Without one, the models are unavailable.'),
    base_url: z.url().default('https://api.anthropic.com').describe('Where the Messages API is, without /v1.'),
    version: z.string().default('2023-06-01').describe('Value of the anthropic-version header.'),
    default_max_tokens: z
      .number()
      .int()
      .min(1)
      .default(16_000)
      .describe('Longest reply, in tokens, where the caller sets no limit. The API demands one.'),
    ...timeoutOptions({ firstByteMs: 120_000, idleMs: 120_000 }),
  }),
  open: (options, { name }) => {
    const key = options.api_key ?? ''
    const upstream = new Upstream({
      name,
      baseUrl: options.base_url,
      headers: { 'x-api-key': key, 'anthropic-version': options.version },
      keyHint: 'ANTHROPIC_API_KEY',
      secrets: [key],
      ...toTimeouts(options),
    })
    const { identity } = upstream
    const noKey = 'no API key: set ANTHROPIC_API_KEY'
    let refused: { readonly at: number; readonly reason: string } | undefined

    return {
      async *send({ request, model }, signal) {
        if (key === '') throw new GatewayError('model_unavailable', `provider '${name}' has ${noKey}`)
        const { body, warnings } = messagesBody(request, model, options.default_max_tokens)
        const reply = await upstream
          .openStream({ method: 'POST', path: '/v1/messages', body }, signal)
          .catch((error) => {
            if (error instanceof GatewayError && error.code === 'upstream_unauthorized') {
              refused = { at: Date.now(), reason: error.message }
            }
            throw error
          })
        refused = undefined
        yield* warnings

        let usage: Fields = {}
        let reason: FinishReason = 'stop'
        for await (const { event, data } of readEvents(reply.body, identity)) {
          if (event === 'ping') continue
          const fields = parseRecord(data, identity)
          switch (fields.type) {
            case 'message_start':
              usage = merge(usage, record(fields.message).usage)
              yield { type: 'usage', usage: toUsage(usage) }
              break
            case 'content_block_delta': {
              const { text, thinking } = record(fields.delta)
              if (typeof thinking === 'string' && thinking !== '') yield { type: 'reasoning-delta', text: thinking }
              if (typeof text === 'string' && text !== '') yield { type: 'text-delta', text }
              break
            }
            case 'message_delta':
              reason = finishReason(record(fields.delta).stop_reason)
              usage = merge(usage, fields.usage)
              yield { type: 'usage', usage: toUsage(usage) }
              break
            case 'message_stop':
              reply.release()
              yield { type: 'finish', reason, usage: 'input_tokens' in usage ? toUsage(usage) : undefined }
              return
            case 'error':
              throw streamError(upstream, record(fields.error))
            // Others (pings, block boundaries, and whatever comes in later versions) carry nothing for us.
          }
        }
        throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
      },

      // No call: the API has no free request that proves more, and its state shows itself in the traffic.
      async check(models) {
        const remembered = refused !== undefined && Date.now() - refused.at < refusedKeyMs ? refused.reason : ''
        const reason = key === '' ? noKey : remembered
        const availability: Availability = { available: reason === '', reason }
        return new Map(models.map((model) => [model.name, availability]))
      },

      close: () => upstream.close(),
    }
  },
})

/** Later reports replace earlier ones, field by field: they are cumulative, but leave out what did not change. */
function merge(usage: Fields, update: unknown): Fields {
  const present = Object.entries(record(update)).filter(([, value]) => value !== null && value !== undefined)
  return { ...usage, ...Object.fromEntries(present) }
}

function toUsage(fields: Fields): Usage {
  const written = record(fields.cache_creation)
  const cacheWriteHour = count(written.ephemeral_1h_input_tokens)
  const cacheWriteTotal = count(fields.cache_creation_input_tokens)
  const output = count(fields.output_tokens)
  const reasoning = Math.min(count(record(fields.output_tokens_details).thinking_tokens), output)
  return {
    input: count(fields.input_tokens),
    cacheRead: count(fields.cache_read_input_tokens),
    cacheWrite: Math.max(cacheWriteTotal - cacheWriteHour, count(written.ephemeral_5m_input_tokens)),
    cacheWriteHour,
    output: output - reasoning,
    reasoning,
  }
}

function finishReason(value: unknown): FinishReason {
  if (value === 'max_tokens' || value === 'model_context_window_exceeded') return 'length'
  return value === 'refusal' ? 'content-filter' : 'stop'
}

/** The status that each kind of error would have had before the stream began. */
const statusOf: Readonly<Record<string, number>> = {
  overloaded_error: 529,
  rate_limit_error: 429,
  invalid_request_error: 400,
  request_too_large: 413,
  timeout_error: 504,
}

function streamError(upstream: Upstream, error: Fields): GatewayError {
  const status = (typeof error.type === 'string' && statusOf[error.type]) || 500
  return statusError(upstream.identity, { status, message: messageIn(error) })
}

function record(value: unknown): Fields {
  return isRecord(value) ? value : {}
}
