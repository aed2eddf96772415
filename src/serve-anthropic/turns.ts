import type { ContentPart, FilePart, ImagePart, TextPart } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import type { Message, Need } from '../core/request.ts'
import { at, exactBody } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import type { Block, DocumentBlock, ImageBlock, ResultBlock, SearchResultBlock, TextBlock } from './blocks.ts'
import { isForeign, signatureOf } from './foreign.ts'
import type { MessagesBody } from './schemas.ts'

export interface Turns {
  readonly messages: readonly Message[]
  /** What only a model of Anthropic's could make of the blocks. */
  readonly needs: readonly Need[]
  /** True where the conversation holds thoughts that Anthropic would not take back. */
  readonly foreign: boolean
}

/** `apart` is for what is lost by its kind, beside the one need of its weight. */
type Note = (weight: Need['weight'], field: string, apart?: 'apart') => void

/** Anthropic's messages in the gateway's words; a user's turn that holds results of tools becomes two messages. */
export function readTurns(messages: MessagesBody['messages'], head: RequestHead): Turns {
  const written = exactBody(head)
  const needs = new Map<string, Need>()
  // One need of a kind says it all: conversations of agents have hundreds of such blocks.
  const note: Note = (weight, field, apart) => {
    const key = apart === undefined ? weight : field
    if (!needs.has(key)) needs.set(key, { capability: 'native', field, weight })
  }
  let foreign = false
  const names = new Map<string, string>()

  const turns = messages.flatMap(({ role, content }, index): readonly Message[] => {
    if (content === undefined) {
      if (role === 'system') return []
      const field = `messages[${index}].content`
      throw new GatewayError('invalid_request', `${field}: is missing`, { field })
    }
    if (typeof content === 'string') return [{ role, content: [{ type: 'text', text: content }] }]
    const fieldOf = (position: number) => `messages[${index}].content[${position}]`
    for (const block of content) {
      if (block.type === 'tool_use') names.set(block.id, block.name)
      if (isForeign(block)) foreign = true
    }
    const parts = content.map((block, position) => {
      refuseMisplaced(block, role, fieldOf(position))
      const exact = at(written, 'messages', index, 'content', position)
      return readBlock(block, names, { note, field: fieldOf(position), exact })
    })
    if (role !== 'user') return [{ role, content: parts.flat() }]
    const [results, said] = partition(parts.flat(), ({ type }) => type === 'tool-result')
    // The results first, wherever they stood: other APIs want them right behind the calls.
    return [
      { role: 'tool' as const, content: results },
      { role, content: said },
    ]
  })
  return { messages: turns.filter(({ content }) => content.length > 0), needs: [...needs.values()], foreign }
}

/** The system prompt as a message, each block with its mark. */
export function readSystem(system: MessagesBody['system']): readonly Message[] {
  if (system === undefined || system === null || system.length === 0) return []
  if (typeof system === 'string') return [{ role: 'system', content: [{ type: 'text', text: system }] }]
  const content = system.map(
    (block): ContentPart => (block.type === 'unknown' ? { type: 'opaque', kind: block.kind } : readText(block)),
  )
  return [{ role: 'system', content }]
}

const placeOf: Readonly<Record<string, readonly string[]>> = {
  tool_use: ['assistant'],
  thinking: ['assistant'],
  redacted_thinking: ['assistant'],
  tool_result: ['user'],
  image: ['user'],
  document: ['user'],
}

function refuseMisplaced({ type }: Block, role: string, field: string): void {
  const places = placeOf[type]
  if (places === undefined || places.includes(role)) return
  throw new GatewayError('invalid_request', `${field}: ${type} belongs into ${places.join(' and ')} messages`, {
    field,
  })
}

interface Place {
  readonly note: Note
  readonly field: string
  /** The block with its numbers as they were written, where JavaScript would round them. */
  readonly exact: unknown
}

