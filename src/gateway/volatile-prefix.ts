import type { ContentPart } from '../core/content.ts'
import type { ChatRequest, Message } from '../core/request.ts'

/**
 * Coding agents put a hash into the system prompt that is another one in every request. A local server keeps what it
 * computed for a prompt as far as the next one begins alike, so that hash makes it read everything anew, every turn.
 */
const volatile = /\b(cch=)[0-9a-f]{3,64}\b/g
const pinned = '$100000'

/** The request with the hash pinned. Only for local models: what goes to a vendor goes as it came. */
export function pinVolatilePrefix(request: ChatRequest): ChatRequest {
  // What only a server of its dialect can do, it can do with the client's own bytes alone.
  if (request.needs?.some(({ capability, weight }) => capability === 'native' && weight === 'must')) return request
  let changed = false
  const messages = request.messages.map((message) => {
    if (message.role !== 'system') return message
    const content = message.content.map(pin)
    if (content.every((part, index) => part === message.content[index])) return message
    changed = true
    return { ...message, content } satisfies Message
  })
  if (!changed) return request
  // The client's bytes hold the hash: a server of its own dialect gets a body made anew.
  const { client: _, ...rest } = request
  return { ...rest, messages }
}

function pin(part: ContentPart): ContentPart {
  if (part.type !== 'text' || !part.text.includes('cch=')) return part
  const text = part.text.replaceAll(volatile, pinned)
  return text === part.text ? part : { ...part, text }
}
