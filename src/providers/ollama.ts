import { z } from 'zod'
import { ollamaCapabilities } from '../call-ollama/capabilities.ts'
import { ollamaEmbed } from '../call-ollama/embed.ts'
import { backgroundPulls, pullModel } from '../call-ollama/pull.ts'
import { OllamaReply } from '../call-ollama/reply.ts'
import {
  asksForLogprobs,
  chatBody,
  clientSize,
  contextSizes,
  nativeBody,
  type OllamaHow,
  ollamaDialects,
} from '../call-ollama/request.ts'
import { GatewayError } from '../core/errors.ts'
import { editFields } from '../core/json-splice.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ClientRequest } from '../core/request.ts'
import { clientHeaders, openNative, parseWhole, passingClient, readWhole, toldBy } from '../translation/pass-through.ts'
import { isRecord, type UpstreamIdentity, upstreamError } from '../upstream/errors.ts'
import type { UpstreamReply } from '../upstream/exchange.ts'
import { readLines } from '../upstream/ndjson.ts'
import { timeoutOptions, toTimeouts, withinCheckTime } from '../upstream/options.ts'
import { Upstream } from '../upstream/upstream.ts'
import { defineProvider, type ProviderCall } from './provider.ts'

/** Ollama by its own API: the OpenAI form it also has ignores the context size and so cuts long prompts silently. */
export const ollama = defineProvider({
  kind: 'ollama',
  backend: 'local',
  capabilities: ['tools', 'json-schema', 'logprobs'],
  speaks: () => ollamaDialects,
  options: z.strictObject({
    url: z.url().default('http://127.0.0.1:11434').describe('Where Ollama listens.'),
    more_urls: z
      .array(z.url())
      .default([])
      .describe('Further servers with the same models: the one with the least to do gets the next request.'),
    keep_alive: z
      .string()
      .default('5m')
      .describe('How long Ollama keeps a model in memory after a reply, as `5m`; `-1` means always.'),
    parallel: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .default(4)
      .describe('Calls that each server does at the same time (`OLLAMA_NUM_PARALLEL`); further ones wait in turn.'),
    max_queue: z.number().int().min(0).default(256).describe('Calls that may wait; further ones are refused.'),
    pull: z.boolean().default(false).describe('Pull models that Ollama does not have yet.'),
    context_sizes: z
      .array(z.number().int().min(256))
      .min(1)
      .default([2048, 4096, 8192, 16384, 32768])
      .describe('Context sizes to choose from, in tokens. Ollama reloads a model when its size changes.'),
    // Loading a model from a slow disk and reading a long prompt on a CPU both come before the first byte.
    ...timeoutOptions({ firstByteMs: 600_000, idleMs: 120_000 }),
  }),
  open: (options, services) => {
    const upstream = new Upstream({
      name: services.name,
      baseUrl: options.url,
      moreUrls: options.more_urls,
      headers: {},
      say: services.say,
      ...toTimeouts(options),
    })
    const { identity } = upstream
    const sizeFor = contextSizes(identity, options.context_sizes)
    const pulls = backgroundPulls(upstream, services)
    const abilities = ollamaCapabilities(upstream)

    /** What Ollama's refusals mean here: mostly that another model may do. */
    const refused = (error: unknown, model: ModelCard): unknown => {
      if (!(error instanceof GatewayError)) return error
      const { code, message } = error
      if (code === 'model_unavailable') {
        return upstreamError(identity, 'model_unavailable', `has no model '${model.id}': ${pullAdvice(model)}`)
      }
      const lack = /does not support (tools|thinking|chat|generate)/.exec(message)?.[1]
      if (code !== 'upstream_rejected' || lack === undefined) return error
      if (lack === 'tools' || lack === 'thinking') {
        abilities.lacks(model, lack === 'tools' ? 'tools' : 'reasoning')
        services.changed()
      }
      return upstreamError(identity, 'model_unavailable', `says that model '${model.id}' does not support ${lack}`)
    }

    const servers = 1 + options.more_urls.length
    return {
      capacity: { each: 'server', parallel: options.parallel * servers, queue: options.max_queue },

      async *send({ request, model: card }, signal) {
        const model = abilities.known(card)
        const client = passingClient({ request, model })
        const own = client && clientSize(client)
        const how = { keepAlive: options.keep_alive, size: own ?? sizeFor(request, model) }
        const rejected = (error: unknown): never => {
          throw refused(error, model)
        }
        if (client !== undefined) {
          const native = { call: { request, model }, client, how, firstByteTimeoutMs: options.first_byte_timeout_ms }
          const reply = await openClient(upstream, native, signal).catch(rejected)
          yield* nativeParts(upstream, reply, { request, client })
          return
        }

        const { body, warnings } = chatBody(request, model, how)
        const reply = await upstream.open({ method: 'POST', path: '/api/chat', body }, signal)
        if (reply.status >= 300) throw refused(await upstream.errorOf(reply), model)
        yield* warnings
        const meaning = new OllamaReply(identity, { oneCall: request.parallelToolCalls === false })
        for await (const { fields, text } of linesOf(reply, identity)) yield* meaning.partsOf(fields, text)
      },

      async check(models, signal) {
        const within = withinCheckTime(signal)
        const present = await presentModels(upstream, within)
        if (present === undefined) {
          const reason = `Ollama does not answer at ${identity.url}: is it running?`
          return new Map(models.map((model) => [model.name, { available: false, reason }]))
        }
        const running = await upstream.jsonOfAll({ method: 'GET', path: '/api/ps' }, within)
        const loaded = new Set(running.flatMap((list) => [...(modelsIn(list)?.keys() ?? [])]))
        const availability = async (model: ModelCard): Promise<Availability> => {
          const digest = present.get(withTag(model.id))
          if (digest === undefined) {
            const reason = options.pull ? pulls.ensure(model) : `not pulled: ${pullAdvice(model)}`
            return { available: false, reason }
          }
          const found = await abilities.look(model.id, digest, within)
          if (found === undefined) return { available: true, reason: '' }
          const { capabilities, embedsOnly } = found
          const warm = loaded.has(withTag(model.id))
          return { available: true, reason: '', capabilities, warm, ...(embedsOnly && { embedsOnly }) }
        }
        return new Map(await Promise.all(models.map(async (model) => [model.name, await availability(model)] as const)))
      },

      embed: async (call, signal) => {
        try {
          return await ollamaEmbed(upstream, call, { keepAlive: options.keep_alive, signal })
        } catch (error) {
          throw refused(error, call.model)
        }
      },

      pull: (model, onProgress, signal) => pullModel(upstream, model, onProgress, signal),

      async close() {
        pulls.close()
        await upstream.close()
      },
    }
  },
})

