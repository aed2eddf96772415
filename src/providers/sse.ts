import { createParser } from 'eventsource-parser'
import { type UpstreamIdentity, upstreamError } from './upstream-errors.ts'

/** One event of a stream; `data` is as it came, not always JSON (OpenAI ends with `[DONE]`). */
export interface ServerEvent {
  /** `message` where the server did not name it. */
  readonly event: string
  readonly data: string
}

/** More than any sane server sends in one event or line; beyond it a reply is taken for broken. */
export const longestFrame = 16 * 1024 * 1024

/**
 * The events of a `text/event-stream` body. An event that the end of the stream cut off is dropped, as the standard
 * says: whether the reply was complete is for the caller to judge by its last event.
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  identity: UpstreamIdentity,
  maxLength: number = longestFrame,
): AsyncGenerator<ServerEvent> {
  let ready: ServerEvent[] = []
  let overflow = false
  const decoder = new TextDecoder()
  const parser = createParser({
    maxBufferSize: maxLength,
    onEvent: ({ event, data }) => ready.push({ event: event ?? 'message', data }),
    onError: (error) => {
      // All other complaints are about fields that the standard tells us to ignore.
      if (error.type === 'max-buffer-size-exceeded') overflow = true
    },
  })

  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    const events = ready
    ready = []
    yield* events
    if (overflow) throw upstreamError(identity, 'upstream_failed', `sent an event of more than ${maxLength} characters`)
  }
}
