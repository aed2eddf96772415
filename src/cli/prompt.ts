import { randomUUID } from 'node:crypto'
import type { ChatRequest } from '../core/request.ts'

export interface PromptOptions {
  readonly model?: string
  readonly system?: string
  readonly maxTokens?: number
  readonly temperature?: number
  readonly stream?: boolean
}

/** The request that a prompt on the command line stands for. */
export function toRequest(prompt: string, options: PromptOptions = {}): ChatRequest {
  const { model = 'auto', system, maxTokens, temperature, stream = false } = options
  return {
    id: randomUUID(),
    dialect: 'cli',
    model,
    messages: [
      ...(system === undefined
        ? []
        : [{ role: 'system' as const, content: [{ type: 'text' as const, text: system }] }]),
      { role: 'user', content: [{ type: 'text', text: prompt }] },
    ],
    stream,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    caching: 'use',
  }
}