/** The lines of a reply up to the one that says that it is complete. Throws `upstream_cut` where that one is missing. */
async function* linesOf(reply: UpstreamReply, identity: UpstreamIdentity) {
  reply.progress()
  for await (const line of readLines(reply.body, identity)) {
    reply.progress()
    if (line.fields.done === true) reply.release()
    yield line
    if (line.fields.done === true) return
  }
  throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
}

interface NativeCall {
  readonly call: ProviderCall
  readonly client: ClientRequest
  readonly how: OllamaHow
  readonly firstByteTimeoutMs: number
}

function openClient(upstream: Upstream, native: NativeCall, signal: AbortSignal): Promise<UpstreamReply> {
  const { call, client, how, firstByteTimeoutMs } = native
  const { dialect, stream } = call.request
  const path = dialect === 'ollama-generate' ? '/api/generate' : '/api/chat'
  const bodyText = nativeBody(client, call.model, how)
  return openNative(upstream, { path, bodyText, client, dialect, stream, firstByteTimeoutMs }, signal)
}

async function* nativeParts(
  upstream: Upstream,
  reply: UpstreamReply,
  { request, client }: { readonly request: ProviderCall['request']; readonly client: ClientRequest },
): AsyncGenerator<ReplyPart> {
  const { identity } = upstream
  const meaning = new OllamaReply(identity, { oneCall: false })
  const shown = asksForLogprobs(client)
  const forClient = (text: string, fields: Readonly<Record<string, unknown>>): ReplyPart => {
    return { type: 'native', text: shown || !('logprobs' in fields) ? text : editFields(text, { logprobs: undefined }) }
  }

  yield { type: 'opened', headers: clientHeaders(reply.headers) }
  if (!request.stream) {
    const text = await readWhole(upstream, reply)
    const fields = parseWhole(text, identity)
    // Before anything is sent: an error in disguise must not reach the client as a reply.
    const parts = [...meaning.partsOf(fields, text)]
    yield forClient(text, fields)
    yield* parts
    return
  }
  for await (const { fields, text } of linesOf(reply, identity)) {
    const parts = meaningOf(fields, text, meaning)
    yield forClient(text, fields)
    yield* parts
  }
}

function meaningOf(fields: Readonly<Record<string, unknown>>, text: string, meaning: OllamaReply) {
  try {
    return [...meaning.partsOf(fields, text)]
  } catch (error) {
    throw toldBy(error, text)
  }
}

/** Digests of the pulled models by their names, each with its tag; undefined where Ollama does not answer. */
async function presentModels(
  upstream: Upstream,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const lists = await upstream.jsonOfAll({ method: 'GET', path: '/api/tags' }, signal)
  const [first, ...others] = lists.flatMap((list) => modelsIn(list) ?? [])
  // Whichever server is asked must have it.
  return first && new Map([...first].filter(([name]) => others.every((other) => other.has(name))))
}

function modelsIn(list: unknown): ReadonlyMap<string, string> | undefined {
  if (!isRecord(list) || !Array.isArray(list.models)) return undefined
  const entries = list.models.flatMap((entry) => {
    const digest = typeof entry?.digest === 'string' ? entry.digest : ''
    const names = [entry?.name, entry?.model].filter((name) => typeof name === 'string')
    return names.map((name) => [withTag(name), digest] as const)
  })
  return new Map(entries)
}

function withTag(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`
}

function pullAdvice(model: ModelCard): string {
  return `run \`ollama pull ${model.id}\``
}
