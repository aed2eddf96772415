import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'
import { startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { Failure, Script } from '../fixtures/stand-ins/script.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'
import { clients } from './faults-clients.ts'

/** What the models say when nothing goes wrong: four pieces. */
export const reply = 'one two three four'

/** The keys that the stand-ins ask for. */
export const environment = {
  OPENAI_STAND_IN_KEY: 'sk-test-key-0123456789',
  ANTHROPIC_STAND_IN_KEY: 'sk-ant-test-key-0123456789',
}

/** A model server behind the gateway, and how the gateway is told of it. */
export interface Server {
  readonly kind: 'openai-compatible' | 'anthropic' | 'ollama'
  readonly standIn: StandIn<Script>
  /** Options of its provider. */
  readonly options: Readonly<Record<string, unknown>>
  readonly modelId: string
  /** Client dialects that it speaks itself, each with the path of its requests. */
  readonly paths: Readonly<Record<string, string>>
  /** The path of every other client's requests. */
  readonly usualPath: string
  /** The error object of this server, with the words that it has for an overload. */
  readonly overload: Readonly<Record<string, unknown>>
  readonly errorBody: (error: unknown) => unknown
}

export async function startServers(): Promise<readonly Server[]> {
  const script = { text: reply }
  const [openai, anthropic, ollama] = await Promise.all([
    startOpenaiStandIn({ script }),
    startAnthropicStandIn({ script }),
    startOllamaStandIn({ script }),
  ])
  return [
    {
      kind: 'openai-compatible',
      standIn: openai,
      options: { base_url: `${openai.url}/v1`, api_key: 'env:OPENAI_STAND_IN_KEY', dialects: ['openai-responses'] },
      modelId: 'gpt-test',
      paths: { 'openai-chat': '/v1/chat/completions', 'openai-responses': '/v1/responses' },
      usualPath: '/v1/chat/completions',
      overload: { message: 'Overloaded.', type: 'server_error', param: null, code: 'server_is_overloaded' },
      errorBody: (error) => ({ error }),
    },
    {
      kind: 'anthropic',
      standIn: anthropic,
      options: { base_url: anthropic.url, api_key: 'env:ANTHROPIC_STAND_IN_KEY' },
      modelId: 'claude-test',
      paths: { 'anthropic-messages': '/v1/messages' },
      usualPath: '/v1/messages',
      overload: { type: 'overloaded_error', message: 'Overloaded' },
      errorBody: (error) => ({ type: 'error', error, request_id: 'req_stand_in' }),
    },
    {
      kind: 'ollama',
      standIn: ollama,
      options: { url: ollama.url },
      modelId: 'phi',
      paths: { 'ollama-chat': '/api/chat' },
      usualPath: '/api/chat',
      overload: { message: 'server busy, please try again' },
      errorBody: (error) => ({
        error: typeof error === 'string' ? error : (error as { readonly message: string }).message,
      }),
    },
  ]
}

/** Lets the next request of this client fail so. */
export function failNext(server: Server, clientName: string, failure: Failure): void {
  server.standIn.next({ text: reply, failure }, server.paths[clientName] ?? server.usualPath)
}

export interface Fault {
  /** As the heading of its table. */
  readonly name: string
  readonly failure: (server: Server) => Failure
  /** The limits that end it are those of the gateway. */
  readonly meetsLimit?: boolean
  /** False for what comes once some of the reply has been passed on. */
  readonly beforeContent: boolean
}

const status = (code: number, error: (server: Server) => unknown, headers: Record<string, string> = {}) => {
  return (server: Server): Failure => ({
    kind: 'status',
    status: code,
    headers,
    body: server.errorBody(error(server)),
  })
}

export const faults: readonly Fault[] = [
  {
    name: 'Status 429 with Retry-After',
    failure: status(429, () => ({ type: 'rate_limit_error', message: 'slow down', code: 'rate_limit_exceeded' }), {
      'retry-after': '7',
    }),
    beforeContent: true,
  },
  {
    name: 'Status 500',
    failure: status(500, () => ({ type: 'api_error', message: 'something broke', code: null })),
    beforeContent: true,
  },
  { name: 'Status 529, overloaded', failure: status(529, ({ overload }) => overload), beforeContent: true },
  {
    name: 'An overload told within a stream, before content',
    failure: ({ overload }) => ({ kind: 'error-event', afterChunks: 0, error: told(overload) }),
    beforeContent: true,
  },
  {
    name: 'An overload told within a stream, after 2 pieces',
    failure: ({ overload }) => ({ kind: 'error-event', afterChunks: 2, error: told(overload) }),
    beforeContent: false,
  },
  { name: 'Connection closed without an answer', failure: () => ({ kind: 'no-answer' }), beforeContent: true },
  { name: 'Cut after the headers', failure: () => ({ kind: 'cut', afterChunks: -1 }), beforeContent: true },
  { name: 'Cut after 0 pieces', failure: () => ({ kind: 'cut', afterChunks: 0 }), beforeContent: true },
  { name: 'Cut after 1 piece', failure: () => ({ kind: 'cut', afterChunks: 1 }), beforeContent: false },
  { name: 'Cut after 3 pieces', failure: () => ({ kind: 'cut', afterChunks: 3 }), beforeContent: false },
  {
    name: 'Cut after the last piece, before the end',
    failure: () => ({ kind: 'cut', afterChunks: 4 }),
    beforeContent: false,
  },
  { name: 'An empty reply', failure: () => ({ kind: 'end', afterChunks: -1 }), beforeContent: true },
  {
    name: 'Ended in good order after 2 pieces, but not complete',
    failure: () => ({ kind: 'end', afterChunks: 2 }),
    beforeContent: false,
  },
  { name: 'Malformed before content', failure: () => ({ kind: 'malformed', afterChunks: 0 }), beforeContent: true },
  { name: 'Malformed after 2 pieces', failure: () => ({ kind: 'malformed', afterChunks: 2 }), beforeContent: false },
  { name: 'No usage', failure: () => ({ kind: 'no-usage' }), beforeContent: false },
  {
    name: 'No first byte within the limit',
    failure: () => ({ kind: 'no-headers' }),
    meetsLimit: true,
    beforeContent: true,
  },
  {
    name: 'Silence after 2 pieces',
    failure: () => ({ kind: 'hang', afterChunks: 2 }),
    meetsLimit: true,
    beforeContent: false,
  },
  {
    name: 'Endless signs of life and nothing else',
    failure: () => ({ kind: 'keep-alive', afterChunks: -1 }),
    meetsLimit: true,
    beforeContent: true,
  },
  {
    name: 'Endless signs of life without content',
    failure: () => ({ kind: 'keep-alive', afterChunks: 0 }),
    meetsLimit: true,
    beforeContent: true,
  },
  {
    name: 'Endless signs of life after 2 pieces',
    failure: () => ({ kind: 'keep-alive', afterChunks: 2 }),
    meetsLimit: true,
    beforeContent: false,
  },
]

/** Ollama's errors within a stream are plain sentences. */
function told(overload: Readonly<Record<string, unknown>>): unknown {
  return 'type' in overload ? overload : overload.message
}

/** Every pair of a client and a way of asking. */
export const ways = clients.flatMap((client) => [
  { client, stream: true },
  { client, stream: false },
])

/** Generous, so that a busy machine meets none of them. */
export const calm = { first_byte_timeout_ms: 20_000, idle_timeout_ms: 20_000, keep_alive_timeout_ms: 20_000 }
/** So short that the faults which only a limit ends do so at once. */
export const hurried = { first_byte_timeout_ms: 60, idle_timeout_ms: 60, keep_alive_timeout_ms: 60 }
/** Ends what neither of these limits: whole replies that pass through, whose servers may write them for long. */
export const answerTimeoutSeconds = 0.2
