import { anthropicMessages } from './anthropic-messages.ts'
import { native } from './native.ts'
import { ollamaChat } from './ollama-chat.ts'
import { ollamaGenerate } from './ollama-generate.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiCompletions } from './openai-completions.ts'
import { openaiResponses } from './openai-responses.ts'

/** Every dialect. The longest prefix of a path decides whose errors are written on it. */
export const dialects = [
  native,
  openaiChat,
  openaiResponses,
  openaiCompletions,
  anthropicMessages,
  ollamaChat,
  ollamaGenerate,
] as const
