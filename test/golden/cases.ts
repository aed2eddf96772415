import { anthropicReplies } from './anthropic-replies.ts'
import { clientRequests, requestText } from './client-requests.ts'
import { ollamaReplies } from './ollama-replies.ts'
import { openaiReplies } from './openai-replies.ts'
import type { CaseName, Reply, Wire } from './reply.ts'
import { responsesReplies } from './responses-replies.ts'
import { unknownRequests } from './unknown-requests.ts'

/** A gateway with one model behind one kind of provider. */
export interface SetUp {
  readonly name: 'openai-compatible' | 'openai' | 'anthropic' | 'ollama'
  readonly config: (url: string) => {
    readonly providers: Readonly<Record<string, unknown>>
    readonly models: Readonly<Record<string, unknown>>
  }
  /** What the server answers when the gateway asks by itself, by method and path. */
  readonly asides: Readonly<Record<string, object>>
  /** The wire of each client's dialect that passes through; what all others are translated to. */
  readonly passes: readonly Wire[]
  readonly wire: Wire
}

const key = 'env:GOLDEN_KEY'
const price = { input: 2, output: 8, cache_read: 0.5, cache_write: 2 }
const model = (id: string) => ({ tested: { provider: 'tested', id, max_complexity: 1, context_tokens: 32_768, price } })

export const setUps: readonly SetUp[] = [
  {
    name: 'openai-compatible',
    config: (url) => ({
      providers: { tested: { kind: 'openai-compatible', base_url: `${url}/v1`, api_key: key } },
      models: model('gpt-4.1'),
    }),
    asides: { 'GET /v1/models': { object: 'list', data: [{ id: 'gpt-4.1', object: 'model' }] } },
    passes: ['openai-chat'],
    wire: 'openai-chat',
  },
  {
    // A server that speaks all of OpenAI's APIs; what is translated goes to its chat API, as above.
    name: 'openai',
    config: (url) => ({
      providers: {
        tested: {
          kind: 'openai-compatible',
          base_url: `${url}/v1`,
          api_key: key,
          dialects: ['openai-responses', 'openai-completions'],
        },
      },
      models: model('gpt-4.1'),
    }),
    asides: { 'GET /v1/models': { object: 'list', data: [{ id: 'gpt-4.1', object: 'model' }] } },
    passes: ['openai-responses', 'openai-completions'],
    wire: 'openai-chat',
  },
  {
    name: 'anthropic',
    config: (url) => ({
      providers: { tested: { kind: 'anthropic', base_url: url, api_key: key } },
      models: model('claude-sonnet-4-5'),
    }),
    asides: {},
    passes: ['anthropic-messages'],
    wire: 'anthropic-messages',
  },
  {
    name: 'ollama',
    config: (url) => ({
      providers: { tested: { kind: 'ollama', url, context_sizes: [8192] } },
      models: model('qwen3'),
    }),
    asides: {
      'GET /api/tags': { models: [{ name: 'qwen3:latest', model: 'qwen3:latest', digest: 'a1b2c3' }] },
      'GET /api/ps': { models: [] },
      'POST /api/show': { capabilities: ['completion', 'tools', 'thinking', 'vision'] },
    },
    passes: ['ollama-chat', 'ollama-generate'],
    wire: 'ollama-chat',
  },
]

const replies: Readonly<Record<Wire, (name: CaseName, whole: boolean) => Reply>> = {
  'openai-chat': (name, whole) => openaiReplies('openai-chat', name, whole),
  'openai-completions': (name, whole) => openaiReplies('openai-completions', name, whole),
  'openai-responses': responsesReplies,
  'anthropic-messages': anthropicReplies,
  'ollama-chat': (name, whole) => ollamaReplies('ollama-chat', name, whole),
  'ollama-generate': (name, whole) => ollamaReplies('ollama-generate', name, whole),
}

export interface GoldenCase {
  readonly setUp: SetUp
  /** Below this folder. */
  readonly file: string
  readonly source: string
  readonly clientRequest: string
  readonly upstreamReply: string
}

/** Every case of every pair. */
export const goldenCases: readonly GoldenCase[] = setUps.flatMap((setUp) =>
  Object.entries(clientRequests).flatMap(([dialect, requests]) => {
    const own = setUp.passes.find((wire) => wire === dialect)
    if (setUp.name === 'openai' && own === undefined) return []
    const folder = `${dialect}-to-${setUp.name}`
    const unknown = own === undefined ? {} : unknownRequests[own]
    return Object.entries({ ...requests, ...unknown }).map(([name, request]): GoldenCase => {
      const passed = own !== undefined
      const whole = passed && !/stream/.test(name)
      // What is translated is streamed by the model server in any case.
      const upstreamName = name === 'tools' && !whole ? 'tools-stream' : name
      const reply = replies[own ?? setUp.wire](upstreamName as CaseName, whole)
      return {
        setUp,
        file: `${folder}/${name}.txt`,
        source: reply.source,
        clientRequest: requestText(request),
        upstreamReply: reply.text,
      }
    })
  }),
)
