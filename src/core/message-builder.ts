import type { OutputPart } from './content.ts'
import type { ContentDelta, Finish, FinishReason, TokenLogprob } from './reply.ts'

/** One of the replies to a request: a message of the model, complete. */
export interface ReplyChoice {
  /** In the order in which it came. */
  readonly content: readonly OutputPart[]
  readonly reason: FinishReason
  readonly stopSequence?: string
  readonly logprobs?: readonly TokenLogprob[]
}

/** Puts the deltas of a reply together. */
export class MessageBuilder {
  readonly #choices: Draft[] = []

  add(part: ContentDelta): void {
    this.#draft(part.choice ?? 0).add(part)
  }

  /** The choices as they stand, each with its reason. */
  finish({
    reason,
    reasons,
    stopSequence,
  }: Pick<Finish, 'reason' | 'reasons' | 'stopSequence'>): readonly ReplyChoice[] {
    const count = Math.max(1, this.#choices.length, reasons?.length ?? 0)
    return Array.from({ length: count }, (_, index) => ({
      ...this.#draft(index).whole(),
      reason: reasons?.[index] ?? reason,
      ...(stopSequence !== undefined && index === 0 && { stopSequence }),
    }))
  }

  /** Characters of everything that was said so far. */
  get characters(): number {
    return this.#choices.reduce((sum, { characters }) => sum + characters, 0)
  }

  #draft(index: number): Draft {
    while (this.#choices.length <= index) this.#choices.push(new Draft())
    return this.#choices[index] as Draft
  }
}

/** A part of a message that is still being written, in pieces. */
export type OpenPart = { readonly pieces: readonly string[] } & (
  | { readonly type: 'text' }
  | { readonly type: 'reasoning'; readonly signature?: string; readonly redacted?: string }
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string }
)

type DraftPart = { readonly pieces: string[] } & (
  | { readonly type: 'text' }
  | { readonly type: 'reasoning'; signature?: string; redacted?: string }
  | { readonly type: 'tool-call'; readonly index: number; readonly id: string; readonly name: string }
)

class Draft {
  readonly #parts: DraftPart[] = []
  readonly #logprobs: TokenLogprob[] = []
  characters = 0

  add(part: ContentDelta): void {
    const last = this.#parts.at(-1)
    switch (part.type) {
      case 'text-delta':
        if (part.logprobs !== undefined) this.#logprobs.push(...part.logprobs)
        this.characters += part.text.length
        if (last?.type === 'text') last.pieces.push(part.text)
        else if (part.text !== '') this.#parts.push({ type: 'text', pieces: [part.text] })
        return
      case 'reasoning-delta':
        this.characters += part.text.length
        if (last?.type === 'reasoning' && last.signature === undefined && last.redacted === undefined) {
          last.pieces.push(part.text)
        } else if (part.text !== '') this.#parts.push({ type: 'reasoning', pieces: [part.text] })
        return
      case 'reasoning-signature':
        if (last?.type === 'reasoning' && last.redacted === undefined) {
          last.signature = (last.signature ?? '') + part.signature
        } else this.#parts.push({ type: 'reasoning', pieces: [], signature: part.signature })
        return
      case 'reasoning-redacted':
        this.#parts.push({ type: 'reasoning', pieces: [], redacted: part.data })
        return
      case 'tool-call':
        this.characters += part.name.length
        this.#parts.push({ type: 'tool-call', index: part.index, id: part.id, name: part.name, pieces: [] })
        return
      case 'tool-call-delta': {
        this.characters += part.arguments.length
        const call = this.#parts.find((known) => known.type === 'tool-call' && known.index === part.index)
        call?.pieces.push(part.arguments)
        return
      }
      default:
        part satisfies never
    }
  }

  whole(): { content: readonly OutputPart[]; logprobs?: readonly TokenLogprob[] } {
    const content = this.#parts.map(wholePart)
    return { content, ...(this.#logprobs.length > 0 && { logprobs: this.#logprobs }) }
  }
}

/** The part as it is when nothing more comes. A call without arguments has an empty object of them. */
export function wholePart(part: OpenPart): OutputPart {
  const text = part.pieces.join('')
  switch (part.type) {
    case 'text':
      return { type: 'text', text }
    case 'reasoning': {
      const { signature, redacted } = part
      return {
        type: 'reasoning',
        text,
        ...(signature !== undefined && { signature }),
        ...(redacted !== undefined && { redacted }),
      }
    }
    case 'tool-call':
      return { type: 'tool-call', id: part.id, name: part.name, arguments: text === '' ? '{}' : text }
    default:
      return part satisfies never
  }
}

/** A finished choice as deltas again. */
export function* deltasOf({ content, logprobs }: ReplyChoice, choice: number): Generator<ContentDelta> {
  const of = choice === 0 ? {} : { choice }
  let calls = 0
  let told = logprobs
  for (const part of content) {
    switch (part.type) {
      case 'text':
        yield { type: 'text-delta', text: part.text, ...(told !== undefined && { logprobs: told }), ...of }
        told = undefined
        break
      case 'reasoning':
        if (part.redacted !== undefined) yield { type: 'reasoning-redacted', data: part.redacted, ...of }
        if (part.text !== '') yield { type: 'reasoning-delta', text: part.text, ...of }
        if (part.signature !== undefined) yield { type: 'reasoning-signature', signature: part.signature, ...of }
        break
      case 'tool-call': {
        const index = calls++
        yield { type: 'tool-call', index, id: part.id, name: part.name, ...of }
        yield { type: 'tool-call-delta', index, arguments: part.arguments, ...of }
        break
      }
      default:
        part satisfies never
    }
  }
}
