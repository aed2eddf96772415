import type { RecordedRequest } from '../fixtures/stand-ins/stand-in.ts'

/** What every client is tried with, in the order of the table's columns. */
export const features = [
  'plain',
  'stream',
  'tools',
  'tool loop',
  'JSON schema',
  'image',
  'embeddings',
  'error',
  'cancel',
] as const
export type Feature = (typeof features)[number]

/** One gateway with one kind of provider behind it for each. */
export const kinds = ['openai-compatible', 'anthropic', 'ollama', 'echo', 'llama-cpp'] as const
export type Kind = (typeof kinds)[number]

/** `refused`: the model behind cannot do it, and the client's own error says so. */
export type Outcome = 'yes' | 'refused'

/** A gateway, as clients are pointed at it. */
export interface Target {
  readonly kind: Kind
  /** Without a path. */
  readonly address: string
  readonly key: string
  /** A configured name, or `auto`. */
  readonly model: string
  readonly seesImages: boolean
  readonly embeds: boolean
  /** A model that takes so long that its reply can be cancelled in the middle, and what to ask it. */
  readonly slowModel: string
  readonly longPrompt: string
  /** Resolves once a model works on the request of this id (`x-request-id`). */
  readonly working: (requestId: string) => Promise<void>
  /** Resolves once the ledger, and the server behind the gateway, know that the request of this id was cancelled. */
  readonly cancelled: (requestId: string) => Promise<void>
  /** What has reached the server behind the gateway, where there is one. */
  readonly sent?: () => readonly RecordedRequest[]
}

export interface Client {
  readonly name: string
  /** Empty where the machine's own program is used. */
  readonly version: string
  /** How it is pointed at the gateway, as one line of code. */
  readonly code: string
  /** A real run of each feature, which asserts what came; features that the client has no API for are left out. */
  readonly run: Readonly<Partial<Record<Feature, (target: Target) => Promise<Outcome>>>>
}
