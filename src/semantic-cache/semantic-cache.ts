import { randomUUID } from 'node:crypto'
import type { CachedReply } from '../cache/exact-cache.ts'
import { joinText } from '../core/content.ts'
import type { ChatRequest } from '../core/request.ts'
import { isSameQuestion } from './decision.ts'
import { differencesOf } from './differences.ts'
import { questionOf } from './eligible.ts'
import type { SemanticStore } from './store.ts'
import { Watch } from './watch.ts'

export interface SemanticCacheOptions {
  readonly store: SemanticStore
  /** A vector of length 1; undefined where it does not come in time. */
  readonly embed: (text: string, withinMs: number) => Promise<Float32Array | undefined>
  /** Whose questions are compared with each other: a text for each group of them. */
  readonly scopeOf: (request: ChatRequest) => string
  readonly ttlSeconds: number
  /** How long a request waits for its vector. */
  readonly embedMs: number
  /** Requests that ask for more chance than this want another answer each time. */
  readonly warmest: number
  /** Share of the hits that are checked against a fresh answer, and the share of wrong ones that is tolerated. */
  readonly checkShare: number
  readonly mostWrong: number
  /** A fresh answer of the same model; undefined where there is none. */
  readonly askAgain: (request: ChatRequest, model: string) => Promise<CachedReply | undefined>
  readonly say: (level: 'info' | 'warn', message: string) => void
  readonly random?: () => number
  readonly now?: () => number
}

export interface SemanticHit {
  readonly id: string
  /** Cosine of the two questions. */
  readonly similarity: number
  readonly reply: CachedReply
}

export type SemanticRecall =
  | { readonly hit: SemanticHit }
  /** Keeps the answer for questions that mean the same. */
  | { readonly hit: undefined; readonly keep: (reply: CachedReply) => void }

const candidates = 5
const longestReply = 20_000
/** Two answers to one question are at least so near; less is a sign that it was not one question. */
const nearAnswers = 0.6
const patientMs = 2000

/** Answers to questions that mean the same, found by their vectors and then compared word for word. */
export class SemanticCache {
  readonly #options: SemanticCacheOptions
  readonly #watch: Watch
  readonly #checking = new Set<Promise<void>>()
  #off = ''

  constructor(options: SemanticCacheOptions) {
    this.#options = options
    this.#watch = new Watch(options.mostWrong)
  }

  /** Why it gives no answers at the moment; empty while it does. */
  get off(): string {
    return this.#off
  }

  get description(): string {
    return this.#options.store.description
  }

  get checks(): { readonly checked: number; readonly wrong: number } {
    return { checked: this.#watch.checked, wrong: this.#watch.wrong }
  }

  size(): Promise<number> {
    return this.#options.store.size()
  }

  /** Undefined for requests that it is not for. Never throws. */
  async recall(request: ChatRequest): Promise<SemanticRecall | undefined> {
    if (this.#off !== '') return undefined
    const { embed, store, scopeOf, warmest, embedMs } = this.#options
    const question = questionOf(request, scopeOf(request), warmest)
    if (question === undefined) return undefined
    const vector = await embed(question.text, embedMs)
    if (vector === undefined) return undefined
    const found = await store.find(question.partition, vector, candidates)
    const same = found?.find(({ text, score }) => isSameQuestion(question.text, text, score).same)
    if (same !== undefined) {
      store.used(same.id)
      const { id, score: similarity, reply } = same
      const hit = { id, similarity, reply }
      this.#perhapsCheck(request, hit)
      return { hit }
    }
    return { hit: undefined, keep: (reply) => this.#keep(question.text, question.partition, vector, reply) }
  }

  async evict(id: string): Promise<boolean> {
    return await this.#options.store.remove(id)
  }

  /** The operator wants it to answer again. */
  switchOn(): void {
    this.#off = ''
    this.#watch.forget()
  }

  switchOff(reason: string): void {
    this.#off = reason
  }

  /** Checks that run are done. */
  async idle(): Promise<void> {
    await Promise.all(this.#checking)
  }

  async close(): Promise<void> {
    this.#off = 'it is closed'
    await this.#options.store.close()
  }

  #keep(text: string, partition: string, vector: Float32Array, reply: CachedReply): void {
    const { store, ttlSeconds, now = Date.now } = this.#options
    const whole = reply.choices.length === 1 && reply.choices[0]?.reason === 'stop'
    if (!whole || JSON.stringify(reply.choices).length > longestReply) return
    const entry = { id: randomUUID(), text, partition, vector, reply, endsAt: now() + ttlSeconds * 1000 }
    void store.put(entry).catch(() => {})
  }

  #perhapsCheck(request: ChatRequest, hit: SemanticHit): void {
    const { checkShare, random = Math.random } = this.#options
    if (random() >= checkShare) return
    const checking = this.#check(request, hit)
      .catch(() => {})
      .finally(() => this.#checking.delete(checking))
    this.#checking.add(checking)
  }

  async #check(request: ChatRequest, { id, reply }: SemanticHit): Promise<void> {
    const { askAgain, say, mostWrong } = this.#options
    const fresh = await askAgain(request, reply.model)
    if (fresh === undefined) return
    const wrong = await this.#differ(textOf(reply), textOf(fresh))
    if (wrong) await this.evict(id)
    if (!this.#watch.saw(wrong)) return
    const { checked, wrong: count } = this.checks
    this.#off = `${count} of ${checked} answers that were checked belonged to another question (at most ${mostWrong * 100} % may)`
    say('warn', `the semantic cache switched itself off: ${this.#off}; POST /admin/v1/cache switches it on again`)
  }

  async #differ(one: string, other: string): Promise<boolean> {
    const { embed } = this.#options
    const [a, b] = [await embed(one, patientMs), await embed(other, patientMs)]
    if (a === undefined || b === undefined) return false
    const cosine = a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)
    if (cosine < nearAnswers) return true
    // A short answer is its facts: another number, name or negation is another answer.
    return Math.max(one.length, other.length) < 120 && cosine < 0.95 && differencesOf(one, other).decisive !== ''
  }
}

function textOf({ choices }: CachedReply): string {
  return joinText(choices[0]?.content ?? [])
}
