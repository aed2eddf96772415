import type { Usage } from './usage.ts'

/**
 * Why a reply ended: it was complete, it hit the token limit, the model refused or the vendor's filter stopped it, or
 * the model waits for the results of the tools that it called.
 */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls'

/** One token of a reply and the natural logarithm of the probability that the model gave it. */
export interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  /** The likeliest tokens at this place, where they were asked for. */
  readonly top?: readonly { readonly token: string; readonly logprob: number }[]
}

/** Content of a reply as it comes. `choice` counts the replies from 0 where several were asked for; absent is 0. */
export type ContentDelta =
  | {
      readonly type: 'text-delta'
      readonly text: string
      /** Of the tokens that `text` is made of, where the server tells. */
      readonly logprobs?: readonly TokenLogprob[]
      readonly choice?: number
    }
  | { readonly type: 'reasoning-delta'; readonly text: string; readonly choice?: number }
  /** Ends a piece of reasoning: what its vendor must get back with it. */
  | { readonly type: 'reasoning-signature'; readonly signature: string; readonly choice?: number }
  /** A whole piece of reasoning in its vendor's encrypted form. */
  | { readonly type: 'reasoning-redacted'; readonly data: string; readonly choice?: number }
  /** Begins a tool call; `index` counts the calls of this choice from 0. */
  | {
      readonly type: 'tool-call'
      readonly index: number
      readonly id: string
      readonly name: string
      readonly choice?: number
    }
  /** More of the arguments of the call `index`: a fragment of JSON text. */
  | {
      readonly type: 'tool-call-delta'
      readonly index: number
      readonly arguments: string
      readonly choice?: number
    }

/**
 * What a provider yields: perhaps one `opened`; then any number of `warning`, `usage`, `native`, `opaque` and content;
 * then exactly one `finish`. A reply that ends without `finish` was cut and is an error.
 */
export type ReplyPart =
  | ContentDelta
  /**
   * The server speaks the client's dialect: `native` parts will hold the whole reply as it came, beside the parts that
   * say what it means. `headers` are those of the server that mean something to the client.
   */
  | { readonly type: 'opened'; readonly headers: Readonly<Record<string, string>> }
  /** A frame of the stream, or the whole body, exactly as the client shall get it. */
  | { readonly type: 'native'; readonly text: string }
  /** The reply holds something that only its native form can carry (`server_tool_use`, citations). */
  | { readonly type: 'opaque'; readonly kind: string }
  /** What has been used so far; each one replaces the one before. Lets a cut or cancelled reply be billed. */
  | { readonly type: 'usage'; readonly usage: Usage }
  /** Something of the request that the provider could not do, in words for the caller. */
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'finish'
      /** Of the first choice. */
      readonly reason: FinishReason
      /** Of all choices, where there are several. */
      readonly reasons?: readonly FinishReason[]
      /** The stop sequence that ended it, where the server tells. */
      readonly stopSequence?: string
      /** Undefined where the server does not count; the gateway then estimates and says so. */
      readonly usage: Usage | undefined
    }

export type Finish = Extract<ReplyPart, { type: 'finish' }>

const contentTypes: ReadonlySet<string> = new Set([
  'text-delta',
  'reasoning-delta',
  'reasoning-signature',
  'reasoning-redacted',
  'tool-call',
  'tool-call-delta',
] satisfies ContentDelta['type'][])

export function isContent(part: { readonly type: string }): part is ContentDelta {
  return contentTypes.has(part.type)
}
