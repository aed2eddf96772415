import type { FastifyInstance, FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import { parseJsonBody, unpack } from './json-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, unpacked; empty where there is none. */
    bodyText: string
  }
}

/** JSON is all that is read, packed or not; `request.bodyText` keeps it as it came. */
export function addBodyParsers(app: FastifyInstance, limitBytes: number): void {
  app.removeAllContentTypeParsers()
  app.decorateRequest('bodyText', '')
  const readJson = async (request: FastifyRequest, body: Buffer) => {
    const encoding = String(request.headers['content-encoding'] ?? '')
    const { value, text } = parseJsonBody(await unpack(body, encoding, limitBytes))
    request.bodyText = text
    return value
  }
  app.addContentTypeParser(/^application\/(?:[\w.-]+\+)?json\b/i, { parseAs: 'buffer' }, readJson)
  // What `curl -d` says of its JSON. A web page may say so without asking anybody, but then its origin is named.
  app.addContentTypeParser(
    /^application\/x-www-form-urlencoded\b/i,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      const { origin, 'sec-fetch-site': site } = request.headers
      if (origin === undefined && site === undefined) return readJson(request, body)
      throw new GatewayError('unsupported_media_type', 'send the body as content-type: application/json')
    },
  )
}