function readBlock(block: Block, names: ReadonlyMap<string, string>, place: Place): readonly ContentPart[] {
  switch (block.type) {
    case 'text':
      return [readText(block)]
    case 'image':
      return [readImage(block, place)]
    case 'document':
      return readDocument(block, place)
    case 'search_result':
      place.note('may', place.field)
      return [readSearchResult(block)]
    case 'thinking': {
      const signature = signatureOf(block.signature)
      return [{ type: 'reasoning', text: block.thinking, ...(signature !== undefined && { signature }) }]
    }
    case 'redacted_thinking':
      return [{ type: 'reasoning', text: '', redacted: block.data }]
    case 'tool_use':
      return [
        {
          type: 'tool-call',
          id: block.id,
          name: block.name,
          arguments: JSON.stringify(at(place.exact, 'input') ?? block.input),
        },
      ]
    case 'tool_result': {
      const { tool_use_id: callId, content, is_error: isError } = block
      return [
        {
          type: 'tool-result',
          callId,
          name: names.get(callId) ?? '',
          content: readResult(content, place),
          isError: isError === true,
        },
      ]
    }
    case 'unknown':
      place.note('may', place.field)
      return [{ type: 'opaque', kind: block.kind }]
    default:
      return block satisfies never
  }
}

function readText({ text, cache_control: cacheMark }: TextBlock): TextPart {
  return { type: 'text', text, ...(cacheMark !== undefined && cacheMark !== null && { cacheMark }) }
}

/** A file that lies with Anthropic is something that no other model can look at, and the answer may hang on it. */
function readImage({ source }: ImageBlock, { note, field }: Place): ContentPart {
  switch (source.type) {
    case 'base64':
      return { type: 'image', source: { kind: 'data', mediaType: source.media_type, data: source.data } }
    case 'url':
      return { type: 'image', source: { kind: 'url', url: source.url } }
    case 'unknown':
      note('must', `${field}.source`)
      return { type: 'opaque', kind: 'image' }
    default:
      return source satisfies never
  }
}

function readDocument({ source, title }: DocumentBlock, place: Place): readonly ContentPart[] {
  const name = title ?? undefined
  const file = (source: FilePart['source']): FilePart => ({ type: 'file', source, ...(name !== undefined && { name }) })
  switch (source.type) {
    case 'base64':
      return [file({ kind: 'data', mediaType: source.media_type, data: source.data })]
    case 'url':
      return [file({ kind: 'url', url: source.url })]
    case 'text':
      // As text every model can read it, as a file hardly any.
      return [titled(name, source.data)]
    case 'content':
      return typeof source.content === 'string'
        ? [titled(name, source.content)]
        : source.content.flatMap((block) => readBlock(block, new Map(), place))
    case 'unknown':
      place.note('must', `${place.field}.source`)
      return [{ type: 'opaque', kind: 'document' }]
    default:
      return source satisfies never
  }
}

function readSearchResult({ title, source, content }: SearchResultBlock): TextPart {
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
  return titled(`${title} (${source})`, text)
}

function titled(title: string | undefined, text: string): TextPart {
  return { type: 'text', text: title === undefined ? text : `${title}\n\n${text}` }
}

type ResultContent = TextPart | ImagePart | FilePart

function readResult(
  content: string | readonly ResultBlock[] | null | undefined,
  place: Place,
): readonly ResultContent[] {
  if (content === undefined || content === null) return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return content.flatMap((block, position): readonly ResultContent[] => {
    const inner = { note: place.note, exact: undefined, field: `${place.field}.content[${position}]` }
    // The definition of the tool is in the request: to be told that it is there is all that this says.
    if (block.type === 'tool_reference') return [{ type: 'text', text: block.tool_name }]
    // No message holds it, by which the client would be told that it is left out.
    if (block.type === 'unknown') place.note('may', `tool_result.${block.kind}`, 'apart')
    return readBlock(block, new Map(), inner).filter(isResultContent)
  })
}

function isResultContent(part: ContentPart): part is ResultContent {
  return part.type === 'text' || part.type === 'image' || part.type === 'file'
}

function partition<Item>(items: readonly Item[], belongs: (item: Item) => boolean): readonly [Item[], Item[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))]
}
