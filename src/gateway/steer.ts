import { createHash } from 'node:crypto'
import { checkReply } from '../check/check.ts'
import type { Attempt } from '../core/decision.ts'
import type { Label, Profile } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { costOf, toDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens, textOf } from '../core/request.ts'
import { noUsage, outputTokens } from '../core/usage.ts'
import type { Evidence } from '../evidence/evidence.ts'
import type { Option, Policy } from '../policy/policy.ts'
import { Sessions, switchCost } from '../policy/sessions.ts'
import type { Notes } from '../redis/notes.ts'
import type { Steering, Weighed } from '../router/steering.ts'
import type { Answered } from './answer.ts'
import type { Asking } from './ask.ts'
import type { LookTwo } from './look-two.ts'
import { selfCheck } from './self-check.ts'
import type { Claims, Shadow } from './shadow.ts'
import type { Pacing } from './spending.ts'

export interface SteerOptions {
  readonly evidence: Evidence
  readonly policy: Policy
  readonly expectedOutputTokens: number
  readonly check: {
    readonly enabled: boolean
    readonly hold_tokens: number
    readonly hold_seconds: number
    readonly self_check: readonly string[]
  }
  readonly asking: Asking
  readonly shadow: Shadow
  /** Where conversations are told to other gateways; undefined where there are none. */
  readonly notes: Notes | undefined
  readonly say: (level: 'info' | 'warn', message: string) => void
}

export interface Steer {
  readonly steering: Steering
  readonly lookTwo: LookTwo
  readonly pacing: Pacing
  readonly follow: (answered: Answered) => void
  /** Asks other gateways where a conversation was last, where they can be asked. */
  readonly look: (request: ChatRequest) => Promise<void>
}

/** A reply is not expected to be longer than this where nobody says; what it may cost at most is reserved. */
const longestReserved = 4096
/** As far as look 1's word on a single request goes, in logits. */
const mostDifficulty = 1

/** Evidence and policy, as router, relay and ledger see them. */
export function createSteer(options: SteerOptions): Steer {
  const { evidence, policy, check, asking, shadow, say } = options
  const sessions = new Sessions(Date.now, options.notes)

  const optionOf = ({ model, cost, chance }: Weighed, request: ChatRequest): Option => ({
    name: model.name,
    backend: model.backend,
    chance,
    dollars: cost === undefined ? undefined : toDollars(cost),
    tokens: Math.min(request.maxTokens ?? options.expectedOutputTokens, options.expectedOutputTokens),
  })
  const judges = (model: ModelCard) => check.enabled && model.backend === 'local'

  const steering: Steering = {
    chance: (model, profile) => evidence.chance(model, profile),
    judges,
    threshold: ({ request, profile, candidate, strong }) =>
      policy.bound({
        caller: request.caller ?? '',
        wish: request.routing,
        candidate: { ...optionOf(candidate, request), hope: hopeOf(evidence, candidate.model, profile) },
        strong: optionOf(strong, request),
        judged: judges(candidate.model),
      }),
    ban: ({ model, cost }, request) => {
      if (model.backend === 'local' && (cost ?? 0) === 0) return undefined
      return policy.ban(request.caller ?? '', request.routing, cost === undefined ? undefined : toDollars(cost))
    },
    stay(request, profile, weighed) {
      // Two conversations may begin with the same words.
      if (request.session === undefined && profile.cell.turn === 'first') return undefined
      const key = sessionOf(request)
      const last = key === undefined ? undefined : sessions.last(key)
      const before = weighed.find(({ model }) => model.name === last?.model)
      if (last === undefined || before === undefined) return undefined
      return stayWith(before, last, weighed)
    },
  }

  const lookTwo: LookTwo = {
    judges,
    check: checkReply,
    chance: (model, profile, found) => evidence.judge(model, profile, found),
    ...(check.self_check.length > 0 && {
      selfCheck: async (question, signal) =>
        check.self_check.includes(question.model.name) ? await selfCheck(question, asking, signal) : undefined,
    }),
    holdTokens: check.hold_tokens,
    holdSeconds: check.hold_seconds,
  }

  const pacing: Pacing = {
    admit({ model, request, pinned }) {
      const most = costOf(
        {
          ...noUsage,
          input: estimatePromptTokens(request),
          output: Math.min(request.maxTokens ?? longestReserved, model.maxOutputTokens),
        },
        model.price,
      )
      if (most === undefined || most === 0) return undefined
      const caller = request.caller ?? ''
      const settleWith = (settle: (dollars: number) => void) => ({
        settle: ({ cost }: Pick<Attempt, 'cost'>) => settle(toDollars(cost ?? 0)),
      })
      if (pinned) return settleWith((dollars) => policy.charge(caller, dollars))
      const reservation = policy.reserve(caller, toDollars(most))
      if (reservation === undefined) return { refused: 'what is left of the budget does not pay for it' }
      policy.sawStrongCall(caller)
      return settleWith(reservation.settle)
    },
  }

  const follow = (answered: Answered) => {
    const { request, decision, receipt } = answered
    const caller = request.caller ?? ''
    for (const attempt of receipt.attempts) {
      if (attempt.outcome !== 'answered') continue
      const first = (receipt.firstContentMs ?? receipt.durationMs) / 1000
      const { latencySeconds: seconds, usage } = attempt
      policy.latencies.saw(attempt.model, { first: Math.min(first, seconds), seconds, tokens: outputTokens(usage) })
    }
    if (decision.assessment === undefined || decision.pinned) return
    policy.sawRequest(caller)
    const strong = receipt.backend === 'cloud'
    const news = policy.alarm.saw(caller, strong)
    if (news !== undefined) say(news.raised ? 'warn' : 'info', news.words)
    const key = sessionOf(request)
    const escalated = receipt.attempts.some(({ outcome }) => outcome === 'escalated')
    if (key !== undefined) {
      sessions.saw(key, { model: receipt.model, escalated, tokens: estimatePromptTokens(request) })
    }
    tellPacer(answered, policy)
    shadow.consider(answered)
  }

  const look = async (request: ChatRequest) => {
    const goesOn = request.session !== undefined || request.messages.some(({ role }) => role === 'assistant')
    const key = goesOn && options.notes !== undefined ? sessionOf(request) : undefined
    if (key !== undefined) await sessions.look(key)
  }

  return { steering, lookTwo, pacing, follow, look }
}

