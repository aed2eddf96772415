import type { ErrorCode, GatewayError } from '../core/errors.ts'
import { threadField } from './thread.ts'

/** The statuses that Anthropic documents, where the gateway's own table has another one. */
const statuses: Partial<Record<ErrorCode, number>> = {
  context_too_long: 400,
  unknown_model: 404,
  // Full for the moment, so that clients come back; a server that is not there at all stays at 503.
  model_busy: 529,
  upstream_overloaded: 529,
}

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** The status of an error in Anthropic's API. */
export function anthropicStatus(error: GatewayError): number {
  return statuses[error.code] ?? error.status
}

/** Anthropic's error object; the same in a body and in a stream's `error` event. */
export function anthropicError(error: GatewayError, requestId: string) {
  const status = anthropicStatus(error)
  return {
    type: 'error',
    error: {
      type: types[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error'),
      message: messageOf(error),
      ...(error.code === 'not_found' && error.field === threadField && { details: { error_code: 'thread_not_found' } }),
    },
    request_id: requestId,
  }
}

/** Coding agents shorten their conversation when they read these words, and give up on any others. */
function messageOf({ code, message }: GatewayError): string {
  return code === 'context_too_long' ? `prompt is too long: ${message}` : message
}
