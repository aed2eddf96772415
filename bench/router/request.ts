import type { ChatRequest } from '../../src/core/request.ts'
import type { Asked } from './contender.ts'

/** A prompt as it comes to the gateway. */
export function toRequest({ id, prompt, tools }: Pick<Asked, 'id' | 'prompt' | 'tools'>): ChatRequest {
  const offered = Array.from({ length: tools }, (_, index) => ({
    type: 'function' as const,
    name: `tool_${index}`,
    parameters: { type: 'object' },
  }))
  return {
    id,
    dialect: 'native',
    model: 'auto',
    messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
    stream: false,
    caching: 'off',
    ...(offered.length > 0 && { tools: offered }),
  }
}
