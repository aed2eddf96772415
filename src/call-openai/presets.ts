import type { SamplingField } from '../translation/sampling.ts'

export const openaiChat = 'openai-chat'
export const openaiResponses = 'openai-responses'
export const openaiCompletions = 'openai-completions'
/** What such a server may speak beside the chat API, which all of them do. */
export const furtherDialects = [openaiResponses, openaiCompletions] as const
export type FurtherDialect = (typeof furtherDialects)[number]

/** One server that speaks the OpenAI chat API, and where it departs from it. */
export interface Preset {
  readonly baseUrl: string
  /** The variable that usually holds the key, for messages; empty for servers that need none. */
  readonly keyName: string
  readonly dialects: readonly FurtherDialect[]
  /** The field that limits the reply: OpenAI renamed it, most others kept the old name. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** False where `stream_options` fails the request; such servers report usage unasked. */
  readonly streamOptions: boolean
  /** The server's own name for `seed`, where it has another. */
  readonly seedField: 'seed' | 'random_seed'
  /** Fields that fail the whole request; left out with a warning. */
  readonly unsupported: readonly (SamplingField | 'user')[]
  /** More stop sequences than these fail the whole request; the rest is left out with a warning. */
  readonly mostStops: number
  /** Token probabilities: never, when a caller asks for them, or always of local models, whose replies are judged. */
  readonly logprobs: 'refused' | 'asked' | 'judged'
  /** False where names that are not in `/models` work too (aliases, variants), so that the list proves nothing. */
  readonly listsAllModels: boolean
  /** How the amount of thinking is asked for; see `reasoningFields`. */
  readonly reasoning: 'effort' | 'openai' | 'openrouter' | 'deepseek' | 'template' | 'gpt-oss' | 'none'
  /** The field of an assistant's message that takes earlier thoughts back. Without one they are left out. */
  readonly thoughtsField: 'reasoning_content' | 'reasoning' | undefined
  /** Fields of an assistant's message that fail the whole request; a client may have them from another model. */
  readonly refusedThoughts: readonly string[]
  /** What `response_format` knows: `object` has no schemas, `schema` knows nothing but them. */
  readonly formats: 'both' | 'object' | 'schema'
  /** True where the ids of tool calls are nine letters and digits. */
  readonly shortIds: boolean
}

const usual: Preset = {
  baseUrl: '',
  keyName: '',
  dialects: [],
  maxTokensField: 'max_tokens',
  streamOptions: true,
  seedField: 'seed',
  unsupported: ['top_k'],
  mostStops: Number.POSITIVE_INFINITY,
  logprobs: 'asked',
  listsAllModels: true,
  reasoning: 'effort',
  thoughtsField: undefined,
  refusedThoughts: [],
  formats: 'both',
  shortIds: false,
}

/** The rows. A new vendor that speaks this API is one of these, not a file. */
export const presets = {
  openai: {
    ...usual,
    baseUrl: 'https://api.openai.com/v1',
    keyName: 'OPENAI_API_KEY',
    mostStops: 4,
    dialects: [openaiResponses],
    maxTokensField: 'max_completion_tokens',
    reasoning: 'openai',
  },
  vllm: {
    ...usual,
    baseUrl: 'http://127.0.0.1:8000/v1',
    dialects: [openaiResponses, openaiCompletions],
    unsupported: [],
    logprobs: 'judged',
    reasoning: 'template',
    thoughtsField: 'reasoning_content',
  },
  'llama-cpp-server': {
    ...usual,
    baseUrl: 'http://127.0.0.1:8080/v1',
    dialects: [openaiCompletions],
    unsupported: [],
    logprobs: 'judged',
    listsAllModels: false,
    reasoning: 'template',
    thoughtsField: 'reasoning_content',
  },
  'lm-studio': {
    ...usual,
    baseUrl: 'http://127.0.0.1:1234/v1',
    dialects: [openaiResponses, openaiCompletions],
    unsupported: [],
    reasoning: 'gpt-oss',
    formats: 'schema',
  },
  openrouter: {
    ...usual,
    baseUrl: 'https://openrouter.ai/api/v1',
    keyName: 'OPENROUTER_API_KEY',
    dialects: [openaiResponses, openaiCompletions],
    unsupported: [],
    listsAllModels: false,
    reasoning: 'openrouter',
    thoughtsField: 'reasoning',
  },
  groq: {
    ...usual,
    baseUrl: 'https://api.groq.com/openai/v1',
    keyName: 'GROQ_API_KEY',
    mostStops: 4,
    dialects: [openaiResponses],
    maxTokensField: 'max_completion_tokens',
    logprobs: 'refused',
    reasoning: 'gpt-oss',
    refusedThoughts: ['reasoning_content', 'reasoning_details'],
  },
  mistral: {
    ...usual,
    baseUrl: 'https://api.mistral.ai/v1',
    keyName: 'MISTRAL_API_KEY',
    streamOptions: false,
    seedField: 'random_seed',
    unsupported: ['top_k', 'user'],
    logprobs: 'refused',
    reasoning: 'none',
    refusedThoughts: ['reasoning_content', 'reasoning_details', 'reasoning'],
    shortIds: true,
  },
  deepseek: {
    ...usual,
    baseUrl: 'https://api.deepseek.com',
    keyName: 'DEEPSEEK_API_KEY',
    mostStops: 16,
    reasoning: 'deepseek',
    thoughtsField: 'reasoning_content',
    formats: 'object',
  },
  together: {
    ...usual,
    baseUrl: 'https://api.together.xyz/v1',
    keyName: 'TOGETHER_API_KEY',
    dialects: [openaiCompletions],
    unsupported: [],
    reasoning: 'gpt-oss',
  },
  fireworks: {
    ...usual,
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyName: 'FIREWORKS_API_KEY',
    mostStops: 4,
    dialects: [openaiResponses, openaiCompletions],
    unsupported: [],
    listsAllModels: false,
  },
  xai: {
    ...usual,
    baseUrl: 'https://api.x.ai/v1',
    keyName: 'XAI_API_KEY',
    mostStops: 4,
    dialects: [openaiResponses],
    listsAllModels: false,
    reasoning: 'none',
  },
  cerebras: {
    ...usual,
    baseUrl: 'https://api.cerebras.ai/v1',
    keyName: 'CEREBRAS_API_KEY',
    mostStops: 4,
    dialects: [openaiCompletions],
    maxTokensField: 'max_completion_tokens',
    reasoning: 'gpt-oss',
    refusedThoughts: ['reasoning_content', 'reasoning_details'],
  },
  gemini: {
    ...usual,
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    keyName: 'GEMINI_API_KEY',
    mostStops: 5,
    unsupported: ['top_k', 'seed', 'presence_penalty', 'frequency_penalty'],
    logprobs: 'refused',
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]]

/** The row of a configuration: the named one, the usual one for any other server, OpenAI when nothing is said. */
export function presetFor(name: PresetName | undefined, baseUrl: string | undefined): Preset {
  if (name !== undefined) return presets[name]
  return baseUrl === undefined ? presets.openai : usual
}
