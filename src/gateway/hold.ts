import { isContent, type ReplyPart } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'

export interface HeldReply {
  /** What the provider could not do, as far as it said so before the first content. */
  readonly warnings: readonly string[]
  /** Present where the reply comes in the client's own dialect: headers of the server for the client. */
  readonly opened: Readonly<Record<string, string>> | undefined
  /** What the prompt used, where the server says so at once. */
  readonly usage: Usage | undefined
  /** The whole reply from its first part on, warnings and `opened` left out. */
  readonly parts: AsyncIterable<ReplyPart>
}

/**
 * Waits for the first content of a reply. A model server that says 200 and then "overloaded" fails here, while nothing
 * has been sent to the client and the next model can still be tried.
 */
export async function holdUntilContent(reply: AsyncIterable<ReplyPart>): Promise<HeldReply> {
  const iterator = reply[Symbol.asyncIterator]()
  const warnings: string[] = []
  const held: ReplyPart[] = []
  let opened: HeldReply['opened']
  let usage: Usage | undefined

  for (;;) {
    const next = await iterator.next()
    if (next.done) return { warnings, opened, usage, parts: resume(held, iterator) }
    const part = next.value
    if (part.type === 'warning') warnings.push(part.message)
    else if (part.type === 'opened') opened = part.headers
    else held.push(part)
    if (part.type === 'usage') usage = part.usage
    if (saysSomething(part)) return { warnings, opened, usage, parts: resume(held, iterator) }
  }
}

function saysSomething(part: ReplyPart): boolean {
  if (part.type === 'text-delta' || part.type === 'reasoning-delta') return part.text !== ''
  return isContent(part) || part.type === 'opaque' || part.type === 'finish'
}

export async function* resume(
  first: readonly ReplyPart[],
  iterator: AsyncIterator<ReplyPart>,
): AsyncGenerator<ReplyPart> {
  try {
    yield* first
    for (;;) {
      const next = await iterator.next()
      if (next.done) return
      yield next.value
    }
  } finally {
    // The consumer may stop early: the provider must hear of it, to cancel its work.
    await iterator.return?.()
  }
}
