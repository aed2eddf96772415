import type { GatewayError } from '../core/errors.ts'
import { type ErrorGroup, errorGroup } from '../dialects/dialect.ts'

const errorTypes: Record<ErrorGroup, string> = {
  invalid: 'invalid_request_error',
  authentication: 'authentication_error',
  permission: 'permission_error',
  'not-found': 'invalid_request_error',
  'rate-limit': 'rate_limit_error',
  overloaded: 'server_error',
  server: 'server_error',
}

/** OpenAI's error object. */
export function openaiError(error: GatewayError, requestId: string): object {
  return {
    error: {
      message: error.message,
      type: errorTypes[errorGroup(error.code, openaiStatus(error))],
      param: error.field === undefined || error.field === '' ? null : error.field,
      code: openaiCode(error),
      request_id: requestId,
    },
  }
}

/** OpenAI answers 400 where a conversation does not fit its model. */
export function openaiStatus(error: GatewayError): number {
  return error.code === 'context_too_long' ? 400 : error.status
}

/** OpenAI's own words where clients act on them; else the gateway's. */
function openaiCode({ code, field }: GatewayError): string {
  if (code === 'context_too_long') return 'context_length_exceeded'
  return code === 'not_found' && field === 'model' ? 'model_not_found' : code
}
