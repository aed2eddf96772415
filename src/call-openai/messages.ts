import { createHash } from 'node:crypto'
import type { ContentPart, FilePart, ImagePart, ToolCallPart, ToolResultPart } from '../core/content.ts'
import { isText } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { Message } from '../core/request.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import { isRecord, list, record } from '../upstream/errors.ts'
import type { Preset } from './presets.ts'

type ChatMessage = Readonly<Record<string, unknown>> & { readonly role: Message['role'] }
type Piece = Readonly<Record<string, unknown>> & { readonly type: string }

/** Longest id of a tool call that OpenAI takes. */
const longestId = 40

/** The messages as the chat API takes them; calls and results are paired already. */
export function chatMessages(messages: readonly Message[], model: ModelCard, preset: Preset) {
  const lost = new Set<string>()
  let moved = 0
  const written = messages.flatMap((message): readonly ChatMessage[] => {
    const { role, content } = message
    switch (role) {
      case 'system':
        return [{ role, content: joined(content) }]
      case 'user': {
        const pieces = content.flatMap((part) => piecesOf(part, lost))
        return pieces.length === 0 && content.length > 0 ? [] : [{ role, content: plain(pieces) }]
      }
      case 'assistant':
        return assistantMessages(message, preset)
      case 'tool': {
        const results = content.filter((part) => part.type === 'tool-result')
        const media = results.flatMap((result) => mediaOf(result, lost))
        if (media.length > 0) moved++
        return [...results.map((result) => toolMessage(result, preset)), ...following(media)]
      }
      default:
        return role satisfies never
    }
  })

  const warnings: Warning[] = []
  for (const kind of lost) warnings.push(warning(model, `takes no ${kind}: left out`))
  if (moved > 0)
    warnings.push(warning(model, 'takes text alone from tools: their images follow in a message of the user'))
  return { messages: written, warnings }
}

function joined(content: readonly ContentPart[]): string {
  return content
    .filter(isText)
    .map(({ text }) => text)
    .join('\n\n')
}

/** A plain string where there is nothing but text: some servers know no pieces. */
function plain(pieces: readonly Piece[]): string | readonly Piece[] {
  return pieces.every(({ type }) => type === 'text') ? pieces.map(({ text }) => text).join('\n\n') : pieces
}

function piecesOf(part: ContentPart, lost: Set<string>): readonly Piece[] {
  if (part.type === 'text') return [{ type: 'text', text: part.text }]
  if (part.type === 'image') return [imagePiece(part)]
  return part.type === 'file' ? filePieces(part, lost) : []
}

function imagePiece({ source, detail }: ImagePart): Piece {
  const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`
  const wish = detail === undefined ? {} : { detail: detail === 'original' ? 'high' : detail }
  return { type: 'image_url', image_url: { url, ...wish } }
}

function filePieces({ source, name }: FilePart, lost: Set<string>): readonly Piece[] {
  if (source.kind === 'url') {
    lost.add('files by their URL')
    return []
  }
  const { mediaType, data } = source
  if (mediaType.startsWith('image/')) return [imagePiece({ type: 'image', source })]
  if (mediaType.startsWith('text/')) return [{ type: 'text', text: Buffer.from(data, 'base64').toString() }]
  if (mediaType.startsWith('audio/')) {
    const format = /mpeg|mp3/.test(mediaType) ? 'mp3' : mediaType.replace(/^audio\/(x-)?/, '')
    return [{ type: 'input_audio', input_audio: { data, format } }]
  }
  return [{ type: 'file', file: { filename: name || 'document', file_data: `data:${mediaType};base64,${data}` } }]
}

function assistantMessages({ content }: Message, preset: Preset): readonly ChatMessage[] {
  const calls = content.filter((part) => part.type === 'tool-call')
  const text = joined(content)
  const thoughts = content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const field = preset.thoughtsField
  if (text === '' && calls.length === 0 && thoughts === '') return []
  // DeepSeek wants the field with every call, be it empty.
  const thinks = field !== undefined && (thoughts !== '' || (preset.reasoning === 'deepseek' && calls.length > 0))
  return [
    {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      ...(thinks && { [field]: thoughts }),
      ...(calls.length > 0 && { tool_calls: calls.map((call) => toolCall(call, preset)) }),
    },
  ]
}

function toolCall({ id, name, arguments: text }: ToolCallPart, preset: Preset) {
  return { id: toolId(id, preset), type: 'function', function: { name, arguments: text.trim() === '' ? '{}' : text } }
}

function toolMessage({ callId, content }: ToolResultPart, preset: Preset): ChatMessage {
  return { role: 'tool', tool_call_id: toolId(callId, preset), content: joined(content) }
}

function mediaOf({ content, name }: ToolResultPart, lost: Set<string>): readonly Piece[] {
  const media = content.filter((part) => part.type !== 'text').flatMap((part) => piecesOf(part, lost))
  return media.length === 0 ? [] : [{ type: 'text', text: `From the tool ${name}:` }, ...media]
}

function following(media: readonly Piece[]): readonly ChatMessage[] {
  return media.length === 0 ? [] : [{ role: 'user', content: media }]
}

/** A client's own messages, without what this server refuses in them; undefined where there is no such thing. */
export function acceptedMessages(messages: unknown, preset: Preset): readonly unknown[] | undefined {
  if (!Array.isArray(messages)) return undefined
  const accepted = messages.map((message) => (isRecord(message) ? acceptedMessage(message, preset) : message))
  return accepted.some((message, index) => message !== messages[index]) ? accepted : undefined
}

type Fields = Readonly<Record<string, unknown>>

function acceptedMessage(message: Fields, preset: Preset): Fields {
  const refused = message.role === 'assistant' ? preset.refusedThoughts.filter((field) => field in message) : []
  const ids = preset.shortIds ? shortened(message, preset) : {}
  if (refused.length === 0 && Object.keys(ids).length === 0) return message
  const left = Object.entries(message).filter(([field]) => !refused.includes(field))
  return { ...Object.fromEntries(left), ...ids }
}

/** The fields with ids of tool calls, where one of those is too long. */
function shortened({ tool_calls: calls, tool_call_id: answered }: Fields, preset: Preset): Fields {
  const short = (id: unknown) => (typeof id === 'string' ? toolId(id, preset) : id)
  const called = list(calls).map(record)
  return {
    ...(short(answered) !== answered && { tool_call_id: short(answered) }),
    ...(called.some(({ id }) => short(id) !== id) && {
      tool_calls: called.map((call) => ({ ...call, id: short(call.id) })),
    }),
  }
}

/** The same id gives the same one, so that calls and results still meet. */
function toolId(id: string, { shortIds }: Preset): string {
  if (shortIds ? /^[a-zA-Z0-9]{9}$/.test(id) : id !== '' && id.length <= longestId) return id
  const hash = createHash('sha256').update(id).digest('hex')
  return shortIds ? hash.slice(0, 9) : `call_${hash.slice(0, 24)}`
}
