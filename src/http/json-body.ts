import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../core/errors.ts'

const deepest = 64

/** Bytes of a request body as a value. Throws `invalid_request` for what is not plain, moderately nested JSON. */
export function parseJsonBody(bytes: Buffer, encoding = 'identity'): unknown {
  if (encoding.toLowerCase() !== 'identity') {
    const message = `content-encoding '${encoding.slice(0, 50)}' is not supported: send the body as it is`
    throw new GatewayError('unsupported_media_type', message)
  }
  if (bytes.length === 0) throw new GatewayError('invalid_request', 'the body is empty: send a JSON object')
  if (!isUtf8(bytes)) throw new GatewayError('invalid_request', 'the body is not valid UTF-8')

  const text = bytes.toString('utf8')
  if (isTooDeep(text)) throw new GatewayError('invalid_request', `the body is nested deeper than ${deepest} levels`)
  try {
    return JSON.parse(text, dropPrototype)
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
