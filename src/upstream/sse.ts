import { createParser } from 'eventsource-parser'
import { type UpstreamIdentity, upstreamError } from './errors.ts'

/** One event of a stream; `data` is as it came, not always JSON (OpenAI ends with `[DONE]`). */
export interface ServerEvent {
  /** `message` where the server did not name it. */
  readonly event: string
  readonly data: string
  /** The frame that it came in, with the blank line at its end: what a client of the same dialect shall get. */
  readonly frame: string
}

/** More than any sane server sends in one event or line; beyond it a reply is taken for broken. */
export const longestFrame = 16 * 1024 * 1024

/** The blank line between two frames. A carriage return at the very end may be half of a line break. */
const frameEnd = /\r?\n\r?\n|\r\r(?!\n|$)/g

/**
 * The events of a `text/event-stream` body. An event that the end of the stream cut off is dropped, as the standard
 * says: whether the reply was complete is for the caller to judge by its last event. Frames without data (comments)
 * are no events.
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  identity: UpstreamIdentity,
  maxLength: number = longestFrame,
): AsyncGenerator<ServerEvent> {
  let frame = ''
  let ready: ServerEvent[] = []
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent: ({ event, data }) => ready.push({ event: event ?? 'message', data, frame }),
    // All complaints are about fields that the standard tells us to ignore.
    onError: () => {},
  })

  // Pieces of the unfinished frame; joined once, so that a long frame in many chunks does not cost its square.
  let pending: string[] = []
  let pendingLength = 0
  for await (const chunk of body) {
    const text = (pending.length > 0 ? (pending.pop() ?? '') : '') + decoder.decode(chunk, { stream: true })
    let start = 0
    for (const end of text.matchAll(frameEnd)) {
      const stop = end.index + end[0].length
      frame = pending.join('') + text.slice(start, stop)
      pending = []
      pendingLength = 0
      start = stop
      parser.feed(frame)
      const events = ready
      ready = []
      yield* events
    }
    // A short tail stays apart, since the blank line may be split between two chunks.
    const rest = text.slice(start)
    const tail = Math.max(0, rest.length - 4)
    if (tail > 0) pending.push(rest.slice(0, tail))
    pending.push(rest.slice(tail))
    pendingLength = pending.length > 512 ? joinPending() : pendingLength + tail
    if (pendingLength > maxLength) {
      throw upstreamError(identity, 'upstream_failed', `sent an event of more than ${maxLength} characters`)
    }
  }

  function joinPending(): number {
    const tail = pending.pop() ?? ''
    const joined = pending.join('')
    pending = [joined, tail]
    return joined.length
  }
}
