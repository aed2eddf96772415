import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChatHistoryItem, ChatWrapper, Llama, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp'
import { GatewayError } from '../core/errors.ts'
import { type Message, textOf } from '../core/request.ts'
import { ggufFault } from './model-files.ts'

type Library = typeof import('node-llama-cpp')

export type GpuChoice = 'auto' | false | undefined

/** One for each GPU choice and process: the log of llama.cpp, which would go to the terminal, can be caught only once. */
const engines = new Map<GpuChoice, Promise<LlamaEngine>>()

/** Throws `model_unavailable` where llama.cpp cannot run on this platform. */
export function openEngine(gpu: GpuChoice): Promise<LlamaEngine> {
  const engine = engines.get(gpu) ?? startEngine(gpu)
  engines.set(gpu, engine)
  return engine
}

async function startEngine(gpu: GpuChoice): Promise<LlamaEngine> {
  const complaints: string[] = []
  const metal = process.platform === 'darwin' && process.arch === 'arm64'
  try {
    const library = await import('node-llama-cpp')
    const llama = await library.getLlama({
      gpu: gpu ?? (metal ? 'metal' : false),
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      // Each context has its own number of threads.
      maxThreads: 0,
      logLevel: library.LlamaLogLevel.error,
      logger: (_level, message) => {
        complaints.push(message.trim())
        complaints.splice(0, complaints.length - 5)
      },
    })
    return new LlamaEngine(library, llama, complaints)
  } catch (error) {
    throw new GatewayError(
      'model_unavailable',
      `models cannot run inside the gateway on ${process.platform} ${process.arch}: ${firstLine(error)}. Use Ollama instead, or install again with optional packages.`,
      { cause: error },
    )
  }
}

export interface LoadOptions {
  readonly contextTokens: number
  /** 0 is one for each core but one. */
  readonly threads: number
  readonly signal: AbortSignal
}

/**
 * llama.cpp in this process. It holds next to nothing, and is left to the end of the process: after a failed load,
 * `dispose` of node-llama-cpp 3.22 never comes back.
 */
export class LlamaEngine {
  readonly #library: Library
  readonly #llama: Llama
  readonly #complaints: string[]
  #lastLoad: Promise<unknown> = Promise.resolve()

  constructor(library: Library, llama: Llama, complaints: string[]) {
    this.#library = library
    this.#llama = llama
    this.#complaints = complaints
  }

  /** Loads one model at a time, so that complaints are those of this file. Throws only `GatewayError`. */
  load(path: string, options: LoadOptions): Promise<LoadedModel> {
    const load = this.#lastLoad.then(() => this.#load(path, options))
    this.#lastLoad = load.catch(() => {})
    return load
  }

  async #load(path: string, { contextTokens, threads, signal }: LoadOptions): Promise<LoadedModel> {
    this.#complaints.length = 0
    let model: LlamaModel | undefined
    try {
      signal.throwIfAborted()
      // Seen here first, as the library writes to the terminal when the header makes no sense.
      const fault = await ggufFault(path)
      if (fault !== undefined) throw new Error(fault)

      model = await this.#llama.loadModel({ modelPath: path, loadSignal: signal })
      const context = await model.createContext({
        contextSize: Math.min(contextTokens, model.trainContextSize),
        sequences: 1,
        // Larger ones read long prompts a little faster, and cost memory for a row of the vocabulary for each token.
        batchSize: 256,
        threads: threads > 0 ? threads : Math.max(1, availableParallelism() - 1),
        createSignal: signal,
      })
      const wrapper = this.#library.resolveChatWrapper(model, { warningLogs: false })
      return new LoadedModel(this.#library, model, context.getSequence(), wrapper)
    } catch (error) {
      await model?.dispose()
      // What the native code logged comes through the event loop.
      await sleep(50)
      if (signal.aborted) throw new GatewayError('cancelled', 'loading was cancelled')
      throw new GatewayError('model_unavailable', `${path} cannot be loaded: ${this.#reason(error)}`, { cause: error })
    }
  }

  #reason(error: unknown): string {
    const said = this.#complaints.find((line) => line.includes('error loading model'))
    if (said !== undefined) return said.replace(/^.*error loading model: /, '')
    if (error instanceof this.#library.InsufficientMemoryError) return 'there is not enough memory for it'
    return firstLine(error)
  }
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}

/** The reply ends at any of these, beside the end-of-generation tokens that the model file names. */
export interface Prompt {
  readonly tokens: readonly Token[]
  readonly stopTokens: ReadonlySet<Token>
  readonly stopTexts: readonly string[]
}

/** A model in memory, with room for one conversation at a time. */
export class LoadedModel {
  readonly sequence: LlamaContextSequence
  readonly #library: Library
  readonly #model: LlamaModel
  readonly #wrapper: ChatWrapper

  constructor(library: Library, model: LlamaModel, sequence: LlamaContextSequence, wrapper: ChatWrapper) {
    this.#library = library
    this.#model = model
    this.sequence = sequence
    this.#wrapper = wrapper
  }

  get contextTokens(): number {
    return this.sequence.contextSize
  }

  detokenize(tokens: readonly Token[], before: readonly Token[]): string {
    return this.#model.detokenize(tokens, false, before)
  }

  /**
   * The conversation in the model's own template. No system prompt is added where the caller gives none: the default
   * ones are long, and reading them is most of the time until the first token.
   */
  prompt(messages: readonly Message[]): Prompt {
    const { LlamaText, SpecialToken, SpecialTokensText } = this.#library
    const chatHistory = messages.map(historyItem)
    // The template leaves the last model message open. Where the caller ended with one, the model continues it.
    if (messages.at(-1)?.role !== 'assistant') chatHistory.push({ type: 'model', response: [''] })
    const { contextText, stopGenerationTriggers } = this.#wrapper.generateContextState({ chatHistory })

    const [first, ...rest] = contextText.values
    const begins = first instanceof SpecialToken && first.value === 'BOS'
    // The wrappers always begin with BOS; models that were trained without one would see it twice.
    const text = begins && !this.#model.tokens.shouldPrependBosToken ? LlamaText(rest) : contextText

    const stopTokens = new Set<Token>()
    const stopTexts: string[] = []
    for (const trigger of stopGenerationTriggers) {
      const plain = trigger.values.every((value) => typeof value === 'string')
      const tokens = plain ? [] : trigger.tokenize(this.#model.tokenizer)
      if (tokens.length === 1 && tokens[0] !== undefined) stopTokens.add(tokens[0])
      else {
        const parts = trigger.values.map((value) =>
          typeof value === 'string' ? value : value instanceof SpecialTokensText ? value.value : '',
        )
        stopTexts.push(parts.join(''))
      }
    }
    return { tokens: text.tokenize(this.#model.tokenizer), stopTokens, stopTexts }
  }

  async close(): Promise<void> {
    await this.sequence.context.dispose()
    await this.#model.dispose()
  }
}

function historyItem(message: Message): ChatHistoryItem {
  const text = textOf(message)
  switch (message.role) {
    case 'system':
      return { type: 'system', text }
    case 'user':
      return { type: 'user', text }
    case 'assistant':
      return { type: 'model', response: [text] }
    default:
      throw message.role satisfies never
  }
}
