import { z } from 'zod'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import { noUsage, type Usage } from '../core/usage.ts'
import { readLines } from './ndjson.ts'
import { backgroundPulls, pullModel } from './ollama-pull.ts'
import { chatBody, contextSizes } from './ollama-request.ts'
import { defineProvider } from './provider.ts'
import { Upstream } from './upstream.ts'
import { count, isRecord, messageIn, statusError, type UpstreamIdentity, upstreamError } from './upstream-errors.ts'
import { timeoutOptions, toTimeouts, withinCheckTime } from './upstream-options.ts'

/** Ollama by its own API: the OpenAI form it also has ignores the context size and so cuts long prompts silently. */
export const ollama = defineProvider({
  kind: 'ollama',
  backend: 'local',
  options: z.strictObject({
    url: z.url().default('http://127.0.0.1:11434').describe('Where Ollama listens.'),
    keep_alive: z
      .string()
      .default('5m')
      .describe('How long Ollama keeps a model in memory after a reply, as `5m`; `-1` means always.'),
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
    const upstream = new Upstream({ name: services.name, baseUrl: options.url, headers: {}, ...toTimeouts(options) })
    const { identity } = upstream
    const sizeFor = contextSizes(identity, options.context_sizes)
    const pulls = backgroundPulls(upstream, services)

    return {
      async *send({ request, model }, signal) {
        const size = sizeFor(request, model)
        const { body, warnings } = chatBody(request, model, { keepAlive: options.keep_alive, size })
        const reply = await upstream.open({ method: 'POST', path: '/api/chat', body }, signal)
        if (reply.status === 404) {
          reply.release()
          throw upstreamError(identity, 'model_unavailable', `has no model '${model.id}': ${pullAdvice(model)}`)
        }
        if (reply.status >= 300) throw await upstream.errorOf(reply)
        yield* warnings

        for await (const line of readLines(reply.body, identity)) {
          yield* partsOf(line, identity)
          if (line.done !== true) continue
          reply.release()
          const reason = line.done_reason === 'length' ? 'length' : 'stop'
          yield { type: 'finish', reason, usage: usageOf(line) }
          return
        }
        throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
      },

      async check(models, signal) {
        const present = await presentModels(upstream, withinCheckTime(signal))
        if (present === undefined) {
          const reason = `Ollama does not answer at ${identity.url}: is it running?`
          return new Map(models.map((model) => [model.name, { available: false, reason }]))
        }
        const availability = (model: ModelCard): Availability => {
          if (present.has(withTag(model.id))) return { available: true, reason: '' }
          return { available: false, reason: options.pull ? pulls.ensure(model) : `not pulled: ${pullAdvice(model)}` }
        }
        return new Map(models.map((model) => [model.name, availability(model)]))
      },

      pull: (model, onProgress, signal) => pullModel(upstream, model, onProgress, signal),

      async close() {
        pulls.close()
        await upstream.close()
      },
    }
  },
})

function* partsOf(line: Readonly<Record<string, unknown>>, identity: UpstreamIdentity): Generator<ReplyPart> {
  // A status of 500 says: whatever the text, the failure is the server's.
  if ('error' in line) throw statusError(identity, { status: 500, message: messageIn(line.error) })
  if (!isRecord(line.message)) return

  const { thinking, content } = line.message
  if (typeof thinking === 'string' && thinking !== '') yield { type: 'reasoning-delta', text: thinking }
  if (typeof content !== 'string' || content === '') return
  const logprobs = logprobsOf(line.logprobs)
  yield { type: 'text-delta', text: content, ...(logprobs.length > 0 && { logprobs }) }
}

function logprobsOf(value: unknown): number[] {
  if (!Array.isArray(value)) return []
  return value.map((entry) => entry?.logprob).filter((logprob) => typeof logprob === 'number')
}

/** Ollama leaves out the prompt's count when it still had the prompt in memory; then nothing certain can be said. */
function usageOf(line: Readonly<Record<string, unknown>>): Usage | undefined {
  if (typeof line.prompt_eval_count !== 'number' || typeof line.eval_count !== 'number') return undefined
  return { ...noUsage, input: count(line.prompt_eval_count), output: count(line.eval_count) }
}

/** Names of the pulled models, each with its tag; undefined where Ollama does not answer. */
async function presentModels(upstream: Upstream, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  const list = await upstream.json({ method: 'GET', path: '/api/tags' }, signal).catch(() => undefined)
  if (!isRecord(list) || !Array.isArray(list.models)) return undefined
  const names = list.models.flatMap((entry) => [entry?.name, entry?.model])
  return new Set(names.filter((name) => typeof name === 'string').map(withTag))
}

function withTag(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`
}

function pullAdvice(model: ModelCard): string {
  return `run \`ollama pull ${model.id}\``
}
