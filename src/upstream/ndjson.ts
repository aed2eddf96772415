import { parseRecord, type UpstreamIdentity, upstreamError } from './errors.ts'
import { longestFrame } from './sse.ts'

export interface ReadLine {
  readonly fields: Readonly<Record<string, unknown>>
  /** As it came, with its line break: what a client of the same dialect shall get. */
  readonly text: string
}

/** The objects of a body that holds one JSON object a line. A last line without its line break counts when it parses. */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  identity: UpstreamIdentity,
  maxLength: number = longestFrame,
): AsyncGenerator<ReadLine> {
  const decoder = new TextDecoder()
  // Fragments of the unfinished line; joined once, so that a long line in many chunks does not cost its square.
  let pending: string[] = []
  let pendingLength = 0

  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true })
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = pending.join('') + text.slice(start, end + 1)
      pending = []
      pendingLength = 0
      start = end + 1
      if (line.trim() !== '') yield { fields: parseRecord(line, identity), text: line }
    }
    pending.push(text.slice(start))
    pendingLength += text.length - start
    if (pendingLength > maxLength) {
      throw upstreamError(identity, 'upstream_failed', `sent a line of more than ${maxLength} characters`)
    }
  }

  const last = pending.join('') + decoder.decode()
  if (last.trim() === '') return
  yield { fields: parseLast(last, identity), text: last }
}

/** A line that is cut in the middle means a cut reply, not a server that cannot write JSON. */
function parseLast(line: string, identity: UpstreamIdentity): Readonly<Record<string, unknown>> {
  try {
    return parseRecord(line, identity)
  } catch (error) {
    throw upstreamError(identity, 'upstream_cut', 'closed the connection in the middle of a line', { cause: error })
  }
}
