import { randomUUID } from 'node:crypto'
import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { answeringAttempt } from '../core/receipt.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Answered } from './answer.ts'
import { type Asking, ask } from './ask.ts'
import { grade } from './grade.ts'

export interface ShadowOptions extends Asking {
  /** Share of the local replies that ship which are compared, 0 to 1. */
  readonly share: number
  /** The most that comparisons may cost in a day (UTC), in dollars. */
  readonly dollarsPerDay: number
  /** The model that answers once more, where one is there: the one that the reply would have been passed on to. */
  readonly strongFor: (answered: Answered) => ModelCard | undefined
  /** The model that compares; the strong one where it is undefined. */
  readonly judge: ModelCard | undefined
  /** `claims` are the chances with which the reply shipped, `target` the quality that was asked for. */
  readonly learn: (label: Label, claims: Claims | undefined, target: number | undefined) => void
  readonly say: (message: string) => void
  readonly random?: () => number
  readonly now?: () => number
}

/** The chances with which a reply shipped. */
export interface Claims {
  readonly local: number
  readonly strong: number
}

/** Comparisons that wait or run; more are left out. */
const mostWaiting = 16
const longestComparisonMs = 180_000
const dayMs = 86_400_000

export interface Shadow {
  /** Perhaps compares the reply, later; never throws, never waits. */
  readonly consider: (answered: Answered) => void
  /** Resolves when nothing runs any more. */
  readonly idle: () => Promise<void>
  readonly close: () => void
}

/**
 * Compares a small share of the local replies that shipped with what the strong model says to the same request, off the
 * request's path. Chance chooses, so the outcome is an unbiased look at what routing loses.
 */
export function createShadow(options: ShadowOptions): Shadow {
  const { share, dollarsPerDay, random = Math.random, now = Date.now, say } = options
  const closing = new AbortController()
  let waiting = 0
  let last: Promise<void> = Promise.resolve()
  let day = 0
  let spent = 0
  let failing = false

  const hasMoney = () => {
    const today = Math.floor(now() / dayMs)
    if (today !== day) {
      day = today
      spent = 0
    }
    return spent < dollarsPerDay
  }

  const compare = async (answered: Answered, strong: ModelCard): Promise<void> => {
    const { request, decision, receipt, choices } = answered
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(longestComparisonMs)])
    const [local] = choices
    const judgement = answeringAttempt(receipt.attempts)?.judgement
    if (local === undefined || decision.assessment === undefined || !hasMoney()) return

    const again = await ask(asOwn(request, strong), strong, options, signal)
    spent += (again.cost ?? 0) / 1e9
    const judge = options.judge ?? strong
    const grades = await grade(
      { request, local, strong: again.choice, judge, localFirst: random() < 0.5 },
      options,
      signal,
    )
    spent += (grades?.cost ?? 0) / 1e9
    failing = false
    if (grades === undefined) return
    const { cell, difficulty, sketch } = decision.assessment.profile
    const label: Label = {
      id: `shadow:${receipt.rowId}`,
      at: now(),
      model: receipt.model,
      source: 'shadow',
      good: Number(grades.local),
      weight: 1,
      requestId: receipt.id,
      client: receipt.caller ?? '',
      cell,
      difficulty,
      sketch,
      ...(judgement !== undefined && { check: judgement.check }),
      strong: { model: strong.name, good: Number(grades.strong) },
    }
    const claimed = decision.assessment.chances.find((chance) => chance.model === strong.name)?.p
    const claims =
      judgement === undefined || claimed === undefined ? undefined : { local: judgement.p, strong: claimed }
    options.learn(label, claims, request.routing?.quality)
  }

  return {
    consider(answered) {
      if (share === 0 || waiting >= mostWaiting || closing.signal.aborted || !mayLeave(answered)) return
      if (random() >= share || !hasMoney()) return
      const strong = options.strongFor(answered)
      if (strong === undefined) return
      waiting++
      last = last
        .then(() => compare(answered, strong))
        .catch((error: unknown) => {
          if (!failing && !closing.signal.aborted) say(`a shadow comparison failed: ${messageOf(error)}`)
          failing = true
        })
        .finally(() => {
          waiting--
        })
    },
    async idle() {
      while (waiting > 0) await last
    },
    close: () => closing.abort(),
  }
}

/** A reply of a local model that routing chose, to a request whose words may leave the machine. */
function mayLeave({ request, decision, receipt }: Answered): boolean {
  return (
    receipt.backend === 'local' &&
    !decision.pinned &&
    decision.assessment?.rule !== 'tool-loop' &&
    request.routing?.mode !== 'local-only' &&
    (request.choices ?? 1) === 1
  )
}

/** The same question, without what is the client's own business. */
function asOwn(request: ChatRequest, strong: ModelCard): ChatRequest {
  const { client: _, logprobs: __, session: ___, ...rest } = request
  return { ...rest, id: randomUUID(), dialect: 'shadow', model: strong.name, stream: false, caching: 'off' }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
