import type { Assessment, Decision, Judgement } from '../core/decision.ts'
import type { Check, Profile } from '../core/evidence.ts'
import { MessageBuilder, type ReplyChoice } from '../core/message-builder.ts'
import type { ModelCard } from '../core/model.ts'
import { isContent, type ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { type HeldReply, resume } from './hold.ts'

/** What is measured of a reply, what that says about it, and how much of a stream is held for it. */
export interface LookTwo {
  /** True where the model's replies are looked at. */
  readonly judges: (model: ModelCard) => boolean
  readonly check: (request: ChatRequest, reply: ReplyChoice, options: { readonly partial: boolean }) => Check
  /** The chance that the reply is good enough. */
  readonly chance: (model: ModelCard, profile: Profile, check: Check) => number
  /** The model's own opinion of its reply, 0 to 1; absent where it is not asked. */
  readonly selfCheck?: (question: SelfCheckQuestion, signal: AbortSignal) => Promise<number | undefined>
  /** A stream is judged after so many tokens of text, or after so long, whichever comes first. */
  readonly holdTokens: number
  readonly holdSeconds: number
}

export interface SelfCheckQuestion {
  readonly request: ChatRequest
  readonly model: ModelCard
  readonly reply: ReplyChoice
}

/** What look 2 needs to know of a decision. */
export interface Bar {
  readonly profile: Profile
  /** The model that a reply judged too weak is passed on to. */
  readonly strong: string | undefined
  /** The least chance that ships; 0 where all do. */
  readonly threshold: number
}

/** Undefined where no evidence was asked: then there is nothing to judge by. */
export function barOf({ assessment, plan: [first] }: Decision, model: ModelCard): Bar | undefined {
  if (assessment === undefined) return undefined
  const { profile, strong, allowance } = assessment
  if (strong === undefined || allowance === undefined || model !== first)
    return { profile, strong: undefined, threshold: 0 }
  return { profile, strong, threshold: Math.max(0, chanceOf(assessment, strong) - allowance) }
}

function chanceOf({ chances }: Assessment, name: string): number {
  return chances.find(({ model }) => model === name)?.p ?? 1
}

export interface Judged {
  readonly judgement: Judgement
  /** The whole reply from its first part on. */
  readonly parts: AsyncIterable<ReplyPart>
  /** True where all of it is there. */
  readonly complete: boolean
  /** Ends the reply before `parts` were read: its server must hear that nobody waits for the rest. */
  readonly cancel: () => Promise<void>
}

export interface Judging {
  readonly request: ChatRequest
  readonly model: ModelCard
  readonly bar: Bar
  readonly lookTwo: LookTwo
  readonly signal: AbortSignal
}

/**
 * Holds a reply until there is enough of it to be judged: a stream until its first tokens, everything else, tool calls
 * among it, until its end. Nothing has been sent to the client until then.
 */
export async function judgeHeld(held: HeldReply, judging: Judging): Promise<Judged> {
  const { request, lookTwo } = judging
  const iterator = held.parts[Symbol.asyncIterator]()
  const parts: ReplyPart[] = []
  const message = new MessageBuilder()
  const startedAt = Date.now()
  let tokens = 0
  let calls = false

  for (;;) {
    const next = await iterator.next()
    if (next.done) return await verdictOf(message.finish({ reason: 'stop' })[0], { partial: true })
    const part = next.value
    parts.push(part)
    if (part.type === 'finish') return await verdictOf(message.finish(part)[0], { partial: false })
    if (!isContent(part)) continue
    message.add(part)
    if (part.type === 'tool-call') calls = true
    if (part.type === 'text-delta') tokens += part.logprobs?.length ?? Math.ceil(part.text.length / 4)
    const enough = tokens >= lookTwo.holdTokens || Date.now() - startedAt > lookTwo.holdSeconds * 1000
    if (request.stream && !calls && enough)
      return await verdictOf(message.finish({ reason: 'stop' })[0], { partial: true })
  }

  async function verdictOf(
    reply: ReplyChoice | undefined,
    { partial }: { readonly partial: boolean },
  ): Promise<Judged> {
    // All of it is here: its connection need not wait for what becomes of it.
    if (!partial) await iterator.return?.()
    const judgement = await judge(reply ?? { content: [], reason: 'stop' }, judging, partial)
    // A generator that nobody has begun to read would not pass the end on.
    const cancel = async () => {
      await iterator.return?.()
    }
    return { judgement, parts: resume(parts, iterator), complete: !partial, cancel }
  }
}

/** How far from the bar a chance may be for the model to be asked for its own opinion. */
const doubtful = 0.2

async function judge(reply: ReplyChoice, judging: Judging, partial: boolean): Promise<Judgement> {
  const { request, model, bar, lookTwo, signal } = judging
  const { threshold, profile } = bar
  const check = lookTwo.check(request, reply, { partial })
  const first = lookTwo.chance(model, profile, check)
  const undecided = !partial && threshold > 0 && Math.abs(first - threshold) < doubtful
  const selfCheck = undecided ? await lookTwo.selfCheck?.({ request, model, reply }, signal) : undefined
  const whole: Check = selfCheck === undefined ? check : { ...check, selfCheck }
  const p = selfCheck === undefined ? first : lookTwo.chance(model, profile, whole)
  const escalates = bar.strong !== undefined && p < threshold
  return {
    check: whole,
    p,
    threshold,
    verdict: escalates ? 'escalated' : 'shipped',
    reason: reasonOf(whole, p, threshold),
  }
}

/** The last word on a reply of which the beginning was judged, or nothing: for the record, and to mark what collapsed. */
export function judgeShipped(
  reply: ReplyChoice,
  { request, model, bar, lookTwo }: Omit<Judging, 'signal'>,
  before: Judgement | undefined,
): Judgement {
  if (before !== undefined && !before.check.partial) return before
  const check = lookTwo.check(request, reply, { partial: false })
  const p = lookTwo.chance(model, bar.profile, check)
  const collapsed = p < bar.threshold || check.findings.some(({ weight }) => weight === 'fatal')
  return {
    check,
    p,
    threshold: bar.threshold,
    verdict: collapsed ? 'marked' : 'shipped',
    reason: reasonOf(check, p, bar.threshold),
  }
}

function reasonOf({ confidence, findings, partial, selfCheck }: Check, p: number, threshold: number): string {
  const found = findings.map(({ detail }) => detail)
  const sure =
    confidence === undefined
      ? []
      : [`its tokens have a mean probability of ${percent(Math.exp(confidence.mean))} over ${confidence.tokens}`]
  const opinion = selfCheck === undefined ? [] : [`it gives itself ${percent(selfCheck)}`]
  const bar = threshold > 0 ? `, needed ${percent(threshold)}` : ''
  const whys = [...found, ...sure, ...opinion].join(', ')
  const seen = partial ? ' by its beginning' : ''
  return `good enough with a chance of ${percent(p)}${seen}${bar}${whys === '' ? '' : ` (${whys})`}`
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`
}
