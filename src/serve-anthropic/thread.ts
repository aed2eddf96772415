import { GatewayError } from '../core/errors.ts'
import type { Message, Need } from '../core/request.ts'
import type { MessagesBody } from './schemas.ts'

/** Ids of messages that no server of Anthropic's has seen. */
const ownIds = 'msg_hybrid_'

/** The field of an error that says so: clients then send the whole conversation again. */
export const threadField = 'thread.previous_message_id'

/** The id of a reply that the gateway writes itself. */
export function messageId(requestId: string): string {
  return ownIds + requestId
}

type Thread = MessagesBody['thread']

/**
 * What a thread asks for: a conversation that Anthropic holds, so that only its new messages are sent. Its beginning
 * holds all messages, and any model can answer it. What goes on from a reply that Anthropic did not write throws
 * `not_found`: nobody holds what came before.
 */
export function threadNeeds(thread: Thread): readonly Need[] {
  if (thread === undefined || thread === null) return []
  if (thread.type === 'create') return [{ capability: 'native', field: 'thread', weight: 'may' }]
  if (thread.type === 'continue' && thread.previous_message_id.startsWith(ownIds)) {
    const message = `${threadField}: no thread is held for this message; send the whole conversation`
    throw new GatewayError('not_found', message, { field: threadField })
  }
  return [{ capability: 'native', field: 'thread', weight: 'must' }]
}

/** A thread may go on without a word; for all who want one, there is something that only Anthropic can read. */
export function threadTurns(thread: Thread, turns: readonly Message[]): readonly Message[] {
  if (thread?.type !== 'continue' || turns.length > 0) return turns
  return [{ role: 'user', content: [{ type: 'opaque', kind: 'thread' }] }]
}
