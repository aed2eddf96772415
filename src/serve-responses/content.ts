import { z } from 'zod'
import type { ContentPart, FilePart, ImagePart, MediaSource, TextPart } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import type { Need } from '../core/request.ts'
import { checkAt, defined, fieldName } from '../dialects/check.ts'

const text = z.string({ error: 'must be a string' })
const nullableText = text.nullish()

/** The parts of a content that are understood, by what they hold. */
export const partSchemas = {
  text: z.looseObject({ text, prompt_cache_breakpoint: z.unknown().optional() }),
  refusal: z.looseObject({ refusal: text }),
  image: z.looseObject({ image_url: nullableText, file_id: nullableText, detail: nullableText }),
  file: z.looseObject({
    file_data: nullableText,
    file_url: nullableText,
    file_id: nullableText,
    filename: nullableText,
  }),
  audio: z.looseObject({
    input_audio: z.looseObject(
      { data: z.string({ error: 'must be base64' }), format: z.string({ error: 'must be wav or mp3' }) },
      { error: 'must be an object of data and format' },
    ),
  }),
} as const

/** Clients write text under the name of what it is said for; all of it is text. */
export const textParts = ['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text'] as const

/** A message's content, or a tool's output. */
export const contentField = z.union([z.string(), z.array(z.looseObject({ type: z.string().nullish() }))], {
  error: 'must be a string or an array of parts',
})

/** Where in the body something stands. */
export type Path = readonly PropertyKey[]

/** What a content asks for. */
export interface Asked {
  /** Takes it. */
  readonly needs: Need[]
  /** How much it matters that a model can read it: what was answered long ago it can do without. */
  readonly weight: 'must' | 'may'
}

/** `at` is the content's place in the body. */
export function contentOf(content: z.infer<typeof contentField>, at: Path, asked: Asked): readonly ContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return content.map((part, index) => partOf(part, [...at, index], asked))
}

function partOf(part: { readonly type?: string | null | undefined }, at: Path, asked: Asked): ContentPart {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
    case 'reasoning_text':
      return textOfPart(part, at)
    case 'refusal':
      return { type: 'text', text: checkAt(partSchemas.refusal, part, at).refusal }
    case 'input_image':
      return imageOf(part, at, asked)
    case 'input_file':
      return fileOf(part, at, asked)
    case 'input_audio': {
      const { data, format } = checkAt(partSchemas.audio, part, at).input_audio
      return { type: 'file', source: { kind: 'data', mediaType: `audio/${format === 'mp3' ? 'mpeg' : format}`, data } }
    }
    default:
      ask(asked, at, `send it without ${part.type ?? 'parts that have no type'}`)
      return { type: 'opaque', kind: part.type ?? 'unnamed' }
  }
}

function textOfPart(part: object, at: Path): TextPart {
  const { text, prompt_cache_breakpoint: mark } = checkAt(partSchemas.text, part, at)
  // In the form of the one other vendor that has such marks.
  return { type: 'text', text, ...(mark !== undefined && mark !== null && { cacheMark: { type: 'ephemeral' } }) }
}

function ask({ needs, weight }: Asked, at: Path, advice: string): void {
  needs.push({ capability: 'native', field: fieldName(at), weight, advice })
}

const details = ['auto', 'low', 'high', 'original'] as const

function imageOf(part: object, at: Path, asked: Asked): ContentPart {
  const { image_url: url, file_id: id, detail } = checkAt(partSchemas.image, part, at)
  if (typeof url !== 'string') return uploaded('input_image', id, { at, asked, instead: 'image_url' })
  const known = details.find((name) => name === detail)
  return { type: 'image', source: sourceOf(url, [...at, 'image_url']), ...(known !== undefined && { detail: known }) }
}

function fileOf(part: object, at: Path, asked: Asked): ContentPart {
  const { file_data: data, file_url: url, file_id: id, filename } = checkAt(partSchemas.file, part, at)
  const named = defined({ name: filename })
  if (typeof url === 'string') return { type: 'file', source: sourceOf(url, [...at, 'file_url']), ...named }
  if (typeof data !== 'string') return uploaded('input_file', id, { at, asked, instead: 'file_data or file_url' })
  if (data.startsWith('data:')) return { type: 'file', source: sourceOf(data, [...at, 'file_data']), ...named }
  return { type: 'file', source: { kind: 'data', mediaType: mediaTypeOf(filename ?? ''), data }, ...named }
}

interface Upload {
  readonly at: Path
  readonly asked: Asked
  /** The field that carries the thing itself. */
  readonly instead: string
}

/** What lies with the vendor, only the vendor can fetch. */
function uploaded(kind: string, id: string | null | undefined, { at, asked, instead }: Upload): ContentPart {
  if (typeof id !== 'string') {
    const field = fieldName(at)
    throw new GatewayError('invalid_request', `${field}: holds nothing: send ${instead}`, { field })
  }
  ask(asked, [...at, 'file_id'], `send the file itself as ${instead}: this gateway keeps no files`)
  return { type: 'opaque', kind }
}

function sourceOf(url: string, at: Path): MediaSource {
  if (/^https?:\/\//i.test(url)) return { kind: 'url', url }
  const comma = url.indexOf(',')
  const head = url.slice(0, Math.max(comma, 0))
  if (!head.startsWith('data:') || !head.endsWith(';base64')) {
    const field = fieldName(at)
    throw new GatewayError('invalid_request', `${field}: must be an http(s) or a base64 data URL`, { field })
  }
  const [mediaType = ''] = head.slice('data:'.length).split(';')
  return { kind: 'data', mediaType: mediaType.toLowerCase(), data: url.slice(comma + 1) }
}

const textTypes: Readonly<Record<string, string>> = { csv: 'csv', htm: 'html', html: 'html', md: 'markdown' }

function mediaTypeOf(filename: string): string {
  const ending = filename.toLowerCase().split('.').at(-1) ?? ''
  if (ending === 'json') return 'application/json'
  if (ending === 'txt' || Object.hasOwn(textTypes, ending)) return `text/${textTypes[ending] ?? 'plain'}`
  return 'application/pdf'
}

/** What the result of a tool may hold; the rest is left out, and the need for it was noted. */
export function isResultContent(part: ContentPart): part is TextPart | ImagePart | FilePart {
  return part.type === 'text' || part.type === 'image' || part.type === 'file'
}
