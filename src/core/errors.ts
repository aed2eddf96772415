/**
 * Every way in which a request can fail, with the HTTP status that the caller sees and whether another model may be
 * tried for the same request. A code without both does not compile; `docs/errors.md` is generated from this table.
 */
export const errorTable = {
  invalid_request: { status: 400, retryable: false, meaning: 'A field is missing, empty or of the wrong type.' },
  unsupported: { status: 400, retryable: false, meaning: 'The request asks for something the gateway cannot do.' },
  upstream_rejected: { status: 400, retryable: false, meaning: 'The model server refused this request as invalid.' },
  unauthorized: { status: 401, retryable: false, meaning: 'The gateway key is missing or wrong.' },
  budget_spent: { status: 402, retryable: false, meaning: 'The budget that pays for this request is spent.' },
  forbidden: { status: 403, retryable: false, meaning: 'The gateway key does not allow this.' },
  not_found: { status: 404, retryable: false, meaning: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, retryable: false, meaning: 'The path exists, but not for this HTTP method.' },
  client_timeout: { status: 408, retryable: false, meaning: 'The client took too long to send its request.' },
  body_too_large: { status: 413, retryable: false, meaning: 'The request body is over the configured limit.' },
  prompt_too_long: { status: 413, retryable: false, meaning: 'The prompt is over the configured limit.' },
  context_too_long: {
    status: 413,
    retryable: true,
    meaning: 'The conversation does not fit the context of the model.',
  },
  uri_too_long: { status: 414, retryable: false, meaning: 'The URL is too long.' },
  unsupported_media_type: { status: 415, retryable: false, meaning: 'The body is not application/json.' },
  expectation_failed: { status: 417, retryable: false, meaning: 'The Expect header asks for something unknown.' },
  unknown_model: { status: 422, retryable: false, meaning: 'No model of this name is configured.' },
  rate_limited: { status: 429, retryable: false, meaning: 'The client sends more requests than it may.' },
  upstream_rate_limited: { status: 429, retryable: true, meaning: 'The model server limits our rate.' },
  headers_too_large: { status: 431, retryable: false, meaning: 'The request headers are over the limit.' },
  cancelled: { status: 499, retryable: false, meaning: 'The client hung up before the answer was complete.' },
  internal: { status: 500, retryable: false, meaning: 'A fault of the gateway; the log has the story under the id.' },
  upstream_failed: { status: 502, retryable: true, meaning: 'The model server failed or sent what is no reply.' },
  upstream_cut: { status: 502, retryable: true, meaning: 'The model server ended its reply before it was complete.' },
  upstream_unreachable: { status: 502, retryable: true, meaning: 'The model server could not be reached.' },
  upstream_unauthorized: { status: 502, retryable: true, meaning: 'The model server refused the configured API key.' },
  no_model_available: { status: 503, retryable: false, meaning: 'No configured model can answer at the moment.' },
  model_unavailable: { status: 503, retryable: true, meaning: 'This model cannot answer at the moment.' },
  model_busy: { status: 503, retryable: true, meaning: 'The queue of this model is full.' },
  upstream_overloaded: { status: 503, retryable: true, meaning: 'The model server says that it is overloaded.' },
  shutting_down: { status: 503, retryable: false, meaning: 'The gateway is stopping.' },
  ledger_unavailable: { status: 503, retryable: false, meaning: 'The ledger cannot be written and is required.' },
  upstream_timeout: { status: 504, retryable: true, meaning: 'The model server took too long.' },
} as const satisfies Record<string, { status: number; retryable: boolean; meaning: string }>

export type ErrorCode = keyof typeof errorTable

/** What a model server answered instead of a reply, for clients that speak its dialect. Holds no secret. */
export interface UpstreamAnswer {
  readonly dialect: string
  readonly status: number
  readonly body: string
}

export interface GatewayErrorOptions {
  readonly cause?: unknown
  /** The server's own words, where a client of the same dialect would understand them. */
  readonly upstream?: UpstreamAnswer
  /** The frame of a stream in which the server said so, for clients that were reading that stream as it came. */
  readonly frame?: string
  /** Seconds after which the caller may try again; becomes the `Retry-After` header. */
  readonly retryAfterSeconds?: number
  /** True where the server said no before it did any work: nothing was charged, and it can be asked again. */
  readonly refused?: boolean
  /** The field of the request that is wrong, as the caller wrote it (`messages[2].role`). */
  readonly field?: string
}

/** The only error that crosses a room. Its message is written for the caller: what is wrong, and the way out. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly retryAfterSeconds: number | undefined
  readonly field: string | undefined
  readonly upstream: UpstreamAnswer | undefined
  readonly frame: string | undefined
  readonly refused: boolean

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
    this.field = options.field
    this.upstream = options.upstream
    this.frame = options.frame
    this.refused = options.refused ?? false
  }

  get status(): number {
    return errorTable[this.code].status
  }

  /** True where another model may be tried for the same request. */
  get retryable(): boolean {
    return errorTable[this.code].retryable
  }
}

/** What is not a `GatewayError` is our own fault: the caller gets a plain sentence, the log gets the cause. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError('internal', 'The gateway failed on this request. The log has the details under its id.', {
    cause: error,
  })
}
