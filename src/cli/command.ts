import type { Command as Program } from 'commander'
import type { Account } from '../account/account.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Decision } from '../core/decision.ts'
import type { EmbeddingRequest } from '../core/embedding.ts'
import type { Label } from '../core/evidence.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ChatRequest, RoutingWish } from '../core/request.ts'
import type { AnswerPart } from '../gateway/answer-part.ts'
import type { Anchor, Calibrated } from '../gateway/calibrate.ts'
import type { Embedded } from '../gateway/embed.ts'
import type { Feedback } from '../gateway/feedback.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { AuditStore, LabelStore, LedgerStore } from '../stores/store.ts'

/** The opened rooms, as far as commands need them. */
export interface House {
  readonly models: readonly ModelCard[]
  readonly availability: (model: ModelCard) => Availability
  readonly account: Account
  readonly answer: (request: ChatRequest, signal: AbortSignal) => AsyncGenerator<AnswerPart>
  readonly embed: (request: EmbeddingRequest, signal: AbortSignal) => Promise<Embedded>
  /** What a name that a client uses means; undefined where it means nothing. */
  readonly resolve: (name: string) => ModelCard | 'auto' | undefined
  readonly countTokens: (request: ChatRequest, signal: AbortSignal) => Promise<number>
  readonly route: (request: ChatRequest) => Decision
  /** The decision in a world where other models are available than now. */
  readonly routeAmong: (request: ChatRequest, among: (model: ModelCard) => Availability) => Decision
  /** Loads the local model that would answer the request, where one would, and waits for it. Never throws. */
  readonly prepare: (request: ChatRequest, signal: AbortSignal) => Promise<void>
  /** Brings a model's files to this machine. Throws `GatewayError` where the provider has nothing to pull. */
  readonly pull: (model: ModelCard, signal: AbortSignal) => Promise<void>
  /** What a caller and the operator ask of routing together. */
  readonly wishOf: (caller: string, wish: RoutingWish | undefined) => RoutingWish | undefined
  readonly giveFeedback: (feedback: Feedback) => Promise<Label>
  readonly learn: (label: Label) => void
  /** What was learned is written. */
  readonly settle: () => Promise<void>
  readonly labels: LabelStore
  /** Asks the model each anchor and judges what it says; `strong` answers and judges where no answer is known. */
  readonly calibrate: (
    anchors: readonly Anchor[],
    models: { readonly model: ModelCard; readonly strong: ModelCard | undefined },
    signal: AbortSignal,
  ) => AsyncGenerator<Calibrated>
  readonly close: () => Promise<void>
}

/** The ledger alone: nothing is asked of any model. */
export interface OpenedAccount {
  readonly store: LedgerStore
  readonly account: Account
  readonly labels: LabelStore
  readonly audit: AuditStore
  /** Reads the keys of clients; `close` them before the rest. */
  readonly openKeys: () => Promise<KeyRing>
  readonly close: () => Promise<void>
}

/** The file of a model that runs inside the gateway. */
export interface ModelFile {
  readonly model: ModelCard
  readonly path: string
  readonly present: boolean
  /** Undefined for files that the gateway does not know. */
  readonly wantedBytes: number | undefined
}

/** What `main.ts` hands to the commands: the rooms they may not import, and the world they may not reach for. */
export interface Toolbox {
  readonly version: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly projectDir: string
  /**
   * Reads the configuration; `--config FILE` beats `HYBRID_CONFIG`, and `variables` beat the environment. Throws
   * `ConfigError`.
   */
  readonly loadConfig: (variables?: Readonly<Record<string, string | undefined>>) => LoadedConfig
  /** Opens all rooms but the front door. */
  readonly openHouse: (loaded: LoadedConfig) => Promise<House>
  /** Opens the ledger for reading. */
  readonly openAccount: (loaded: LoadedConfig) => Promise<OpenedAccount>
  readonly modelFiles: (loaded: LoadedConfig) => Promise<readonly ModelFile[]>
  /** Opens the front door and serves until a signal comes. */
  readonly serve: (loaded: LoadedConfig) => Promise<void>
  /** One line, or several, on standard output. */
  readonly print: (text: string) => void
  /** Text as it is on standard output, for what comes in pieces. */
  readonly write: (text: string) => void
  /** A line beside the output, on standard error; dim in a terminal. */
  readonly note: (text: string) => void
  /** All of standard input; undefined where it is a terminal at which nobody was asked to type. */
  readonly readInput: () => Promise<string | undefined>
  /** True where the reader is a person at a terminal. */
  readonly isTerminal: boolean
  /** Width of the terminal. */
  readonly columns: number
  /** True when `--json` was given. */
  readonly json: () => boolean
}

/** One command of `hybrid`. A new one is a file and a line in `cli/index.ts`. */
export interface Command {
  readonly register: (program: Program, toolbox: Toolbox) => void
}
