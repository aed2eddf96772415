import type { ReplyPart } from '../core/reply.ts'

type ContentPart = Extract<ReplyPart, { type: 'text-delta' | 'reasoning-delta' }>

export interface HeldReply {
  /** What the provider could not do, as far as it said so before the first content. */
  readonly warnings: readonly string[]
  /** The whole reply from its first content on. */
  readonly parts: AsyncIterable<ReplyPart>
}

/**
 * Waits for the first content of a reply. A model server that says 200 and then "overloaded" fails here, while nothing
 * has been sent to the client and the next model can still be tried.
 */
export async function holdUntilContent(reply: AsyncIterable<ReplyPart>): Promise<HeldReply> {
  const iterator = reply[Symbol.asyncIterator]()
  const warnings: string[] = []

  for (;;) {
    const next = await iterator.next()
    if (next.done) return { warnings, parts: resume([], iterator) }
    const part = next.value
    if (part.type === 'warning') warnings.push(part.message)
    if (isContent(part) || part.type === 'finish') return { warnings, parts: resume([part], iterator) }
  }
}

function isContent(part: ReplyPart): part is ContentPart {
  return (part.type === 'text-delta' || part.type === 'reasoning-delta') && part.text !== ''
}

async function* resume(first: readonly ReplyPart[], iterator: AsyncIterator<ReplyPart>): AsyncGenerator<ReplyPart> {
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
