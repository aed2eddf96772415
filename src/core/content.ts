/** Where the bytes of an image, a document or a sound are. */
export type MediaSource =
  /** `mediaType` as `image/png`; `data` in base64, without a `data:` prefix. */
  | { readonly kind: 'data'; readonly mediaType: string; readonly data: string }
  | { readonly kind: 'url'; readonly url: string }

export interface TextPart {
  readonly type: 'text'
  readonly text: string
  /** Where the caller marked the end of a prefix that its vendor's prompt cache shall keep: the mark, as it came. */
  readonly cacheMark?: unknown
}

export interface ImagePart {
  readonly type: 'image'
  readonly source: MediaSource
  readonly detail?: 'auto' | 'low' | 'high' | 'original'
}

/** A document (PDF, plain text) or a sound; `source.mediaType` tells which. */
export interface FilePart {
  readonly type: 'file'
  readonly source: MediaSource
  readonly name?: string
}

/** What the model thought. Vendors that sign it take it back only with its signature. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  /** Empty where the vendor shows nothing of it. */
  readonly text: string
  readonly signature?: string
  /** The vendor's own encrypted form, where it sends that instead of text. */
  readonly redacted?: string
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  /** Names the call within its conversation; its result refers to it. */
  readonly id: string
  readonly name: string
  /** JSON text of an object, as the model wrote it: a broken one is the caller's to judge. */
  readonly arguments: string
}

export interface ToolResultPart {
  readonly type: 'tool-result'
  readonly callId: string
  /** Of the tool; empty where the dialect does not repeat it. */
  readonly name: string
  readonly content: readonly (TextPart | ImagePart | FilePart)[]
  readonly isError: boolean
}

/** A piece that only its own dialect understands. A model of another dialect never sees it, and the caller is told. */
export interface OpaquePart {
  readonly type: 'opaque'
  /** What the dialect calls it, as `server_tool_use`; for messages. */
  readonly kind: string
}

export type ContentPart = TextPart | ImagePart | FilePart | ReasoningPart | ToolCallPart | ToolResultPart | OpaquePart

/** What a model's message is made of. */
export type OutputPart = TextPart | ReasoningPart | ToolCallPart

/** The text parts, joined; everything else is left out. */
export function joinText(content: readonly { readonly type: string }[]): string {
  return content.map((part) => (isText(part) ? part.text : '')).join('')
}

export function isText(part: { readonly type: string }): part is TextPart {
  return part.type === 'text'
}
