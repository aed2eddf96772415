import { createHash, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Checks the key of a request against the configured ones, in constant time. Without any, everybody may pass. */
export class KeyCheck {
  readonly #digests: readonly Buffer[]

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest)
  }

  /** A name for the client that holds no part of its key; undefined where no keys are in use. */
  check(headers: Headers): string | undefined {
    if (this.#digests.length === 0) return undefined
    const given = keysOf(headers)
    if (given.length === 0) {
      const message = 'this gateway needs a key: send it as Authorization: Bearer KEY, or as x-api-key'
      throw new GatewayError('unauthorized', message)
    }
    for (const key of given) {
      const sent = digest(key)
      // All are compared, so that the time does not tell which one is near.
      const matches = this.#digests.filter((known) => timingSafeEqual(known, sent))
      if (matches.length > 0) return sent.toString('hex').slice(0, 16)
    }
    throw new GatewayError('unauthorized', 'the key is not one of this gateway')
  }
}

/** Some clients send their key in several headers, and not always the same one. */
function keysOf(headers: Headers): readonly string[] {
  const bearer = /^bearer +(\S+)$/i.exec(String(headers.authorization ?? ''))?.[1]
  const given = [bearer, headers['x-api-key'], headers['api-key']]
  return given.filter((key): key is string => typeof key === 'string' && key !== '')
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
