import { createHash, randomUUID } from 'node:crypto'
import { joinText } from '../core/content.ts'
import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import type { Facts } from '../signals/signal.ts'
import { type Asking, ask } from './ask.ts'
import { grade, holdsAnswer } from './grade.ts'
import type { LookTwo } from './look-two.ts'

/** A request whose reply can be judged: by its known answers, or beside a strong model's reply. */
export interface Anchor {
  readonly messages: readonly Message[]
  /** Any of them, somewhere in the reply, is right; empty where nobody knows. */
  readonly answers: readonly string[]
  /** None of these may be in it as well. */
  readonly wrong: readonly string[]
}

export interface CalibrateOptions extends Asking {
  readonly model: ModelCard
  /** Answers, and judges, the anchors without known answers; undefined where no such model is there. */
  readonly strong: ModelCard | undefined
  readonly judge: ModelCard | undefined
  readonly readFacts: (request: ChatRequest) => Facts
  readonly check: LookTwo['check']
  readonly longestReply: number
  readonly now?: () => number
  readonly random?: () => number
}

/** What became of one anchor: a label, or why there is none. */
export type Calibrated = { readonly label: Label } | { readonly failed: string }

/** Asks the model each anchor and judges what it says, one after the other. */
export async function* calibrate(
  anchors: readonly Anchor[],
  options: CalibrateOptions,
  signal: AbortSignal,
): AsyncGenerator<Calibrated> {
  for (const anchor of anchors) {
    signal.throwIfAborted()
    try {
      yield await judge(anchor, options, signal)
    } catch (error) {
      if (signal.aborted) throw error
      yield { failed: error instanceof Error ? error.message : String(error) }
    }
  }
}

async function judge(anchor: Anchor, options: CalibrateOptions, signal: AbortSignal): Promise<Calibrated> {
  const { model, strong, readFacts, check, now = Date.now, random = Math.random } = options
  const request: ChatRequest = {
    id: randomUUID(),
    dialect: 'calibration',
    model: model.name,
    messages: anchor.messages,
    stream: false,
    maxTokens: Math.min(options.longestReply, model.maxOutputTokens),
    temperature: 0,
    caching: 'off',
  }
  const { choice: local } = await ask(request, model, options, signal)
  const { cell, difficulty, sketch } = readFacts(request).profile
  const label = {
    id: `calibration:${model.name}:${digest(anchor)}`,
    at: now(),
    model: model.name,
    source: 'calibration',
    weight: 1,
    requestId: '',
    client: '',
    cell,
    difficulty,
    sketch,
    check: check(request, local, { partial: false }),
  } as const
  if (anchor.answers.length > 0) {
    const said = joinText(local.content)
    return { label: { ...label, good: Number(holdsAnswer(said, anchor.answers) && !holdsAnswer(said, anchor.wrong)) } }
  }
  if (strong === undefined) return { failed: 'it has no known answer, and no stronger model is there to judge it' }

  const own: ChatRequest = { ...request, id: randomUUID(), model: strong.name }
  const { choice } = await ask(own, strong, options, signal)
  const contest = { request, local, strong: choice, judge: options.judge ?? strong, localFirst: random() < 0.5 }
  const grades = await grade(contest, options, signal)
  if (grades === undefined) return { failed: `${contest.judge.name} gave no clear verdict` }
  return {
    label: { ...label, good: Number(grades.local), strong: { model: strong.name, good: Number(grades.strong) } },
  }
}

/** The same anchor judged again replaces what it said before. */
function digest({ messages }: Anchor): string {
  return createHash('sha256').update(JSON.stringify(messages)).digest('hex').slice(0, 24)
}
