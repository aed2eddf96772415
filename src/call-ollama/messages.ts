import { type ContentPart, isText, type ToolCallPart } from '../core/content.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { ModelCard } from '../core/model.ts'
import type { Message } from '../core/request.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import { isRecord } from '../upstream/errors.ts'

type Fields = Readonly<Record<string, unknown>>

/** A conversation in Ollama's words, and what of it Ollama cannot be told. */
export function ollamaMessages(
  messages: readonly Message[],
  model: ModelCard,
): { readonly messages: readonly Fields[]; readonly warnings: readonly Warning[] } {
  const names = new Map(messages.flatMap(({ content }) => content.filter(isCall).map(({ id, name }) => [id, name])))
  const parts = messages.flatMap(({ content }) => content.flatMap(withInner))
  const lost = [
    ...(parts.some((part) => part.type === 'image' && part.source.kind === 'url')
      ? ['takes images as data only, not by their address: left out']
      : []),
    ...(parts.some((part) => part.type === 'file') ? ['reads no files: left out'] : []),
  ]
  return {
    messages: messages.flatMap((message) => messagesFor(message, names)),
    warnings: lost.map((said) => warning(model, said)),
  }
}

function messagesFor({ role, content }: Message, names: ReadonlyMap<string, string>): readonly Fields[] {
  if (role === 'tool') {
    return content.flatMap((part) => {
      if (part.type !== 'tool-result') return []
      const name = part.name === '' ? (names.get(part.callId) ?? '') : part.name
      const named = { tool_call_id: part.callId, ...(name !== '' && { tool_name: name }) }
      return [{ role, content: joined(part.content), ...imagesOf(part.content), ...named }]
    })
  }
  const thinking = content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const calls = content.filter(isCall)
  return [
    {
      role,
      content: joined(content),
      ...imagesOf(content),
      ...(thinking !== '' && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls.map(callFor) }),
    },
  ]
}

/** Ollama has no pieces: what was said apart must not run together. */
function joined(content: readonly ContentPart[]): string {
  return content
    .filter(isText)
    .map(({ text }) => text)
    .join('\n\n')
}

function imagesOf(content: readonly ContentPart[]): { readonly images?: readonly string[] } {
  const images = content.flatMap((part) =>
    part.type === 'image' && part.source.kind === 'data' ? [part.source.data] : [],
  )
  return images.length === 0 ? {} : { images }
}

function callFor({ id, name, arguments: json }: ToolCallPart, index: number): Fields {
  return { id, function: { index, name, arguments: objectIn(json) } }
}

/** Ollama refuses what is no object; a broken call of an earlier turn is no reason to end the conversation. */
function objectIn(json: string): Fields {
  try {
    const value = parseExactly(json)
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

function isCall(part: ContentPart): part is ToolCallPart {
  return part.type === 'tool-call'
}

function withInner(part: ContentPart): readonly ContentPart[] {
  return part.type === 'tool-result' ? part.content : [part]
}
