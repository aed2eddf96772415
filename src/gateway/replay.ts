import type { CachedReply } from '../cache/exact-cache.ts'
import { deltasOf } from '../core/message-builder.ts'
import type { ContentDelta } from '../core/reply.ts'

/** A cached reply as a stream: it is all there, so it comes in few pieces. */
export function* replay({ choices }: CachedReply): Generator<ContentDelta> {
  for (const [index, choice] of choices.entries()) yield* deltasOf(choice, index)
}
