import assert from 'node:assert/strict'
import type Anthropic from '@anthropic-ai/sdk'
import type { RecordedRequest } from '../fixtures/stand-ins/stand-in.ts'
import type { Conversation, Sent } from './claude-code-requests.ts'
import type { Target } from './client.ts'

/** A conversation that called tools, as it was sent and answered. */
export interface Loop {
  readonly conversation: Conversation
  readonly sent: readonly Sent[]
  readonly replies: readonly Anthropic.Beta.BetaMessage[]
}

/** A tool loop has reached its model as it should: untouched where that is Claude, with a prefix that stays elsewhere. */
export function assertReached(target: Target, { conversation, sent, replies }: Loop): void {
  const { id, hashes } = conversation
  assert.deepEqual([sent.length, new Set(hashes).size], [replies.length, replies.length])
  if (target.kind === 'llama-cpp') assertNotReadAgain(replies)
  if (target.sent === undefined) return

  const reached = target.sent().filter(({ text }) => text.includes(id))
  assert.equal(reached.length, replies.length)
  for (const [index, request] of reached.entries()) {
    const left = sent[index]
    assert.ok(left !== undefined)
    if (target.kind === 'anthropic') assertUntouched(request, left, target.model)
    const hash = left.backend === 'local' ? '00000' : hashes[index]
    assert.ok(JSON.stringify(request.body).includes(`cch=${hash};`), `${left.backend}: ${hash} did not arrive`)
  }
  if (target.kind !== 'anthropic') assertGoesOn(reached)
  if (sent[0]?.backend === 'local') assertSamePrefix(reached)
}

function assertUntouched({ text, headers, path, query, body }: RecordedRequest, left: Sent, model: string): void {
  assert.equal(text, left.body.replace(`"model":"${model}"`, `"model":"${body.model}"`))
  assert.equal(headers['anthropic-beta'], left.betas)
  assert.equal(`${path}?${query}`, left.path)
}

/** The system prompts are the same, byte for byte. */
function assertSamePrefix(reached: readonly RecordedRequest[]): void {
  assert.equal(new Set(reached.map((request) => JSON.stringify(systemOf(request)))).size, 1)
}

/** Each request says what the one before said, and more. */
function assertGoesOn(reached: readonly RecordedRequest[]): void {
  for (const [index, { body: later }] of reached.slice(1).entries()) {
    const before = reached[index]?.body
    assert.deepEqual(later.tools, before.tools)
    const [, ...spoken] = before.messages
    assert.deepEqual(later.messages.slice(1, 1 + spoken.length), spoken)
  }
}

function systemOf({ body }: RecordedRequest): readonly unknown[] {
  const messages: readonly { readonly role: string }[] = body.messages
  return messages.filter(({ role }) => role === 'system')
}

/** The model has read each prompt from where it differs from the one before, but for a few tokens. */
function assertNotReadAgain(replies: readonly Anthropic.Beta.BetaMessage[]): void {
  for (const [index, { usage }] of replies.slice(1).entries()) {
    const before = replies[index]
    const kept = usage.cache_read_input_tokens ?? 0
    const read = before === undefined ? 0 : promptTokens(before)
    assert.ok(kept > 0.9 * read, `request ${index + 2} kept ${kept} of ${read} tokens`)
  }
}

function promptTokens({ usage }: Anthropic.Beta.BetaMessage): number {
  return usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0)
}
