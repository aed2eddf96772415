import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'
import { modelsCheck } from './openai-compatible-check.ts'
import { presetFor, presetNames } from './openai-compatible-presets.ts'
import { choiceOf, deltasOf, finishReasonOf, streamError, usageOf } from './openai-compatible-reply.ts'
import { completionsBody } from './openai-compatible-request.ts'
import { defineProvider } from './provider.ts'
import { readEvents } from './sse.ts'
import { Upstream } from './upstream.ts'
import { parseRecord, type UpstreamIdentity, upstreamError } from './upstream-errors.ts'
import type { UpstreamReply } from './upstream-exchange.ts'
import { timeoutOptions, toTimeouts } from './upstream-options.ts'

/** Any server with the OpenAI chat API, in the cloud or on this machine; what differs is a row of the presets. */
export const openaiCompatible = defineProvider({
  kind: 'openai-compatible',
  backend: 'cloud',
  options: z.strictObject({
    preset: z.enum(presetNames).optional().describe('The vendor or server; sets its base URL and its peculiarities.'),
    base_url: z
      .url()
      .optional()
      .describe('Where the API is, with its /v1. Overrides the preset; without either, OpenAI is meant.'),
    api_key: z.string().trim().optional().describe('The API key, sent as a bearer token.'),
    headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request.'),
    // Reasoning models may be silent for minutes, as this API has no sign of life.
    ...timeoutOptions({ firstByteMs: 120_000, idleMs: 300_000 }),
  }),
  open: (options, { name }) => {
    const preset = presetFor(options.preset, options.base_url)
    const key = options.api_key ?? ''
    const upstream = new Upstream({
      name,
      baseUrl: options.base_url ?? preset.baseUrl,
      headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...options.headers },
      keyHint: preset.keyName || (key === '' ? '' : `api_key of provider '${name}'`),
      secrets: [key, ...Object.values(options.headers)],
      ...toTimeouts(options),
    })
    // With a base URL of its own, the server behind it may be one that needs no key.
    const keyMissing = key === '' && preset.keyName !== '' && options.base_url === undefined
    const noKey = keyMissing ? `no API key: set ${preset.keyName}` : ''
    const checkModels = modelsCheck(upstream, preset)

    return {
      async *send({ request, model }, signal) {
        if (keyMissing) throw new GatewayError('model_unavailable', `provider '${name}' has ${noKey}`)
        const { body, warnings } = completionsBody(request, model, preset)
        const reply = await upstream.openStream({ method: 'POST', path: '/chat/completions', body }, signal)
        yield* warnings
        yield* partsOf(reply, upstream.identity)
      },

      async check(models, signal) {
        if (!keyMissing) return await checkModels(models, signal)
        return new Map(models.map((model) => [model.name, { available: false, reason: noKey }]))
      },

      close: () => upstream.close(),
    }
  },
})

async function* partsOf(reply: UpstreamReply, identity: UpstreamIdentity): AsyncGenerator<ReplyPart> {
  let reason: FinishReason | undefined
  let usage: Usage | undefined
  try {
    for await (const { data } of readEvents(reply.body, identity)) {
      if (data.trim() === '[DONE]') {
        reply.release()
        // Some servers end so without ever naming a reason.
        reason ??= 'stop'
        break
      }
      const chunk = parseRecord(data, identity)
      if (chunk.error !== undefined && chunk.error !== null) throw streamError(chunk.error, identity)
      const choice = choiceOf(chunk)
      yield* deltasOf(choice)
      reason = finishReasonOf(choice) ?? reason
      const report = usageOf(chunk)
      if (report === undefined) continue
      usage = report
      yield { type: 'usage', usage }
    }
  } catch (error) {
    // The reason was the end of the text; a server that then falls silent or hangs up took nothing from the reply.
    const harmless =
      error instanceof GatewayError && (error.code === 'upstream_cut' || error.code === 'upstream_timeout')
    if (!harmless || reason === undefined) throw error
  }
  if (reason === undefined) throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
  yield { type: 'finish', reason, usage }
}
