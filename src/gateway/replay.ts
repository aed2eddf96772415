import type { CachedReply } from '../cache/exact-cache.ts'
import type { ReplyPart } from '../core/reply.ts'

/** A cached reply as a stream: it is all there, so it comes in one piece. */
export function* replay(reply: CachedReply): Generator<Extract<ReplyPart, { type: 'text-delta' | 'reasoning-delta' }>> {
  if (reply.reasoning !== '') yield { type: 'reasoning-delta', text: reply.reasoning }
  if (reply.text !== '') yield { type: 'text-delta', text: reply.text }
}