/** The best chance that any stretch of the request would give the model, were it as easy as such requests can be. */
export function hopeOf(evidence: Evidence, model: ModelCard, profile: Profile): number {
  const difficulty = -mostDifficulty
  const chances = profile.parts.map(
    (task) => evidence.chance(model, { ...profile, cell: { ...profile.cell, task }, difficulty }).p,
  )
  return Math.max(evidence.chance(model, profile).p, ...chances)
}

/** The threshold is chosen from what look 2 thought of the local replies, shipped or not. */
function tellPacer({ request, decision, receipt }: Answered, policy: Policy): void {
  const { assessment } = decision
  const quality = request.routing?.quality
  if (assessment === undefined || quality === undefined) return
  const judgement = receipt.attempts.find(({ judgement: found }) => found !== undefined)?.judgement
  const strong = Math.max(...assessment.chances.map(({ p }) => p))
  const local = judgement?.p ?? assessment.chances.find(({ model }) => model === receipt.model)?.p
  if (local !== undefined && assessment.chances.length > 1) policy.pacerOf(quality).saw({ local, strong })
}

/** What a comparison says about the threshold of every target: the label's reply had shipped. */
export function auditOf({ source, good, strong }: Label, claims: Claims | undefined) {
  if (source !== 'shadow' || strong === undefined || claims === undefined) return undefined
  return { local: good, strong: strong.good, claimed: claims.local, claimedStrong: claims.strong }
}

interface Last {
  readonly model: string
  readonly sticky: boolean
  readonly cachedTokens: number
}

/** A conversation leaves a paid model when that saves more than its warm prompt is worth. */
function stayWith({ model, cost }: Weighed, last: Last, weighed: readonly Weighed[]) {
  if (model.backend === 'local' || cost === undefined || !model.price.known) return undefined
  if (last.sticky)
    return { model: model.name, words: 'took this conversation over when it became too hard, and keeps it' }

  const loss = switchCost(last.cachedTokens, model.price.rates)
  const warm = toDollars(cost) - loss
  const savings = weighed.flatMap((other) =>
    other.cost === undefined ? [] : [other.chance.p * (warm - toDollars(other.cost))],
  )
  if (loss === 0 || Math.max(0, ...savings) >= loss) return undefined
  return { model: model.name, words: 'has this conversation in its prompt cache, which is worth more than a change' }
}

/** What the caller calls its conversation, or the beginning of it; undefined for one that has only begun. */
function sessionOf(request: ChatRequest): string | undefined {
  const { caller = '', session, messages } = request
  if (session !== undefined) return digest([caller, session])
  const first = messages.find(({ role }) => role === 'user')
  const system = messages.find(({ role }) => role === 'system')
  if (first === undefined) return undefined
  return digest([caller, system === undefined ? '' : textOf(system).slice(0, 2000), textOf(first).slice(0, 2000)])
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}
