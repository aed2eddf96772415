import { createHash } from 'node:crypto'
import type { ContentPart, FilePart, ImagePart, TextPart, ToolCallPart, ToolResultPart } from '../core/content.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { ModelCard } from '../core/model.ts'
import type { Message } from '../core/request.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import { isRecord } from '../upstream/errors.ts'
import type { ClaudeTraits } from './models.ts'

export type Block = Readonly<Record<string, unknown>> & { readonly type: string }

export interface Turn {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: readonly Block[]
}

export interface Conversation {
  readonly system: readonly Block[]
  readonly turns: readonly Turn[]
  /** What no block can hold, in words: `audio/wav files`. */
  readonly lost: ReadonlySet<string>
}

/**
 * The messages as Claude takes them; calls and results are paired already. Turns alternate, blank text is left out, and
 * the last turn of the assistant does not end in blanks; else the request is refused. System messages within the
 * conversation stay where the model takes them (right before a turn of the assistant, or last), else they join those
 * at the top.
 */
export function conversationOf(messages: readonly Message[], { systemAnywhere }: ClaudeTraits): Conversation {
  const system: Block[] = []
  const turns: Turn[] = []
  const lost = new Set<string>()
  let waiting: readonly Block[] = []

  const add = (role: Turn['role'], content: readonly Block[]) => {
    if (content.length === 0) return
    const last = turns.at(-1)
    if (last?.role === role) turns[turns.length - 1] = { role, content: [...last.content, ...content] }
    else turns.push({ role, content })
  }
  const placeWaiting = () => {
    if (turns.at(-1)?.role !== 'user') return
    add('system', waiting)
    waiting = []
  }

  for (const { role, content } of messages) {
    const blocks = content.flatMap((part) => blocksOf(part, role, lost))
    if (role === 'system') {
      if (systemAnywhere && turns.length > 0) waiting = [...waiting, ...blocks]
      else system.push(...blocks)
    } else if (role === 'assistant') {
      if (blocks.length > 0) placeWaiting()
      add('assistant', blocks)
    } else add('user', blocks)
  }
  placeWaiting()
  if (waiting.length > 0) add('user', waiting)
  return { system, turns: trimmed(turns), lost }
}

/** What follows a beginning of the reply where the model continues none. */
export const goOn: Turn = { role: 'user', content: [{ type: 'text', text: 'Go on.' }] }

export function notContinued(model: ModelCard): Warning {
  return warning(model, 'does not continue a message of the assistant: it was asked to go on instead')
}

function trimmed(turns: readonly Turn[]): readonly Turn[] {
  const last = turns.at(-1)
  const block = last?.content.at(-1)
  if (last?.role !== 'assistant' || typeof block?.text !== 'string') return turns
  const content = [...last.content.slice(0, -1), { ...block, text: block.text.trimEnd() }]
  return [...turns.slice(0, -1), { role: 'assistant', content }]
}

function blocksOf(part: ContentPart, role: Message['role'], lost: Set<string>): readonly Block[] {
  switch (part.type) {
    case 'text':
      return textBlocks(part)
    case 'image':
      if (role !== 'assistant') return [imageBlock(part)]
      lost.add('images of the assistant')
      return []
    case 'file':
      return fileBlocks(part, lost)
    case 'reasoning':
      return thinkingBlocks(part)
    case 'tool-call':
      return [toolUse(part)]
    case 'tool-result':
      return [toolResult(part, lost)]
    case 'opaque':
      return []
    default:
      return part satisfies never
  }
}

function textBlocks({ text, cacheMark }: TextPart): readonly Block[] {
  if (text.trim() === '') return []
  return [{ type: 'text', text, ...(isRecord(cacheMark) && { cache_control: cacheMark }) }]
}

function imageBlock({ source }: ImagePart): Block {
  if (source.kind === 'url') return { type: 'image', source: { type: 'url', url: source.url } }
  return { type: 'image', source: { type: 'base64', media_type: source.mediaType, data: source.data } }
}

function fileBlocks({ source, name }: FilePart, lost: Set<string>): readonly Block[] {
  const title = name === undefined || name === '' ? {} : { title: name }
  if (source.kind === 'url') return [{ type: 'document', source: { type: 'url', url: source.url }, ...title }]
  const { mediaType, data } = source
  if (mediaType === 'application/pdf') {
    return [{ type: 'document', source: { type: 'base64', media_type: mediaType, data }, ...title }]
  }
  if (mediaType.startsWith('image/')) return [imageBlock({ type: 'image', source })]
  if (mediaType.startsWith('text/') || mediaType === 'application/json') {
    const text = Buffer.from(data, 'base64').toString()
    return [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...title }]
  }
  lost.add(`${mediaType} files`)
  return []
}

/**
 * Claude takes back only what it signed. The thoughts of OpenAI's models come encrypted, too; they are told by how that
 * encryption begins.
 */
function thinkingBlocks(part: Extract<ContentPart, { type: 'reasoning' }>): readonly Block[] {
  const { text, signature = '', redacted = '' } = part
  const foreign = (value: string) => value === '' || value.startsWith('gAAAA')
  const blocks: Block[] = []
  if (!foreign(redacted)) blocks.push({ type: 'redacted_thinking', data: redacted })
  if (!foreign(signature)) blocks.push({ type: 'thinking', thinking: text, signature })
  return blocks
}

function toolUse({ id, name, arguments: text }: ToolCallPart): Block {
  return { type: 'tool_use', id: toolId(id), name, input: inputOf(text) }
}

/** Broken arguments are the model's own fault, and must not keep it from reading what came of them. */
function inputOf(text: string): unknown {
  if (text.trim() === '') return {}
  try {
    const value = parseExactly(text)
    return isRecord(value) ? value : { arguments: value }
  } catch {
    return { arguments: text }
  }
}

function toolResult({ callId, content, isError }: ToolResultPart, lost: Set<string>): Block {
  const blocks = content.flatMap((part) => blocksOf(part, 'tool', lost))
  return {
    type: 'tool_result',
    tool_use_id: toolId(callId),
    ...(blocks.length > 0 && { content: blocks }),
    ...(isError && { is_error: true }),
  }
}

/** Other vendors put dots and colons into their ids; two that differ in nothing else stay two. */
function toolId(id: string): string {
  if (id === '') return 'unnamed'
  const accepted = id.replaceAll(/[^a-zA-Z0-9_-]/g, '_')
  return accepted === id ? id : `${accepted}_${createHash('sha256').update(id).digest('hex').slice(0, 8)}`
}
