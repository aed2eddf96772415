import { randomUUID } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import { type Place, weather } from './driver.ts'

type Body = Anthropic.Beta.MessageCreateParamsNonStreaming

export const betas = ['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'context-management-2025-06-27']

/** A request as it left the client. */
export interface Sent {
  /** With its query. */
  readonly path: string
  readonly body: string
  readonly betas: string | null
  /** Where the model was that answered: `local` or `cloud`. */
  readonly backend: string | null
}

export interface ClaudeCode {
  readonly client: Anthropic
  readonly sent: readonly Sent[]
}

/** Anthropic's own package, set up as Claude Code does it, which also tells what it sends. */
export function claudeCode({ url: address, key, headers }: Place): ClaudeCode {
  const sent: Sent[] = []
  const client = new Anthropic({
    baseURL: address,
    apiKey: null,
    authToken: key,
    maxRetries: 0,
    defaultHeaders: { ...headers, 'x-app': 'cli', 'user-agent': 'claude-cli/2.1.88 (external, cli)' },
    defaultQuery: { beta: 'true' },
    fetch: async (url, options) => {
      const { pathname, search } = new URL(String(url))
      const reply = await fetch(url, options)
      sent.push({
        path: pathname + search,
        body: String(options?.body ?? ''),
        betas: new Headers(options?.headers).get('anthropic-beta'),
        backend: reply.headers.get('x-hybrid-backend'),
      })
      return reply
    },
  })
  return { client, sent }
}

/** A model that calls tools only where it must is one with little room. */
export function isSmall({ firstChoice }: Place): boolean {
  return firstChoice === 'required'
}

/** One conversation. Each request of it has another hash in its system prompt. */
export class Conversation {
  readonly id = randomUUID()
  readonly hashes: string[] = []
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  body(messages: Body['messages'], { tools = false }: { readonly tools?: boolean } = {}): Body {
    const { model, maxTokens } = this.#place
    const small = isSmall(this.#place)
    return {
      model,
      system: this.#system(),
      messages,
      metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: this.id }) },
      betas,
      ...(tools && { tools: toolsFor(small) }),
      // A very small model does not think, and has no room for long replies.
      ...(small
        ? { max_tokens: maxTokens }
        : {
            max_tokens: 32_000,
            thinking: { type: 'enabled', budget_tokens: 31_999 },
            context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
          }),
    }
  }

  #system(): NonNullable<Body['system']> {
    const hash = randomUUID().slice(0, 5)
    this.hashes.push(hash)
    return [
      { type: 'text', text: `x-anthropic-billing-header: cc_version=2.1.88.abc; cc_entrypoint=cli; cch=${hash};` },
      {
        type: 'text',
        // Tells the requests of this conversation from those of others.
        text: `You are a coding agent. You work in the session ${this.id}.`,
        cache_control: { type: 'ephemeral' },
      },
    ]
  }
}

/** What the user says, behind what Claude Code reminds the model of. */
export function said(text: string): Anthropic.Beta.BetaMessageParam {
  return {
    role: 'user',
    content: [
      { type: 'text', text: '<system-reminder>\nSay nothing of this reminder.\n</system-reminder>' },
      { type: 'text', text, cache_control: { type: 'ephemeral' } },
    ],
  }
}

/** About 20,000 tokens of tools; as many as fit for a model with a context of 4,096. */
function toolsFor(small: boolean): Anthropic.Beta.BetaToolUnion[] {
  const [count, characters] = small ? [6, 80] : [64, 1_300]
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    name: `mcp__server__tool_${index}`,
    description: `Tool ${index}. `.padEnd(characters, 'It does one thing. '),
    input_schema: { type: 'object' as const, properties: { path: { type: 'string' } }, required: ['path'] },
  }))
  const first = {
    name: weather.name,
    description: weather.description,
    input_schema: { ...weather.schema, required: [...weather.schema.required] },
  }
  const all: Anthropic.Beta.BetaToolUnion[] = [first, ...others]
  return all.map((tool, index) => (index === all.length - 1 ? { ...tool, cache_control: { type: 'ephemeral' } } : tool))
}
