import { z } from 'zod'
import { countedClientBody, passedBody } from '../call-anthropic/pass-through.ts'
import { messageReader, streamError } from '../call-anthropic/reply.ts'
import { anthropicDialect, countedBody, messagesRequest } from '../call-anthropic/request.ts'
import { GatewayError } from '../core/errors.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { Availability } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import { clientHeaders, openNative, parseWhole, passingClient, readWhole, toldBy } from '../translation/pass-through.ts'
import { parseRecord, record, type UpstreamIdentity, upstreamError } from '../upstream/errors.ts'
import type { UpstreamReply } from '../upstream/exchange.ts'
import { timeoutOptions, toTimeouts } from '../upstream/options.ts'
import { readEvents } from '../upstream/sse.ts'
import { Upstream } from '../upstream/upstream.ts'
import { defineProvider, type ProviderCall } from './provider.ts'

/** A refused key is not tried again by routing for this long; a key that was fixed needs a restart anyway. */
const refusedKeyMs = 60_000
const messagesPath = '/v1/messages'
const countPath = '/v1/messages/count_tokens'
/** The first version of the API that knows no `temperature`, `top_p` and `top_k`; versions are dates. */
const withoutSampling = '2026-10-21'

/** Claude by the Messages API; translated requests always stream: a stream can be watched, and billed when it is cut. */
export const anthropic = defineProvider({
  kind: 'anthropic',
  backend: 'cloud',
  capabilities: ['tools', 'images', 'files', 'json-schema', 'reasoning'],
  speaks: () => [anthropicDialect],
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

    const mustHaveKey = () => {
      if (key === '') throw new GatewayError('model_unavailable', `provider '${name}' has ${noKey}`)
    }
    const noteRefusal = (error: unknown): never => {
      if (error instanceof GatewayError && error.code === 'upstream_unauthorized') {
        refused = { at: Date.now(), reason: error.message }
      }
      throw error
    }

    async function* translate({ request, model }: ProviderCall, signal: AbortSignal): AsyncGenerator<ReplyPart> {
      // The newer version took the fields of sampling away, for all models.
      const taken = options.version >= withoutSampling ? { ...model, fixedSampling: true } : model
      const { body, headers, warnings } = messagesRequest(request, taken, options.default_max_tokens)
      const reply = await upstream
        .openStream({ method: 'POST', path: messagesPath, headers, body }, signal)
        .catch(noteRefusal)
      refused = undefined
      yield* warnings
      yield* streamParts(reply, identity, false)
    }

    return {
      async *send(call, signal) {
        mustHaveKey()
        const client = passingClient(call)
        if (client === undefined) return yield* translate(call, signal)

        const { request, model } = call
        const { stream } = request
        const { bodyText, warnings } = passedBody(client, model)
        const reply = await openNative(
          upstream,
          {
            path: messagesPath,
            bodyText,
            client,
            dialect: anthropicDialect,
            stream,
            firstByteTimeoutMs: options.first_byte_timeout_ms,
          },
          signal,
        ).catch(noteRefusal)
        refused = undefined
        yield { type: 'opened', headers: clientHeaders(reply.headers) }
        yield* warnings
        if (stream) yield* streamParts(reply, identity, true)
        else yield* wholeParts(await readWhole(upstream, reply), identity)
      },

      async countTokens(call, signal) {
        mustHaveKey()
        const { request, model } = call
        const client = passingClient(call)
        const { body, headers } = messagesRequest(request, model, options.default_max_tokens)
        const sent =
          client === undefined
            ? { path: countPath, headers, body: countedBody(body) }
            : { path: countPath + client.query, headers: client.headers, bodyText: countedClientBody(client, model) }
        const counted = record(await upstream.json({ method: 'POST', ...sent }, signal).catch(noteRefusal))
        if (typeof counted.input_tokens === 'number') return counted.input_tokens
        throw upstreamError(identity, 'upstream_failed', 'did not say how many tokens it counted')
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

/** The parts of a stream; with `native` its frames, too, except its signs of life: the gateway has its own. */
async function* streamParts(
  reply: UpstreamReply,
  identity: UpstreamIdentity,
  native: boolean,
): AsyncGenerator<ReplyPart> {
  const reader = messageReader()
  reply.progress()
  for await (const { event, data, frame } of readEvents(reply.body, identity)) {
    if (event === 'ping') continue
    const fields = parseRecord(data, identity)
    if (fields.type === 'ping') continue
    if (fields.type === 'error') throw toldBy(streamError(identity, record(fields.error)), native ? frame : undefined)
    reply.progress()
    if (native) yield { type: 'native', text: frame }
    yield* reader.read(fields)
    if (fields.type === 'message_stop') {
      reply.release()
      yield reader.finish()
      return
    }
  }
  throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
}

function* wholeParts(body: string, identity: UpstreamIdentity): Generator<ReplyPart> {
  const message = parseWhole(body, identity)
  if (message.type !== 'message') throw upstreamError(identity, 'upstream_failed', 'sent what is no message')
  const reader = messageReader()
  yield { type: 'native', text: body }
  // The input of a call is an object, whose numbers stay as they were written.
  const { content } = record(parseExactly(body))
  yield* reader.read({ ...message, content })
  yield reader.finish()
}
