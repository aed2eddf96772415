import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../core/errors.ts'
import type { Dialect, Headers } from '../dialects/dialect.ts'

/** The dialect whose errors are written: the one that the headers show, else the one with the longest prefix. */
export function dialectOf(path: string, headers: Headers, dialects: readonly Dialect[]): Dialect {
  const claimed = dialects.find((dialect) => dialect.claims?.(headers, path))
  if (claimed !== undefined) return claimed
  const ranked = dialects
    .flatMap((dialect) => dialect.prefixes.map((prefix) => ({ dialect, prefix })))
    .filter(({ prefix }) => path.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)
  const best = ranked[0]?.dialect ?? dialects[0]
  if (best === undefined) throw new Error('there is no dialect')
  return best
}

/** Fastify's own errors in the gateway's words; everything else is left as it is. */
export function translateServerError(error: unknown, bodyLimit: number): unknown {
  if (error instanceof GatewayError || !(error instanceof Error) || !('code' in error)) return error
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError(
        'body_too_large',
        `the body is over the limit of ${bodyLimit} bytes (server.body_limit_bytes)`,
      )
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_CONTENT_TYPE':
      return new GatewayError('unsupported_media_type', 'send the body as content-type: application/json')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new GatewayError('invalid_request', 'the body is shorter or longer than its content-length says')
    case 'FST_ERR_BAD_URL':
      return new GatewayError('invalid_request', 'the URL is malformed')
    case 'ECONNRESET':
      return new GatewayError('cancelled', 'the client hung up while it sent its request')
    default:
      return error
  }
}

/** What Node's HTTP parser refuses before there is a request: status, code and sentence. */
export function parserRefusal(code: string | undefined): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('headers_too_large', 'the request headers are over the limit (server.header_limit_bytes)')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('client_timeout', 'the request was not complete in time (server.receive_timeout_seconds)')
    default:
      return new GatewayError('invalid_request', 'this is not a well-formed HTTP request')
  }
}

/** What is wrong with the head of a request that the parser let pass. */
export function refusalOfHead({ headers, httpVersion }: IncomingMessage): GatewayError | undefined {
  if (httpVersion !== '1.1') return undefined
  if (headers.host === undefined) return new GatewayError('invalid_request', 'the Host header is missing')
  if (headers.expect === undefined || headers.expect.toLowerCase() === '100-continue') return undefined
  return new GatewayError('expectation_failed', 'the Expect header may only be 100-continue: leave it out')
}
