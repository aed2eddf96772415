import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { GatewayError } from '../core/errors.ts'

const deepest = 64

const decoders: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
}

export interface JsonBody {
  readonly value: unknown
  /** As it came, unpacked. */
  readonly text: string
}

/** Undoes the `content-encoding` of a body. What it unpacks to is bounded like what comes as it is. */
export async function unpack(bytes: Buffer, encoding: string, limitBytes: number): Promise<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (name === '' || name === 'identity') return bytes
  const decode = Object.hasOwn(decoders, name) ? decoders[name] : undefined
  if (decode === undefined) {
    const known = Object.keys(decoders).join(', ')
    const message = `content-encoding '${encoding.slice(0, 50)}' is not supported: send the body as it is, or as ${known}`
    throw new GatewayError('unsupported_media_type', message)
  }
  try {
    return await decode(bytes, { maxOutputLength: limitBytes })
  } catch (error) {
    if (error instanceof RangeError) {
      const message = `the unpacked body is over the limit of ${limitBytes} bytes (server.body_limit_bytes)`
      throw new GatewayError('body_too_large', message)
    }
    throw new GatewayError('invalid_request', `the body is not valid ${name}`, { cause: error })
  }
}

/** Bytes of a request body as a value. Throws `invalid_request` for what is not plain, moderately nested JSON. */
export function parseJsonBody(bytes: Buffer): JsonBody {
  if (bytes.length === 0) throw new GatewayError('invalid_request', 'the body is empty: send a JSON object')
  if (!isUtf8(bytes)) throw new GatewayError('invalid_request', 'the body is not valid UTF-8')

  const text = bytes.toString('utf8')
  if (isTooDeep(text)) throw new GatewayError('invalid_request', `the body is nested deeper than ${deepest} levels`)
  try {
    return { value: JSON.parse(text, /__proto__|\\u/.test(text) ? dropPrototype : undefined), text }
  } catch (error) {
    const detail = error instanceof SyntaxError ? `: ${plain(error.message)}` : ''
    throw new GatewayError('invalid_request', `the body is not valid JSON${detail}`, { cause: error })
  }
}

/** A key `__proto__` would reach the prototype of whatever the value is copied into. */
function dropPrototype(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}

/** Without the piece of the body that the engine quotes. */
function plain(message: string): string {
  return message.replace(/,?\s*"[\s\S]*$/, '').replace(/^Unexpected token .*$/, 'unexpected character')
}

function isTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index)
    if (inString) {
      if (character === 0x5c) index++
      else if (character === 0x22) inString = false
    } else if (character === 0x22) inString = true
    else if (character === 0x7b || character === 0x5b) {
      depth++
      if (depth > deepest) return true
    } else if (character === 0x7d || character === 0x5d) depth--
  }
  return false
}
