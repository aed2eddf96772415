import { z } from 'zod'
import { modelsCheck } from '../call-openai/check.ts'
import { embeddings } from '../call-openai/embed.ts'
import { type Additions, clientFrame, nativePaths, passedBody, withoutAdditions } from '../call-openai/pass-through.ts'
import {
  furtherDialects,
  openaiChat,
  openaiCompletions,
  openaiResponses,
  presetFor,
  presetNames,
} from '../call-openai/presets.ts'
import { chatReader, completionReader, type ReplyReader, streamError } from '../call-openai/reply.ts'
import { completionsBody } from '../call-openai/request.ts'
import { responsesReader } from '../call-openai/responses-reply.ts'
import { GatewayError } from '../core/errors.ts'
import type { ReplyPart } from '../core/reply.ts'
import { clientHeaders, openNative, parseWhole, passingClient, readWhole, toldBy } from '../translation/pass-through.ts'
import { withAcceptedNames, withOriginalNames } from '../translation/tool-names.ts'
import { parseRecord, type UpstreamIdentity, upstreamError } from '../upstream/errors.ts'
import type { UpstreamReply } from '../upstream/exchange.ts'
import { timeoutOptions, toTimeouts } from '../upstream/options.ts'
import { readEvents } from '../upstream/sse.ts'
import { Upstream } from '../upstream/upstream.ts'
import { defineProvider, type ProviderCall } from './provider.ts'

/** OpenAI takes no longer ones, and the names that coding agents give to tools of MCP servers are. */
const longestToolName = 64

/** Any server with the OpenAI chat API, in the cloud or on this machine; what differs is a row of the presets. */
export const openaiCompatible = defineProvider({
  kind: 'openai-compatible',
  backend: 'cloud',
  capabilities: ['tools', 'images', 'json-schema', 'logprobs', 'reasoning'],
  speaks: ({ preset, base_url, dialects }) => [openaiChat, ...(dialects ?? presetFor(preset, base_url).dialects)],
  options: z.strictObject({
    preset: z.enum(presetNames).optional().describe('The vendor or server; sets its base URL and its peculiarities.'),
    base_url: z
      .url()
      .optional()
      .describe('Where the API is, with its /v1. Overrides the preset; without either, OpenAI is meant.'),
    more_urls: z
      .array(z.url())
      .default([])
      .describe('Further servers with the same models: the one with the least to do gets the next request.'),
    parallel: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe('Calls that each server does at the same time; further ones wait in turn. Left out: not limited.'),
    max_queue: z.number().int().min(0).default(256).describe('Calls that may wait; further ones are refused.'),
    api_key: z.string().trim().optional().describe('The API key, sent as a bearer token.'),
    headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request.'),
    dialects: z
      .array(z.enum(furtherDialects))
      .optional()
      .describe('What the server speaks beside the chat API. Overrides the preset.'),
    // Reasoning models may be silent for minutes, as this API has no sign of life.
    ...timeoutOptions({ firstByteMs: 120_000, idleMs: 300_000 }),
  }),
  open: (options, { name, say }) => {
    const preset = presetFor(options.preset, options.base_url)
    const key = options.api_key ?? ''
    const upstream = new Upstream({
      name,
      baseUrl: options.base_url ?? preset.baseUrl,
      moreUrls: options.more_urls,
      say,
      headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...options.headers },
      keyHint: preset.keyName || (key === '' ? '' : `api_key of provider '${name}'`),
      secrets: [key, ...Object.values(options.headers)],
      ...toTimeouts(options),
    })
    const { identity } = upstream
    // With a base URL of its own, the server behind it may be one that needs no key.
    const keyMissing = key === '' && preset.keyName !== '' && options.base_url === undefined
    const noKey = keyMissing ? `no API key: set ${preset.keyName}` : ''
    const checkModels = modelsCheck(upstream, preset)

    const mustHaveKey = () => {
      if (keyMissing) throw new GatewayError('model_unavailable', `provider '${name}' has ${noKey}`)
    }

    async function* translate({ request, model }: ProviderCall, signal: AbortSignal): AsyncGenerator<ReplyPart> {
      const named = withAcceptedNames(request, longestToolName)
      const { body, warnings } = completionsBody(named.request, model, preset)
      const reply = await upstream.openStream({ method: 'POST', path: nativePaths[openaiChat] ?? '', body }, signal)
      yield* warnings
      yield* withOriginalNames(streamParts(reply, { identity, reader: chatReader() }), named.original)
    }

    const { parallel, max_queue: queue, more_urls: more } = options
    return {
      ...(parallel !== undefined && {
        capacity: { each: 'server' as const, parallel: parallel * (1 + more.length), queue },
      }),

      async *send(call, signal) {
        mustHaveKey()
        const client = passingClient(call)
        const { request, model } = call
        const { dialect, stream } = request
        const path = nativePaths[dialect]
        if (client === undefined || path === undefined) return yield* translate(call, signal)

        const { bodyText, added, warnings } = passedBody({ client, dialect, stream, model, preset })
        const firstByteTimeoutMs = options.first_byte_timeout_ms
        const reply = await openNative(
          upstream,
          { path, bodyText, client, dialect, stream, firstByteTimeoutMs },
          signal,
        )
        yield { type: 'opened', headers: clientHeaders(reply.headers) }
        yield* warnings
        const reading = { identity, reader: readerOf(dialect, identity), native: { added, dialect } }
        if (stream) yield* streamParts(reply, reading)
        else yield* wholeParts(await readWhole(upstream, reply), reading)
      },

      async embed(call, signal) {
        mustHaveKey()
        return await embeddings({ upstream, preset }, call, signal)
      },

      async check(models, signal) {
        if (!keyMissing) return await checkModels(models, signal)
        return new Map(models.map((model) => [model.name, { available: false, reason: noKey }]))
      },

      close: () => upstream.close(),
    }
  },
})

