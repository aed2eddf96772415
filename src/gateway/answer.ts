import type { Account } from '../account/account.ts'
import type { ExactCache } from '../cache/exact-cache.ts'
import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { ModelCard } from '../core/model.ts'
import type { Receipt } from '../core/receipt.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { Limits, TokenPass } from '../limits/limits.ts'
import type { OpenProvider } from '../providers/provider.ts'
import type { Retries } from '../resilience/retries.ts'
import type { Catalog, RouterPolicy } from '../router/candidates.ts'
import { decide } from '../router/decide.ts'
import type { Steering } from '../router/steering.ts'
import type { SemanticCache } from '../semantic-cache/semantic-cache.ts'
import type { Facts } from '../signals/signal.ts'
import type { AnswerEnd, AnswerPart } from './answer-part.ts'
import type { AvailabilityMonitor } from './availability.ts'
import { startDeadline } from './deadline.ts'
import type { Hedge } from './hedge.ts'
import type { LookTwo } from './look-two.ts'
import { permittedModels, refuseForbidden } from './permitted.ts'
import type { Queues } from './queues.ts'
import { relay } from './relay.ts'
import { replay } from './replay.ts'
import type { Spending } from './spending.ts'
import type { ToolLoops } from './tool-loops.ts'

/** The rooms that a request walks through. */
export interface Rooms {
  readonly models: readonly ModelCard[]
  readonly readFacts: (request: ChatRequest) => Facts
  readonly policy: RouterPolicy
  readonly availability: AvailabilityMonitor
  readonly retries: Retries
  readonly queues: Queues
  readonly hedge: Hedge | undefined
  /** Models that answer when this one has failed, as configured. */
  readonly fallbacksOf: (model: ModelCard) => readonly ModelCard[]
  readonly cache: ExactCache
  readonly toolLoops: ToolLoops
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly account: Account
  readonly answerTimeoutSeconds: number
  /** Evidence and policy; without them the heuristic decides, and replies ship unseen. */
  readonly steering?: Steering
  readonly lookTwo?: LookTwo
  readonly spending: Spending
  /** Sets aside the tokens that a request may take. */
  readonly limits?: Pick<Limits, 'takeTokens'>
  /** Asks other gateways what they know of a conversation, before it is decided. */
  readonly look?: (request: ChatRequest) => Promise<void>
  /** Answers to questions that mean the same; absent while there is no such cache. */
  readonly semantic?: () => Pick<SemanticCache, 'recall'> | undefined
  /** Told of every request that was answered by a model, after its answer was given. */
  readonly follow?: (answered: Answered) => void
}

export interface Answered {
  readonly request: ChatRequest
  readonly decision: Decision
  readonly receipt: Receipt
  readonly choices: readonly ReplyChoice[]
}

/** Which model would answer, and why. Runs nothing. */
export function route(request: ChatRequest, rooms: Rooms): Decision {
  const { readFacts, policy, availability, toolLoops, steering } = rooms
  refuseForbidden(request, rooms.models, policy.aliases)
  const models = permittedModels(rooms.models, request.holder)
  const inLoopWith = toolLoops.modelOf(request)
  const among = (of: Catalog['availability']) =>
    decide(request, readFacts(request), { models, availability: of, inLoopWith, steering }, policy)
  const decision = among(availability.of)
  const nobody = decision.plan.length === 0 && (decision.refusal?.code ?? 'no_model_available') === 'no_model_available'
  if (!nobody) return decision
  // Nothing else is there: one that was left alone may be well again.
  const lenient = among((model) => {
    const state = availability.of(model)
    return state.resting === true ? { ...state, available: true, reason: '' } : state
  })
  return lenient.plan.length > 0 ? lenient : decision
}

/**
 * The walk of a request: facts, decision, cache, models in the order of the plan, receipt. Throws only `GatewayError`;
 * an error after the first part comes while the stream runs. Aborting `client`, or ending the iteration early, cancels
 * the work upstream, and the receipt is closed whatever happens.
 */
