import { checkBody } from '../dialects/check.ts'
import type { GivenFeedback } from '../dialects/dialect.ts'
import { feedbackBody } from './schemas.ts'

/** Throws `invalid_request` with the field that is wrong. */
export function parseFeedback(body: unknown): GivenFeedback {
  const { request_id: requestId, verdict, from } = checkBody(feedbackBody, body)
  return { requestId, verdict, from }
}
