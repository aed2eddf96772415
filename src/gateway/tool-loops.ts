import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ReplyChoice } from '../core/message-builder.ts'
import { type ChatRequest, inToolLoop, lastWord, textOf } from '../core/request.ts'
import type { Notes } from '../redis/notes.ts'

const remembered = 50_000
export const forgetAfterMs = 6 * 3_600_000

/** Ids that a dialect made up because its clients do not repeat any: they say nothing about the conversation. */
export const madeUpId = 'unnamed-'

/**
 * Which model made the tool calls of a conversation. Between a call and its result no other model takes over: it would
 * not know what the first one was about, and a vendor's signed thoughts are of no use to another. A conversation is
 * known by the ids of its calls, by what the client calls it, or by how it began.
 */
export class ToolLoops {
  readonly #models = new LRUCache<string, string>({ max: remembered, ttl: forgetAfterMs })
  readonly #notes: Notes | undefined

  /** `notes` tell of loops that began at another gateway. */
  constructor(notes?: Notes) {
    this.#notes = notes
  }

  /** Asks the others, where it is not known here whose loop this is. */
  async look(request: ChatRequest): Promise<void> {
    if (this.#notes === undefined || !inToolLoop(request) || this.modelOf(request) !== undefined) return
    const keys = keysOfLoop(request)
    const models = await this.#notes.read(keys)
    for (const [index, model] of models.entries()) {
      const key = keys[index]
      if (key !== undefined && model !== undefined) this.#models.set(key, model)
    }
  }

  /** The name of the model that waits for the results in this request; undefined outside of a loop. */
  modelOf(request: ChatRequest): string | undefined {
    if (!inToolLoop(request)) return undefined
    for (const key of keysOfLoop(request)) {
      const model = this.#models.get(key)
      if (model !== undefined) return model
    }
    return undefined
  }

  /** Takes note of the calls in a reply. */
  remember(request: ChatRequest, model: string, choices: readonly ReplyChoice[]): void {
    const calls = choices.flatMap(({ content }) => content.filter((part) => part.type === 'tool-call'))
    if (calls.length === 0) return
    const keys = [...callKeys(calls.map(({ id }) => id)), ...conversationKeys(request)]
    for (const key of keys) this.#models.set(key, model)
    this.#notes?.write(keys, model)
  }
}

function keysOfLoop(request: ChatRequest): readonly string[] {
  return [...callKeys(answeredIds(request)), ...conversationKeys(request)]
}

function answeredIds(request: ChatRequest): readonly string[] {
  const last = lastWord(request)?.content ?? []
  return last.flatMap((part) => (part.type === 'tool-result' ? [part.callId] : []))
}

function callKeys(ids: readonly string[]): readonly string[] {
  return ids.filter((id) => !id.startsWith(madeUpId)).map((id) => `call:${id}`)
}

function conversationKeys(request: ChatRequest): readonly string[] {
  const { session, messages, tools } = request
  const begin = messages.find(({ role }) => role === 'user')
  const hash = createHash('sha256').update(begin === undefined ? '' : textOf(begin))
  for (const { name } of tools ?? []) hash.update('\0').update(name)
  return [...(session === undefined ? [] : [`session:${session}`]), `begin:${hash.digest('base64')}`]
}
