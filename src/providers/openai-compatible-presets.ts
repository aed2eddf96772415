import type { SamplingField } from './sampling.ts'

/** One server that speaks the OpenAI chat API, and where it departs from it. */
export interface Preset {
  readonly baseUrl: string
  /** The variable that usually holds the key, for messages; empty for servers that need none. */
  readonly keyName: string
  /** The field that limits the reply: OpenAI renamed it, most others kept the old name. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** False where `stream_options` fails the request; such servers report usage unasked. */
  readonly streamOptions: boolean
  /** The server's own name for `seed`, where it has another. */
  readonly seedField: 'seed' | 'random_seed'
  /** Fields that fail the whole request; left out with a warning. */
  readonly unsupported: readonly SamplingField[]
  /** True where token probabilities may be asked for. */
  readonly logprobs: boolean
  /** False where names that are not in `/models` work too (aliases, variants), so that the list proves nothing. */
  readonly listsAllModels: boolean
}

const usual: Preset = {
  baseUrl: '',
  keyName: '',
  maxTokensField: 'max_tokens',
  streamOptions: true,
  seedField: 'seed',
  unsupported: [],
  logprobs: false,
  listsAllModels: true,
}

/** The rows. A new vendor that speaks this API is one of these, not a file. */
export const presets = {
  openai: {
    ...usual,
    baseUrl: 'https://api.openai.com/v1',
    keyName: 'OPENAI_API_KEY',
    maxTokensField: 'max_completion_tokens',
  },
  vllm: { ...usual, baseUrl: 'http://127.0.0.1:8000/v1', logprobs: true },
  'llama-cpp-server': { ...usual, baseUrl: 'http://127.0.0.1:8080/v1', logprobs: true, listsAllModels: false },
  'lm-studio': { ...usual, baseUrl: 'http://127.0.0.1:1234/v1' },
  openrouter: {
    ...usual,
    baseUrl: 'https://openrouter.ai/api/v1',
    keyName: 'OPENROUTER_API_KEY',
    listsAllModels: false,
  },
  groq: {
    ...usual,
    baseUrl: 'https://api.groq.com/openai/v1',
    keyName: 'GROQ_API_KEY',
    maxTokensField: 'max_completion_tokens',
  },
  mistral: {
    ...usual,
    baseUrl: 'https://api.mistral.ai/v1',
    keyName: 'MISTRAL_API_KEY',
    streamOptions: false,
    seedField: 'random_seed',
  },
  deepseek: { ...usual, baseUrl: 'https://api.deepseek.com', keyName: 'DEEPSEEK_API_KEY' },
  together: { ...usual, baseUrl: 'https://api.together.xyz/v1', keyName: 'TOGETHER_API_KEY' },
  fireworks: {
    ...usual,
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyName: 'FIREWORKS_API_KEY',
    listsAllModels: false,
  },
  xai: { ...usual, baseUrl: 'https://api.x.ai/v1', keyName: 'XAI_API_KEY', listsAllModels: false },
  cerebras: {
    ...usual,
    baseUrl: 'https://api.cerebras.ai/v1',
    keyName: 'CEREBRAS_API_KEY',
    maxTokensField: 'max_completion_tokens',
  },
  gemini: {
    ...usual,
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    keyName: 'GEMINI_API_KEY',
    unsupported: ['seed', 'presence_penalty', 'frequency_penalty'],
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]]

/** The row of a configuration: the named one, the usual one for any other server, OpenAI when nothing is said. */
export function presetFor(name: PresetName | undefined, baseUrl: string | undefined): Preset {
  if (name !== undefined) return presets[name]
  return baseUrl === undefined ? presets.openai : usual
}
