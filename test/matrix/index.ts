import { aiSdkAnthropic } from './ai-sdk-anthropic.ts'
import { aiSdkOpenaiCompatible } from './ai-sdk-openai-compatible.ts'
import { anthropic } from './anthropic.ts'
import { claudeCodeClient } from './claude-code.ts'
import type { Client } from './client.ts'
import { curlClients } from './curl.ts'
import { drivenClient } from './driven-client.ts'
import { langchainOpenai } from './langchain-openai.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openaiResponses } from './openai-responses.ts'
import { pythonAnthropic } from './python-anthropic.ts'
import { pythonOpenai } from './python-openai.ts'

const driven = [
  openai,
  openaiResponses,
  anthropic,
  ollama,
  aiSdkOpenaiCompatible,
  aiSdkAnthropic,
  langchainOpenai,
  pythonOpenai,
  pythonAnthropic,
]

/** Every client of the matrix, in the order of its rows. */
export const clients: readonly Client[] = [...driven.map(drivenClient), ...curlClients, claudeCodeClient]
