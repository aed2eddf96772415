import type { FilePart, ImagePart } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'

/** How many characters of base64 hold the bytes by which a format is known. */
const head = 32

/**
 * One entry of Ollama's `images`: base64 without a word about its type, which its first bytes tell. Newer servers take
 * sounds in the same field. A `data:` URL is no Ollama, but clients written for other APIs send one.
 */
export function mediaPart(value: string, field: string): ImagePart | FilePart {
  const [, named, encoded = value] = /^data:([\w.+/-]+)?(?:;[\w=.-]+)*;base64,([\s\S]*)$/.exec(value) ?? []
  const data = /\s/.test(encoded) ? encoded.replaceAll(/\s/g, '') : encoded
  if (data === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) {
    throw new GatewayError('invalid_request', `${field}: must be an image in base64, not its path or address`, {
      field,
    })
  }
  const mediaType = named ?? typeOf(Buffer.from(data.slice(0, head), 'base64').toString('latin1'))
  const source = { kind: 'data', mediaType, data } as const
  return mediaType.startsWith('audio/') ? { type: 'file', source } : { type: 'image', source }
}

const beginnings: readonly (readonly [pattern: RegExp, mediaType: string])[] = [
  [/^\x89PNG/, 'image/png'],
  [/^\xff\xd8\xff/, 'image/jpeg'],
  [/^GIF8/, 'image/gif'],
  [/^RIFF[\s\S]{4}WEBP/, 'image/webp'],
  [/^RIFF[\s\S]{4}WAVE/, 'audio/wav'],
  [/^(ID3|\xff[\xf2\xf3\xfb])/, 'audio/mpeg'],
  [/^[\s\S]{4}ftyp(heic|heix|mif1)/, 'image/heic'],
  [/^[\s\S]{4}ftypavif/, 'image/avif'],
  [/^BM/, 'image/bmp'],
  [/^(II\*\0|MM\0\*)/, 'image/tiff'],
]

function typeOf(bytes: string): string {
  return beginnings.find(([pattern]) => pattern.test(bytes))?.[1] ?? 'application/octet-stream'
}
