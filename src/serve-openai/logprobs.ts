import { z } from 'zod'
import type { TokenLogprob } from '../core/reply.ts'

const probability = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() }

export const logprobsReply = z
  .object({
    content: z.array(z.object({ ...probability, top_logprobs: z.array(z.object(probability)) })).nullable(),
    refusal: z.null(),
  })
  .nullable()

/** Of a chat completion; null where nobody asked, or nobody knows. */
export function chatLogprobs(tokens: readonly TokenLogprob[] | undefined): z.infer<typeof logprobsReply> {
  if (tokens === undefined || tokens.length === 0) return null
  const content = tokens.map(({ token, logprob, top = [] }) => ({
    ...withBytes({ token, logprob }),
    top_logprobs: top.map(withBytes),
  }))
  return { content, refusal: null }
}

/** A token may be a piece of a character, which only its bytes tell; those of a whole one are its UTF-8. */
function withBytes({ token, logprob }: Pick<TokenLogprob, 'token' | 'logprob'>) {
  return { token, logprob, bytes: token.includes('\ufffd') ? null : [...Buffer.from(token)] }
}

export const legacyLogprobsReply = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number()),
    top_logprobs: z.array(z.record(z.string(), z.number())),
    text_offset: z.array(z.int()),
  })
  .nullable()

/** Of a legacy completion; `offset` counts the characters of its text that came before the first of these tokens. */
export function legacyLogprobs(
  tokens: readonly TokenLogprob[] | undefined,
  offset: number,
): z.infer<typeof legacyLogprobsReply> {
  if (tokens === undefined || tokens.length === 0) return null
  let end = offset
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top = [] }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: tokens.map(({ token }) => {
      const start = end
      end += token.length
      return start
    }),
  }
}
