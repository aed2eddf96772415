import type { z } from 'zod'
import type { EmbeddingReply, EmbeddingRequest } from '../core/embedding.ts'
import type { Availability, Backend, Capability, ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'

/** What the house gives to every provider. Nothing else is reached from inside one. */
export interface ProviderServices {
  /** The provider's key in the configuration, for messages. */
  readonly name: string
  /** Folder for model files; exists only once something was put there. */
  readonly modelsDir: string
  /** One line for the operator. `progress` lines replace each other on a terminal. */
  readonly say: (level: 'info' | 'warn' | 'error', message: string) => void
  readonly progress: (progress: PullProgress) => void
  /** Tells that a model has come or gone, so that nobody waits for the next regular `check`. */
  readonly changed: () => void
}

export interface PullProgress {
  readonly model: string
  /** What is being done, as `downloading from Hugging Face` or `checking`. */
  readonly step: string
  readonly doneBytes: number
  /** Undefined where the source does not tell. */
  readonly totalBytes: number | undefined
}

export interface ProviderCall {
  readonly request: ChatRequest
  readonly model: ModelCard
}

export interface EmbeddingCall {
  readonly request: EmbeddingRequest
  readonly model: ModelCard
}

/** A provider that is ready to be called. */
export interface OpenProvider {
  /**
   * Sends the request and yields the reply as it comes (see `ReplyPart` for the order). Throws only `GatewayError`.
   * `request.choices` is 1 or unset, except where the request passes through in its own dialect.
   * When `signal` aborts, or the consumer stops iterating, the work upstream is cancelled at once.
   */
  readonly send: (call: ProviderCall, signal: AbortSignal) => AsyncIterable<ReplyPart>
  /**
   * Asks, without running a model, which of `models` could answer now. Called in the background every few seconds.
   * Never throws: a server that cannot be reached is an `Availability` with its reason.
   */
  readonly check: (models: readonly ModelCard[], signal: AbortSignal) => Promise<ReadonlyMap<string, Availability>>
  /** Vectors for texts. Throws only `GatewayError`. Absent where the server has no such thing. */
  readonly embed?: (call: EmbeddingCall, signal: AbortSignal) => Promise<EmbeddingReply>
  /** The prompt's exact size in tokens of this model, where its server counts. Throws only `GatewayError`. */
  readonly countTokens?: (call: ProviderCall, signal: AbortSignal) => Promise<number>
  /** Brings the model to this machine (a download, `ollama pull`). Absent where that means nothing. */
  readonly pull?: (model: ModelCard, onProgress: (progress: PullProgress) => void, signal: AbortSignal) => Promise<void>
  /** How many calls it does at the same time, and how many more may wait; without it nothing limits them. */
  readonly capacity?: {
    /** Of the whole server, or of each of its models. */
    readonly each: 'server' | 'model'
    readonly parallel: number
    readonly queue: number
  }
  /** Starts slow preparation (download, load into memory) without being waited for. */
  readonly warmUp?: (models: readonly ModelCard[]) => void
  readonly close: () => Promise<void>
}

/** One way of reaching models. A new one is a file, its test and a line in `providers/index.ts`. */
export interface Provider<Options extends z.ZodType = z.ZodType> {
  /** The value of `kind` in the configuration. */
  readonly kind: string
  /** Where its models run when the configuration does not say. */
  readonly backend: Backend
  /** What its models can do when neither the configuration nor the server says otherwise. */
  readonly capabilities: readonly Capability[]
  /** The dialects of clients whose bytes it passes on, and whose replies come back as they are. */
  readonly speaks: (options: z.infer<Options>) => readonly string[]
  /** Options in the configuration beside `kind`; every leaf is described, every leaf that can has a default. */
  readonly options: Options
  readonly open: (options: z.infer<Options>, services: ProviderServices) => OpenProvider
}

/** Keeps the types of the options and of `open` together. */
export function defineProvider<Options extends z.ZodType>(provider: Provider<Options>): Provider<Options> {
  return provider
}
