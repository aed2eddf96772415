import { z } from 'zod'
import { vectorsOf } from '../call-llama/embed.ts'
import { generate, prepare, requireRoom } from '../call-llama/generate.ts'
import { type LoadedModel, openEngine } from '../call-llama/model.ts'
import { Turns } from '../call-llama/turns.ts'
import type { EmbeddingReply } from '../core/embedding.ts'
import { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { ensureModelFile } from '../model-files/files.ts'
import {
  defineProvider,
  type EmbeddingCall,
  type OpenProvider,
  type ProviderCall,
  type ProviderServices,
  type PullProgress,
} from './provider.ts'

const options = z.strictObject({
  threads: z.number().int().min(0).default(0).describe('Threads that compute; 0 is one for each core but one.'),
  context_tokens: z
    .number()
    .int()
    .min(256)
    .default(4096)
    .describe('Longest prompt and reply together, in tokens; at most what the model was trained for. Costs memory.'),
  max_queue: z
    .number()
    .int()
    .min(0)
    .default(32)
    .describe('Requests that may wait for a model; further ones are refused as model_busy.'),
  gpu: z
    .union([z.literal('auto'), z.literal(false)])
    .optional()
    .describe('auto uses a GPU where there is one, false never does. Unset: the GPU of an Apple chip, else none.'),
  pull: z.boolean().default(true).describe('Download a missing model file at the start.'),
  hugging_face_url: z
    .url()
    .default('https://huggingface.co')
    .describe('Where Hugging Face, or a mirror of it, answers.'),
})

/** Runs models inside the gateway, with llama.cpp: nothing else has to be installed. */
export const llamaCpp = defineProvider({
  kind: 'llama-cpp',
  backend: 'local',
  capabilities: ['tools', 'json-schema', 'logprobs', 'embeddings'],
  speaks: () => [],
  options,
  open: (parsed, services) => new LlamaCpp(parsed, services),
})

type State =
  | { readonly at: 'idle' }
  | { readonly at: 'preparing'; readonly step: string }
  | { readonly at: 'ready'; readonly loaded: LoadedModel }
  | { readonly at: 'failed'; readonly message: string; readonly againAt: number }

/** One model file; several configured models may share it. */
interface Slot {
  readonly id: string
  readonly name: string
  readonly turns: Turns
  state: State
  failures: number
  timer: NodeJS.Timeout | undefined
}

const firstPauseSeconds = 30
const longestPauseSeconds = 600
const closeMs = 5_000

class LlamaCpp implements OpenProvider {
  readonly #options: z.infer<typeof options>
  readonly #services: ProviderServices
  readonly #slots = new Map<string, Slot>()
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(parsed: z.infer<typeof options>, services: ProviderServices) {
    this.#options = parsed
    this.#services = services
  }

  get capacity() {
    return { each: 'model' as const, parallel: 1, queue: this.#options.max_queue }
  }

  warmUp(models: readonly ModelCard[]): void {
    for (const model of models) this.#prepare(this.#slot(model))
  }

  async check(models: readonly ModelCard[]): Promise<ReadonlyMap<string, Availability>> {
    return new Map(
      models.map((model) => {
        const { state } = this.#slot(model)
        return [model.name, { available: state.at === 'ready', reason: reasonOf(state) }]
      }),
    )
  }

  async pull(model: ModelCard, onProgress: (progress: PullProgress) => void, signal: AbortSignal): Promise<void> {
    await this.#ensureFile(model.id, model.name, { progress: onProgress, pull: true, signal })
  }

  async *send(call: ProviderCall, signal: AbortSignal) {
    const { slot, loaded, either } = this.#use(call.model, signal)
    try {
      const prepared = prepare(loaded, call)
      requireRoom(loaded, prepared, call)
      const endTurn = await slot.turns.take(either)
      try {
        yield* generate(loaded, prepared, call, either)
      } finally {
        endTurn()
      }
    } catch (error) {
      throw this.#explained(error, call.model)
    }
  }

  async embed(call: EmbeddingCall, signal: AbortSignal): Promise<EmbeddingReply> {
    const { slot, loaded, either } = this.#use(call.model, signal)
    try {
      const endTurn = await slot.turns.take(either)
      try {
        return await vectorsOf(loaded, call, either)
      } finally {
        endTurn()
      }
    } catch (error) {
      throw this.#explained(error, call.model)
    }
  }

  async countTokens(call: ProviderCall, signal: AbortSignal): Promise<number> {
    const { loaded } = this.#use(call.model, signal)
    return prepare(loaded, call).prompt.tokens.length
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const slots = [...this.#slots.values()]
    for (const { timer } of slots) clearTimeout(timer)
    await within(closeMs, async () => {
      await Promise.allSettled(this.#running)
      for (const { turns, state } of slots) {
        // Whoever generates stops before the next token; memory must not be freed under it.
        const endTurn = await turns.take(new AbortController().signal, Number.POSITIVE_INFINITY)
        if (state.at === 'ready') await state.loaded.close()
        endTurn()
      }
    })
  }

  #use(model: ModelCard, signal: AbortSignal) {
    const slot = this.#slot(model)
    if (slot.state.at === 'idle') this.#prepare(slot)
    const loaded = this.#loadedOrThrow(slot, model.name)
    return { slot, loaded, either: AbortSignal.any([signal, this.#closing.signal]) }
  }

  #explained(error: unknown, model: ModelCard): GatewayError {
    if (this.#closing.signal.aborted) return new GatewayError('shutting_down', 'the gateway is stopping')
    if (error instanceof GatewayError) return error
    const why = error instanceof Error ? error.message : String(error)
    const message = `model '${model.name}' failed while it answered: ${why}`
    return new GatewayError('upstream_failed', message, { cause: error })
  }

  #slot({ id, name }: ModelCard): Slot {
    const known = this.#slots.get(id)
    if (known !== undefined) return known
    const turns = new Turns(name, this.#options.max_queue)
    const slot: Slot = { id, name, turns, state: { at: 'idle' }, failures: 0, timer: undefined }
    this.#slots.set(id, slot)
    return slot
  }

  #prepare(slot: Slot): void {
    if (this.#closing.signal.aborted || slot.state.at === 'preparing' || slot.state.at === 'ready') return
    const work = this.#load(slot).catch((error: unknown) => this.#failed(slot, error))
    this.#running.add(work)
    work.finally(() => this.#running.delete(work))
  }

  async #load(slot: Slot): Promise<void> {
    const { signal } = this.#closing
    slot.state = { at: 'preparing', step: 'looking for the file' }
    const progress = (progress: PullProgress) => {
      slot.state = { at: 'preparing', step: stepOf(progress) }
      this.#services.progress(progress)
    }
    const path = await this.#ensureFile(slot.id, slot.name, { progress, pull: this.#options.pull, signal })

    slot.state = { at: 'preparing', step: 'loading' }
    this.#services.changed()
    const startedAt = performance.now()
    const { threads, gpu, context_tokens } = this.#options
    const engine = await openEngine(gpu)
    const loaded = await engine.load(path, { contextTokens: context_tokens, threads, signal })
    slot.state = { at: 'ready', loaded }
    this.#services.changed()
    slot.failures = 0
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    this.#services.say('info', `${slot.name} is ready (${seconds} s to load)`)
  }

  /** A network that is down now may be up in a minute, and an operator may put the file there by hand. */
  #failed(slot: Slot, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const pauseSeconds = Math.min(firstPauseSeconds * 2 ** slot.failures++, longestPauseSeconds)
    const repeated = slot.failures > 1
    slot.state = { at: 'failed', message, againAt: Date.now() + pauseSeconds * 1000 }
    if (this.#closing.signal.aborted) return
    this.#services.changed()
    if (!repeated) this.#services.say('warn', `${message.replace(/\.$/, '')}. Trying again from time to time.`)
    slot.timer = setTimeout(() => this.#prepare(slot), pauseSeconds * 1000)
    slot.timer.unref()
  }

  #ensureFile(
    id: string,
    name: string,
    how: { readonly progress: (progress: PullProgress) => void; readonly pull: boolean; readonly signal: AbortSignal },
  ): Promise<string> {
    const say = (message: string) => this.#services.say('warn', message)
    const { modelsDir } = this.#services
    return ensureModelFile(id, { ...how, name, modelsDir, say, huggingFaceUrl: this.#options.hugging_face_url })
  }

  #loadedOrThrow({ state }: Slot, name: string): LoadedModel {
    if (this.#closing.signal.aborted) throw new GatewayError('shutting_down', 'the gateway is stopping')
    if (state.at === 'ready') return state.loaded
    const seconds = state.at === 'failed' ? Math.ceil((state.againAt - Date.now()) / 1000) : 5
    throw new GatewayError('model_unavailable', `model '${name}' is not ready: ${reasonOf(state)}`, {
      retryAfterSeconds: Math.max(1, seconds),
    })
  }
}

function reasonOf(state: State): string {
  switch (state.at) {
    case 'idle':
      return 'not loaded yet'
    case 'preparing':
      return state.step
    case 'ready':
      return ''
    case 'failed':
      return state.message
    default:
      throw state satisfies never
  }
}

function stepOf({ step, doneBytes, totalBytes }: PullProgress): string {
  if (!step.startsWith('downloading')) return step
  if (totalBytes === undefined || totalBytes === 0) return 'downloading'
  return `downloading, ${Math.floor((100 * doneBytes) / totalBytes)} %`
}

/** Native code that does not come back must not keep the gateway from stopping. */
async function within(ms: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work(), limit]).finally(() => clearTimeout(timer))
}
