import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Standing } from '../limits/limiter.ts'
import { LimitError, type Limits } from '../limits/limits.ts'

/** Counts the request, and gives its place back when its reply is over, however it ends. */
export async function enter(
  limits: Pick<Limits, 'enter'>,
  request: FastifyRequest,
  reply: FastifyReply,
  counts: boolean,
): Promise<void> {
  try {
    const { rate, leave } = await limits.enter(request.holder, request.ip, counts)
    if (rate !== undefined) reply.headers(headersOf(rate))
    // A client may have hung up while its limits were looked at.
    if (reply.raw.destroyed) leave()
    reply.raw.once('close', leave)
  } catch (error) {
    if (error instanceof LimitError && error.standing !== undefined) reply.headers(headersOf(error.standing))
    throw error
  }
}

/** As draft-ietf-httpapi-ratelimit-headers has them, now and in its earlier form, which more programs read. */
function headersOf({ limit, windowMs, remaining, resetMs }: Standing): Record<string, string | number> {
  const seconds = Math.ceil(resetMs / 1000)
  return {
    'ratelimit-limit': limit,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': seconds,
    'ratelimit-policy': `"requests";q=${limit};w=${windowMs / 1000}`,
    ratelimit: `"requests";r=${remaining};t=${seconds}`,
  }
}
