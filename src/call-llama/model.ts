import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type {
  ChatHistoryItem,
  ChatWrapper,
  Llama,
  LlamaContextSequence,
  LlamaEmbeddingContext,
  LlamaGrammar,
  LlamaGrammarEvaluationState,
  LlamaModel,
  Token,
} from 'node-llama-cpp'
import { GatewayError } from '../core/errors.ts'
import { ggufFault } from '../model-files/files.ts'
import type { Turn } from './conversation.ts'

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
      const used = threads > 0 ? threads : Math.max(1, availableParallelism() - 1)
      const context = await model.createContext({
        contextSize: Math.min(contextTokens, model.trainContextSize),
        sequences: 1,
        // Larger ones read long prompts a little faster, and cost memory for a row of the vocabulary for each token.
        batchSize: 256,
        threads: used,
        createSignal: signal,
      })
      const wrapper = this.#library.resolveChatWrapper(model, { warningLogs: false })
      const parts = { library: this.#library, llama: this.#llama, model, wrapper, threads: used }
      return new LoadedModel(parts, context.getSequence())
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

interface Parts {
  readonly library: Library
  readonly llama: Llama
  readonly model: LlamaModel
  readonly wrapper: ChatWrapper
  readonly threads: number
}

/** A model in memory, with room for one conversation at a time. */
export class LoadedModel {
  readonly sequence: LlamaContextSequence
  readonly #library: Library
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #wrapper: ChatWrapper
  readonly #threads: number
  /** Agents send the same tools and schemas again and again. */
  readonly #grammars = new LRUCache<string, LlamaGrammar>({ max: 64 })
  #embeddings: Promise<LlamaEmbeddingContext> | undefined

  constructor({ library, llama, model, wrapper, threads }: Parts, sequence: LlamaContextSequence) {
    this.#library = library
    this.#llama = llama
    this.#model = model
    this.#wrapper = wrapper
    this.#threads = threads
    this.sequence = sequence
  }

  get contextTokens(): number {
    return this.sequence.contextSize
  }

  detokenize(tokens: readonly Token[], before: readonly Token[]): string {
    return this.#model.detokenize(tokens, false, before)
  }

  tokenize(text: string): readonly Token[] {
    return this.#model.tokenize(text)
  }

  /** True for a token by which the model ends its reply. */
  ends(token: Token): boolean {
    return this.#model.isEogToken(token)
  }

  /** A grammar at its beginning, for one reply. Undefined for a text that is no grammar. */
  async grammar(text: string): Promise<LlamaGrammarEvaluationState | undefined> {
    try {
      const grammar = this.#grammars.get(text) ?? (await this.#llama.createGrammar({ grammar: text }))
      this.#grammars.set(text, grammar)
      return new this.#library.LlamaGrammarEvaluationState({ model: this.#model, grammar })
    } catch {
      return undefined
    }
  }

  /** A vector of length 1. The memory for it is taken at the first call and kept. */
  async vector(tokens: readonly Token[]): Promise<readonly number[]> {
    const options = { contextSize: this.contextTokens, batchSize: 256, threads: this.#threads }
    this.#embeddings ??= this.#model.createEmbeddingContext(options)
    const context = await this.#embeddings.catch((error: unknown) => {
      this.#embeddings = undefined
      throw error
    })
    const { vector } = await context.getEmbeddingFor([...tokens])
    const length = Math.hypot(...vector)
    return length === 0 ? vector : vector.map((value) => value / length)
  }

  /**
   * The conversation in the model's own template. A last turn of the assistant is left open for the model to go on.
   */
  prompt(turns: readonly Turn[]): Prompt {
    const { LlamaText, SpecialToken, SpecialTokensText } = this.#library
    const chatHistory = turns.map(historyItem)
    // The template leaves the last model message open. Where the caller ended with one, the model continues it.
    if (turns.at(-1)?.role !== 'assistant') chatHistory.push({ type: 'model', response: [''] })
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
    await (await this.#embeddings?.catch(() => undefined))?.dispose()
    await this.sequence.context.dispose()
    await this.#model.dispose()
  }
}

function historyItem({ role, text }: Turn): ChatHistoryItem {
  return role === 'assistant' ? { type: 'model', response: [text] } : { type: role, text }
}
