import { createHash } from 'node:crypto'
import type { ContentPart, FilePart, ImagePart } from '../core/content.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import { type ChatRequest, type Message, textOf } from '../core/request.ts'
import { type FunctionTool, functionTools } from '../core/tools.ts'
import { exampleOf } from '../translation/schema-example.ts'

interface EchoReply {
  /** Each counts as a token. */
  readonly parts: readonly ContentDelta[]
  readonly reason: FinishReason
  readonly stopSequence?: string
}

interface EchoCall {
  readonly name: string
  readonly arguments: string
}

/**
 * What echo says to a request. It calls tools where it must, or where the user says `call NAME` or `call NAME {json}`;
 * it repeats the results of tools; where JSON is asked for it gives the smallest that fits; else it repeats the text.
 */
export function replyTo(request: ChatRequest): EchoReply {
  const thought: readonly ContentDelta[] =
    request.reasoning?.enabled === true
      ? wordsOf('I shall repeat what was said.').map((text) => ({ type: 'reasoning-delta', text }))
      : []
  const calls = callsFor(request)
  if (calls.length > 0) {
    const parts = calls.flatMap((call, index) => callParts(call, index, request.id))
    return { parts: [...thought, ...parts], reason: 'tool-calls' }
  }

  const pieces = piecesFor(request)
  const { text, stopSequence } = stopped(pieces, request.stop ?? [])
  const parts = text.map((piece) => textPart(piece, request.logprobs))
  return { parts: [...thought, ...parts], reason: 'stop', ...(stopSequence !== undefined && { stopSequence }) }
}

/** Size of the prompt: echo counts words. */
export function countWords({ messages }: ChatRequest): number {
  return messages.reduce((sum, message) => sum + heard(message).split(/\s+/).length, 0)
}

function textPart(text: string, logprobs: ChatRequest['logprobs']): ContentDelta {
  if (logprobs === undefined) return { type: 'text-delta', text }
  // An echo is certain of its words.
  const sure = { token: text, logprob: 0 }
  return { type: 'text-delta', text, logprobs: [{ ...sure, ...(logprobs.top > 0 && { top: [sure] }) }] }
}

function piecesFor({ messages, responseFormat }: ChatRequest): readonly string[] {
  const last = messages.at(-1)
  const text = last === undefined ? '' : heard(last)
  switch (responseFormat?.type) {
    case 'json-schema':
      return fragmentsOf(JSON.stringify(exampleOf(responseFormat.schema)))
    case 'json':
      return fragmentsOf(JSON.stringify({ echo: text }))
    case 'text':
    case undefined:
      return wordsOf(text)
    default:
      throw responseFormat satisfies never
  }
}

/** Everything that a message says, in words. */
function heard(message: Message): string {
  const results = message.content.flatMap((part) => (part.type === 'tool-result' ? [inWords(part.content)] : []))
  const spoken = inWords(message.content)
  return [...(spoken === '' ? [] : [spoken]), ...results].join('\n')
}

function inWords(content: readonly ContentPart[]): string {
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const media = content.filter((part) => part.type === 'image' || part.type === 'file').map(described)
  return [...(text === '' ? [] : [text]), ...media].join(' ')
}

/** `[image image/png, 68 bytes]`, or `[image https://example.com/cat.png]`. */
function described({ type, source }: ImagePart | FilePart): string {
  if (source.kind === 'url') return `[${type} ${source.url}]`
  return `[${type} ${source.mediaType}, ${Buffer.byteLength(source.data, 'base64')} bytes]`
}

function callsFor({ messages, tools, toolChoice, parallelToolCalls }: ChatRequest): readonly EchoCall[] {
  const last = messages.at(-1)
  const choice = toolChoice?.type ?? 'auto'
  if (last?.role !== 'user' || choice === 'none') return []
  const named = toolChoice?.type === 'tool' ? toolChoice.name : undefined
  const allowed = functionTools(tools).filter(({ name }) => named === undefined || name === named)

  const mentioned = callsIn(textOf(last), allowed)
  const [first] = allowed
  const forced = choice !== 'auto' && first !== undefined ? [callOf(first)] : []
  const calls = mentioned.length > 0 ? mentioned : forced
  return parallelToolCalls === false ? calls.slice(0, 1) : calls
}

function callsIn(text: string, tools: readonly FunctionTool[]): readonly EchoCall[] {
  return [...text.matchAll(/\bcall ([\w.:/-]*\w)\s*/gi)].flatMap((mention) => {
    const tool = tools.find(({ name }) => name === mention[1])
    if (tool === undefined) return []
    const given = objectAt(text, mention.index + mention[0].length)
    return [given === undefined ? callOf(tool) : { name: tool.name, arguments: given }]
  })
}

function callOf({ name, parameters }: FunctionTool): EchoCall {
  return { name, arguments: JSON.stringify(exampleOf(parameters)) }
}

/** The text of the JSON object that begins at this place, as it was written; undefined where there is none. */
function objectAt(text: string, start: number): string | undefined {
  if (text[start] !== '{') return undefined
  let depth = 0
  // Strings as a whole: braces within them close nothing.
  const marks = /"(?:[^"\\]|\\.)*"?|[{}]/gs
  marks.lastIndex = start
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '{') depth++
    else if (mark[0] === '}' && --depth === 0) {
      const candidate = text.slice(start, marks.lastIndex)
      return isJson(candidate) ? candidate : undefined
    }
  }
  return undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function callParts(call: EchoCall, index: number, requestId: string): readonly ContentDelta[] {
  // The same request gives the same ids; no two requests share one.
  const digest = createHash('sha256').update(`${requestId} ${index}`).digest('hex')
  const deltas = fragmentsOf(call.arguments).map((text) => ({
    type: 'tool-call-delta' as const,
    index,
    arguments: text,
  }))
  return [{ type: 'tool-call', index, id: `call_${digest.slice(0, 24)}`, name: call.name }, ...deltas]
}

/** Ends the text before the first of the stop sequences in it. */
function stopped(pieces: readonly string[], stops: readonly string[]) {
  const text = pieces.join('')
  const places = stops.filter((stop) => stop !== '').map((stop) => ({ stop, at: text.indexOf(stop) }))
  const [first] = places.filter(({ at }) => at !== -1).sort((a, b) => a.at - b.at)
  if (first === undefined) return { text: pieces }
  return { text: first.at === 0 ? [] : wordsOf(text.slice(0, first.at)), stopSequence: first.stop }
}

function wordsOf(text: string): readonly string[] {
  return text.split(/(?<=\s)(?=\S)/)
}

/** JSON has few blanks, and shall come in pieces all the same. */
function fragmentsOf(json: string): readonly string[] {
  return json.match(/.{1,8}/gsu) ?? []
}
