import type { LlamaGrammarEvaluationState } from 'node-llama-cpp'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import { CallReader } from './calls.ts'
import { lost, lostSchema, type ReplyPlan } from './plan.ts'
import { StopText, type TextPiece } from './text.ts'
import { callBegin, callGrammar, type OfferedTools } from './tools.ts'

type Grammar = LlamaGrammarEvaluationState
type MakeGrammar = (text: string) => Promise<Grammar | undefined>

interface WriterOptions extends Pick<ReplyPlan, 'offered' | 'grammars'> {
  /** Texts of the template that end a turn. */
  readonly stopTexts: readonly string[]
  /** Those of the caller. */
  readonly stops: readonly string[]
}

/**
 * Turns the text of a model into the parts of a reply. A model that may call tools begins a call with a mark of its
 * own accord; from there on a grammar holds it to the form of a call. The mark never reaches the caller.
 */
export class ReplyWriter {
  readonly #offered: OfferedTools | undefined
  readonly #grammars: readonly string[] | undefined
  readonly #callers: readonly string[]
  readonly #stops: StopText
  readonly #ignored: string[] = []
  #reader: CallReader | undefined
  #stopSequence: string | undefined
  #stopped = false
  /** What the model has written behind the mark, until the grammar takes over. */
  #wants: string | undefined

  constructor({ offered, grammars, stopTexts, stops }: WriterOptions) {
    this.#offered = offered
    this.#grammars = grammars
    this.#callers = stops.filter((stop) => stop !== '')
    const marks = offered === undefined ? [] : [callBegin]
    this.#stops = new StopText([...stopTexts, ...this.#callers, ...marks])
  }

  get done(): boolean {
    return this.#stopped || this.#reader?.done === true
  }

  /** Defined when a call has just begun, and `hold` has to be called before the next token. */
  get wants(): string | undefined {
    return this.#wants
  }

  /** The grammar from the first token on, where there is one. */
  async begin(make: MakeGrammar): Promise<Grammar | undefined> {
    if (this.#offered?.forced === true) {
      this.#wants = ''
      return await this.hold(make)
    }
    for (const [index, text] of (this.#grammars ?? []).entries()) {
      const grammar = await make(text)
      if (index > 0) this.#ignored.push(lostSchema)
      if (grammar !== undefined) return grammar
    }
    return undefined
  }

  /** The grammar of the call that has begun. */
  async hold(make: MakeGrammar): Promise<Grammar | undefined> {
    const begun = this.#wants ?? ''
    this.#wants = undefined
    if (this.#offered === undefined) return undefined
    const grammar = await this.#callGrammar(this.#offered, begun, make)
    if (grammar === undefined) {
      // It wrote something else behind the mark, which is nothing that a caller could use.
      this.#stopped = true
      return undefined
    }
    this.#reader = new CallReader(this.#offered.tools)
    this.#reader.push(begun)
    return grammar
  }

  async #callGrammar(offered: OfferedTools, begun: string, make: MakeGrammar): Promise<Grammar | undefined> {
    const found = callGrammar(offered, begun)
    if (found === undefined) return undefined
    const grammar = await make(found.grammar)
    this.#ignored.push(...lost(grammar === undefined ? ['the schemas'] : found.ignored))
    if (grammar !== undefined) return grammar
    const tools = offered.tools.map((tool) => ({ ...tool, parameters: {} }))
    return await make(callGrammar({ ...offered, tools }, begun)?.grammar ?? '')
  }

  /** What of the form cannot be held to, in words that follow the model's name; each is told once. */
  ignored(): readonly string[] {
    return this.#ignored.splice(0)
  }

  *push(piece: TextPiece): Generator<ReplyPart> {
    if (this.#reader !== undefined) return yield* this.#reader.push(piece.text)
    if (this.#stopped) return
    const { piece: ready, stopped, stop, after = '' } = this.#stops.push(piece)
    if (ready !== undefined && ready.text !== '') yield delta(ready)
    if (!stopped) return
    if (stop === callBegin && this.#offered !== undefined) {
      this.#wants = after
      return
    }
    this.#stopped = true
    if (stop !== undefined && this.#callers.includes(stop)) this.#stopSequence = stop
  }

  /** What was held back, or is missing. */
  *end(cut: boolean): Generator<ReplyPart> {
    if (this.#reader !== undefined) {
      if (cut) yield* this.#reader.cut()
      return
    }
    const last = this.#stopped ? undefined : this.#stops.flush()
    if (last !== undefined && last.text !== '') yield delta(last)
  }

  finish(cut: boolean): { readonly reason: FinishReason; readonly stopSequence?: string } {
    if (cut && !this.done) return { reason: 'length' }
    if (this.#stopSequence !== undefined) return { reason: 'stop', stopSequence: this.#stopSequence }
    return { reason: (this.#reader?.calls ?? 0) > 0 ? 'tool-calls' : 'stop' }
  }
}

function delta({ text, logprobs }: TextPiece): ReplyPart {
  return { type: 'text-delta', text, logprobs }
}
