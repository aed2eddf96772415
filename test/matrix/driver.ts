/** Where a client is pointed, and how it asks. */
export interface Place {
  /** Of the gateway, without a path. */
  readonly url: string
  readonly key: string
  readonly model: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** Longest reply, in tokens. */
  readonly maxTokens: number
  /** `required` for models that are too small to call tools of their own accord. */
  readonly firstChoice: 'auto' | 'required'
}

export interface Call {
  readonly name: string
  readonly arguments: unknown
}

/** An error as its client shows it: the name of its class, the HTTP status, the message. */
export interface Refusal {
  readonly error: string
  readonly status: number | undefined
  readonly message: string
}

/** One client at one place. Each function is a real call; what came is returned as the client gave it, errors are thrown. */
export interface Driver {
  readonly plain: (text: string) => Promise<string>
  /** The pieces of the text as they came. */
  readonly stream: (text: string) => Promise<readonly string[]>
  /** The calls of one reply: the client insists on them where its API can. */
  readonly tools: (text: string) => Promise<readonly Call[]>
  /** Calls, results and the last text, until the model calls no more. */
  readonly toolLoop: (text: string) => Promise<{ readonly calls: readonly Call[]; readonly text: string }>
  readonly jsonSchema: (text: string) => Promise<unknown>
  readonly image: (text: string) => Promise<string>
  /** Absent where the client has no such API. */
  readonly embeddings?: (texts: readonly string[]) => Promise<readonly (readonly number[])[]>
  /** A request with `top_p` or `temperature` out of its range. */
  readonly badField: (text: string) => Promise<unknown>
  /** Hangs up after the first piece of a stream. Settles when the client is done with it, with or without an error. */
  readonly abortStream: (text: string) => Promise<unknown>
  /** Begins a call that is not streamed, and hangs up when the signal says so. */
  readonly abortWhole: (text: string, signal: AbortSignal) => Promise<unknown>
}

/** A client whose runs `drivenClient` makes and asserts. */
export interface Client {
  readonly name: string
  /** Absent where the machine's own program is used. */
  readonly version?: string
  /** How it is pointed at the gateway, as one line of code. */
  readonly code: string
  /** Class of the error and status: for an unknown model, a bad field and a wrong key. */
  readonly errors: Readonly<Record<'model' | 'field' | 'key', readonly [error: string, status: number]>>
  /** Undefined for an error that is none of the client's own. */
  readonly refusalOf: (error: unknown) => Refusal | undefined
  readonly open: (place: Place) => Driver
}

export const question = 'What is the capital of France?'

/** 1 x 1 pixel, 70 bytes. */
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

export const weatherSchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Paris', 'Rome'] } },
  required: ['city'],
  additionalProperties: false,
} as const

export const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  schema: weatherSchema,
  result: 'sunny, 21 degrees',
} as const

/** What replies are held to. */
export const answerSchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Paris', 'Rome'] }, capital: { type: 'boolean' } },
  required: ['city', 'capital'],
  additionalProperties: false,
} as const

/** A model that goes on calling is no loop that ends. */
export const mostTurns = 4

export function parsed(json: string): unknown {
  return JSON.parse(json)
}

/** The refusal in an error that has a status, as most clients' have; undefined for any other. */
export function refusalWithStatus(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined
  return { error: error.constructor.name, status: Number(error.status), message: error.message }
}