export async function* answer(request: ChatRequest, rooms: Rooms, client: AbortSignal): AsyncGenerator<AnswerPart> {
  const { cache, providers, account, availability, toolLoops } = rooms
  await Promise.all([toolLoops.look(request), rooms.look?.(request)])
  const decision = route(request, rooms)
  const receipt = account.open(request, decision)
  const { signal, clear } = startDeadline(client, rooms.answerTimeoutSeconds)
  let drop: (error?: unknown) => void = () => {}
  let choices: readonly ReplyChoice[] = []
  let tokens: TokenPass | undefined

  try {
    const recall = await cache.recall(request, signal)
    receipt.cache(recall.result)
    const head = { requestId: request.id, decision, cache: recall.result }

    if ('reply' in recall) {
      const { reply } = recall
      receipt.recalled(reply)
      const { model, backend, usage: promptUsage } = reply
      const warnings = [...(request.dropped ?? []), ...reply.warnings]
      const { reasoning, degraded } = receipt
      yield {
        type: 'start',
        head: { ...head, model, backend, warnings, reasoning, degraded, native: undefined, promptUsage },
      }
      yield* replay(reply)
      yield end(reply.choices, receipt.answered())
      return
    }

    drop = recall.drop
    const near = recall.result === 'miss' ? await rooms.semantic?.()?.recall(request) : undefined
    if (near?.hit !== undefined) {
      const { reply, id, similarity } = near.hit
      recall.keep(reply, { store: false })
      receipt.cache('semantic')
      receipt.recalled(reply)
      receipt.note(`The question is ${similarity.toFixed(3)} near to one that was answered`, decision.degraded)
      const { model, backend, usage: promptUsage } = reply
      const warnings = [...(request.dropped ?? []), ...reply.warnings]
      const { reasoning, degraded } = receipt
      const told = { model, backend, warnings, reasoning, degraded, native: undefined, promptUsage }
      yield { type: 'start', head: { ...head, ...told, cache: 'semantic', near: { id, similarity } } }
      yield* replay(reply)
      yield end(reply.choices, receipt.answered())
      return
    }
    tokens = await rooms.limits?.takeTokens(request.holder, mostTokens(request, rooms))
    const explainNone = () => explainNoModel(rooms)
    const { lookTwo, spending, retries, queues, hedge, fallbacksOf } = rooms
    const means = { providers, lookTwo, spending, retries, queues, hedge, fallbacksOf, health: availability.health }
    for await (const part of relay({ ...means, request, decision, receipt, signal, explainNone })) {
      if (part.type === 'chosen') {
        const { model, warnings, native, promptUsage } = part
        const { reasoning, degraded } = receipt
        yield {
          type: 'start',
          head: {
            ...head,
            model: model.name,
            backend: model.backend,
            warnings,
            reasoning,
            degraded,
            native,
            promptUsage,
          },
        }
      } else if (part.type === 'complete') {
        const { reply, whole } = part
        choices = reply.choices
        toolLoops.remember(request, reply.model, choices)
        const filtered = choices.some(({ reason }) => reason === 'content-filter')
        if (!whole) recall.refuse()
        else {
          const store = !receipt.degraded && !filtered
          recall.keep(reply, { store })
          if (store) near?.keep(reply)
        }
      } else yield part
    }
    const answered = receipt.answered()
    rooms.follow?.({ request, decision, receipt: answered, choices })
    yield end(choices, answered)
  } catch (error) {
    drop(signal.aborted || isOwn(error) ? undefined : error)
    receipt.failed(error)
    throw error
  } finally {
    clear()
    drop()
    const { attempts } = receipt.close()
    tokens?.settle(attempts.reduce((sum, { usage }) => sum + inputTokens(usage) + outputTokens(usage), 0))
  }
}

/** Prompt and reply of one call, as far as can be told before it. */
function mostTokens(request: ChatRequest, { policy }: Rooms): number {
  return estimatePromptTokens(request) + (request.choices ?? 1) * (request.maxTokens ?? policy.expectedOutputTokens)
}

/** What this caller may not have, another who waits for the same answer may. */
function isOwn(error: unknown): boolean {
  return error instanceof GatewayError && ['rate_limited', 'budget_spent', 'forbidden'].includes(error.code)
}

function end(choices: readonly ReplyChoice[], receipt: Receipt): AnswerEnd {
  const [first] = choices
  return {
    type: 'end',
    reason: first?.reason ?? 'stop',
    ...(choices.length > 1 && { reasons: choices.map(({ reason }) => reason) }),
    ...(first?.stopSequence !== undefined && { stopSequence: first.stopSequence }),
    receipt,
  }
}

function explainNoModel({ models, availability }: Rooms): string {
  const reasons = models.filter(({ auto }) => auto).map((model) => `${model.name}: ${availability.of(model).reason}`)
  return `no model can answer at the moment (${reasons.join('; ')})`
}
