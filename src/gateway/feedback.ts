import { GatewayError } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import { answeringAttempt, type Receipt } from '../core/receipt.ts'

export interface Feedback {
  readonly requestId: string
  readonly verdict: 'good' | 'bad' | 'regenerated'
  /** `validator`: a program looked at the reply; `user`: a person did. */
  readonly from: 'user' | 'validator'
  /** Digest of the key that says so; empty where there are no keys. */
  readonly caller: string
}

export interface FeedbackRooms {
  readonly find: (requestId: string) => Promise<Receipt | undefined>
  /** How many replies a caller has judged since a time. */
  readonly given: (caller: string, since: number) => Promise<number>
  /** Says as what it counts: with less weight, or none, where the caller has said much of such requests. */
  readonly learn: (label: Label) => Label
  readonly perDay: number
  readonly now?: () => number
}

const dayMs = 86_400_000
/** Whoever asks again did not like what came; perhaps it was only to see another one. */
const regeneratedWeight = 0.5
/** Where nobody needs a key, anybody on this machine may say anything. */
const keylessWeight = 0.5

/** Takes a caller's word on a reply that it got; what it counts as. Throws `not_found`, `forbidden`, `rate_limited` or `unsupported`. */
export async function giveFeedback(feedback: Feedback, rooms: FeedbackRooms): Promise<Label> {
  const { requestId, verdict, from, caller } = feedback
  const { find, given, learn, perDay, now = Date.now } = rooms
  const receipt = await find(requestId)
  if (receipt === undefined) {
    throw new GatewayError(
      'not_found',
      `no request '${requestId.slice(0, 100)}' is in the ledger: send the request_id of a reply`,
      {
        field: 'request_id',
      },
    )
  }
  if ((receipt.caller ?? '') !== caller) {
    throw new GatewayError('forbidden', 'this request was made with another key', { field: 'request_id' })
  }
  const { assessment } = receipt
  const attempt = answeringAttempt(receipt.attempts)
  if (receipt.status !== 'answered') throw nothingToLearn('it was not answered')
  if (assessment === undefined) throw nothingToLearn('it was decided by the heuristic (router.strategy)')
  // The reply belongs to the request that it was made for: who got it there can judge it.
  if (attempt === undefined) throw nothingToLearn('it was answered from the cache')
  if ((await given(caller, now() - dayMs)) >= perDay) {
    throw new GatewayError('rate_limited', `${perDay} judgements a day count (router.learning.feedback_per_day)`, {
      retryAfterSeconds: 3600,
    })
  }
  const { cell, difficulty, sketch } = assessment.profile
  const weight = (verdict === 'regenerated' ? regeneratedWeight : 1) * (caller === '' ? keylessWeight : 1)
  const label: Label = {
    // One judgement of one caller on one request: a later one replaces it.
    id: `feedback:${receipt.rowId}`,
    at: now(),
    model: attempt.model,
    source: from === 'validator' ? 'validator' : verdict === 'regenerated' ? 'regenerated' : 'feedback',
    good: Number(verdict === 'good'),
    weight,
    requestId,
    client: caller,
    cell,
    difficulty,
    sketch,
    ...(attempt.judgement !== undefined && { check: attempt.judgement.check }),
  }
  return learn(label)
}

function nothingToLearn(why: string): GatewayError {
  return new GatewayError('unsupported', `nothing can be learned from this request: ${why}`, { field: 'request_id' })
}
