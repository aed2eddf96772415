import { z } from 'zod'
import type { ContentPart, ImagePart, MediaSource } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import { checkAt, fieldName } from '../dialects/check.ts'

const string = z.string({ error: 'must be a string' })
const filled = string.min(1, 'is empty')
const mediaUrl = string.regex(
  /^(?:https?:\/\/\S|data:[\w.+-]+\/[\w.+-]+(?:;[^,;]*)*;base64,\S)/,
  'must be an http(s) URL or data:TYPE;base64,BYTES',
)

/** The parts of a message's content that are understood, by `type`. */
export const partSchemas = {
  text: z.looseObject({ type: z.literal('text'), text: string, cache_control: z.unknown().optional() }),
  refusal: z.looseObject({ type: z.literal('refusal'), refusal: string }),
  image_url: z.looseObject({
    type: z.literal('image_url'),
    image_url: z.looseObject({ url: mediaUrl, detail: string.nullish() }, { error: 'must be an object with a url' }),
  }),
  input_audio: z.looseObject({
    type: z.literal('input_audio'),
    input_audio: z.looseObject({ data: filled, format: filled }, { error: 'must be an object with data and format' }),
  }),
  file: z.looseObject({
    type: z.literal('file'),
    file: z
      .looseObject(
        { file_data: filled.nullish(), file_id: string.nullish(), filename: string.nullish() },
        { error: 'must be an object with file_data' },
      )
      .meta({ anyOf: [{ required: ['file_data'] }, { required: ['file_id'] }] }),
  }),
} as const

type PartType = keyof typeof partSchemas

const otherPart = z.looseObject({
  type: z.string({ error: 'must be a string' }).meta({ not: { enum: Object.keys(partSchemas) } }),
})

const contentError = 'must be a string or an array of parts'
/** Checked part by part while it is read, so that an error names the part and not the whole. */
export const content = z.union([z.string(), z.array(z.looseObject({}, { error: 'must be an object' }))], {
  error: contentError,
})
/** The same for the OpenAPI document. */
export const documentedContent = z.union([z.string(), z.array(z.union([...Object.values(partSchemas), otherPart]))], {
  error: contentError,
})

export function readContent(value: z.infer<typeof content>, path: readonly PropertyKey[]): readonly ContentPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }]
  return value.map((part, index) => readPart(part, [...path, index]))
}

/** What nobody here understands becomes an opaque part: a model of the client's own dialect may know it. */
function readPart(value: Readonly<Record<string, unknown>>, path: readonly PropertyKey[]): ContentPart {
  const type = checkAt(string, value.type, [...path, 'type'])
  if (!isPartType(type)) return { type: 'opaque', kind: type }

  const part = checkAt(partSchemas[type], value, path)
  switch (part.type) {
    case 'text': {
      const { text, cache_control: cacheMark } = part
      return { type: 'text', text, ...(cacheMark !== undefined && cacheMark !== null && { cacheMark }) }
    }
    case 'refusal':
      return { type: 'text', text: part.refusal }
    case 'image_url': {
      const { url, detail } = part.image_url
      return { type: 'image', source: sourceOf(url), ...(isDetail(detail) && { detail }) }
    }
    case 'input_audio': {
      const { data, format } = part.input_audio
      return { type: 'file', source: { kind: 'data', mediaType: audioTypes[format] ?? `audio/${format}`, data } }
    }
    case 'file':
      return readFile(part.file, [...path, 'file'])
    default:
      return part satisfies never
  }
}

function isPartType(type: string): type is PartType {
  return Object.hasOwn(partSchemas, type)
}

const audioTypes: Readonly<Record<string, string>> = { mp3: 'audio/mpeg' }

function isDetail(detail: string | null | undefined): detail is NonNullable<ImagePart['detail']> {
  return detail === 'auto' || detail === 'low' || detail === 'high' || detail === 'original'
}

type FileFields = z.infer<typeof partSchemas.file>['file']

function readFile({ file_data: data, file_id: id, filename }: FileFields, path: readonly PropertyKey[]): ContentPart {
  const name = filename === null || filename === undefined || filename === '' ? {} : { name: filename }
  if (data !== null && data !== undefined) {
    const isUrl = /^(?:https?|data):/.test(data)
    const source = isUrl
      ? sourceOf(checkAt(mediaUrl, data, [...path, 'file_data']))
      : { kind: 'data' as const, mediaType: mediaTypeOf(filename ?? ''), data }
    return { type: 'file', source, ...name }
  }
  // Only the vendor that keeps the file knows what is in it.
  if (id !== null && id !== undefined) return { type: 'opaque', kind: 'file_id' }
  const field = fieldName(path)
  throw new GatewayError('invalid_request', `${field}: send the file as file_data (data:TYPE;base64,BYTES)`, { field })
}

const mediaTypes: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
}

/** Bare base64 says nothing of itself; the files that models read are mostly PDFs. */
function mediaTypeOf(filename: string): string {
  return mediaTypes[filename.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'application/pdf'
}

/** A checked `mediaUrl`. */
function sourceOf(url: string): MediaSource {
  if (!url.startsWith('data:')) return { kind: 'url', url }
  const comma = url.indexOf(',')
  return { kind: 'data', mediaType: url.slice('data:'.length, url.indexOf(';')), data: url.slice(comma + 1) }
}
