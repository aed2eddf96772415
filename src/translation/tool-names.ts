import { createHash } from 'node:crypto'
import type { ContentPart } from '../core/content.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'

/** Length of what tells two names apart that were cut to the same one. */
const markLength = 8

export interface NamedRequest {
  readonly request: ChatRequest
  /** The caller's names of the tools that were renamed, by the names that are sent. */
  readonly original: ReadonlyMap<string, string>
}

/**
 * The request with names of tools that the vendor takes: letters, digits, `_` and `-`, `longest` of them at most. Each
 * API has limits of its own, and one name beyond them fails the whole request.
 */
export function withAcceptedNames(request: ChatRequest, longest: number): NamedRequest {
  const { tools = [], messages, toolChoice } = request
  const accepts = (name: string) => name.length <= longest && /^[\w-]+$/.test(name)
  const isOdd = (part: { readonly type: string; readonly name?: string | undefined }) =>
    (part.type === 'function' || part.type === 'tool-call') && !accepts(part.name ?? '')
  if (!tools.some(isOdd) && !messages.some(({ content }) => content.some(isOdd))) {
    return { request, original: new Map() }
  }

  const accepted = (name: string): string => {
    if (accepts(name)) return name
    const mark = createHash('sha256').update(name).digest('hex').slice(0, markLength)
    return `${name.replaceAll(/[^\w-]/g, '_').slice(0, longest - markLength - 1)}_${mark}`
  }
  const renamed = (part: ContentPart): ContentPart =>
    part.type === 'tool-call' || (part.type === 'tool-result' && part.name !== '')
      ? { ...part, name: accepted(part.name) }
      : part
  const sent: ChatRequest = {
    ...request,
    messages: messages.map((message) => ({ ...message, content: message.content.map(renamed) })),
    ...(request.tools !== undefined && {
      tools: tools.map((tool) => (tool.type === 'function' ? { ...tool, name: accepted(tool.name) } : tool)),
    }),
    ...(toolChoice?.type === 'tool' && { toolChoice: { ...toolChoice, name: accepted(toolChoice.name) } }),
  }
  return { request: sent, original: new Map(tools.filter(isOdd).map(({ name }) => [accepted(name), name])) }
}

/** The reply with the caller's own names. */
export async function* withOriginalNames(
  parts: AsyncIterable<ReplyPart>,
  original: NamedRequest['original'],
): AsyncGenerator<ReplyPart> {
  for await (const part of parts) {
    yield part.type === 'tool-call' ? { ...part, name: original.get(part.name) ?? part.name } : part
  }
}