function readerOf(dialect: string, identity: UpstreamIdentity): ReplyReader {
  if (dialect === openaiResponses) return responsesReader(identity)
  return dialect === openaiCompletions ? completionReader() : chatReader()
}

interface Reading {
  readonly identity: UpstreamIdentity
  readonly reader: ReplyReader
  /** Present where the client gets the frames, too. */
  readonly native?: { readonly added: Additions; readonly dialect: string }
}

/** The Responses API tells its failures in events of their own, which the reader knows. */
function meaningOf(chunk: Readonly<Record<string, unknown>>, reader: ReplyReader, frame: string | undefined) {
  try {
    return [...reader.read(chunk)]
  } catch (error) {
    throw toldBy(error, frame)
  }
}

const doneFrame = 'data: [DONE]\n\n'

async function* streamParts(reply: UpstreamReply, { identity, reader, native }: Reading): AsyncGenerator<ReplyPart> {
  const responses = native?.dialect === openaiResponses
  reply.progress()
  try {
    for await (const event of readEvents(reply.body, identity)) {
      if (event.data.trim() === '[DONE]') {
        reply.release()
        reader.end()
        break
      }
      const chunk = parseRecord(event.data, identity)
      const told = native === undefined ? undefined : event.frame
      if (!responses && chunk.error !== undefined && chunk.error !== null) {
        throw toldBy(streamError(chunk.error, identity), told)
      }
      reply.progress()
      const parts = meaningOf(chunk, reader, told)
      const frame = native === undefined ? undefined : clientFrame(event, chunk, native.added)
      if (frame !== undefined) yield { type: 'native', text: frame }
      yield* parts
      // Nothing comes after the last event of a response.
      if (responses && reader.finish() !== undefined) {
        reply.release()
        break
      }
    }
  } catch (error) {
    // The reason was the end of the text; a server that then falls silent or hangs up took nothing from the reply.
    const harmless =
      error instanceof GatewayError && (error.code === 'upstream_cut' || error.code === 'upstream_timeout')
    if (!harmless || reader.finish() === undefined) throw error
  }
  const finish = reader.finish()
  if (finish === undefined) throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
  // Clients wait for it, and some servers forget it.
  if (native !== undefined && !responses) yield { type: 'native', text: doneFrame }
  yield finish
}

function* wholeParts(text: string, { identity, reader, native }: Reading): Generator<ReplyPart> {
  const body = parseWhole(text, identity)
  if (native?.dialect !== openaiResponses && body.error !== undefined && body.error !== null) {
    throw streamError(body.error, identity)
  }
  const parts = reader.read(body)
  reader.end()
  const finish = reader.finish()
  if (finish === undefined) throw upstreamError(identity, 'upstream_failed', 'sent what is no complete reply')
  const logprobs = native?.added.logprobs === true
  yield { type: 'native', text: logprobs ? withoutAdditions(text, body, { usage: false, logprobs }) : text }
  yield* parts
  yield finish
}
