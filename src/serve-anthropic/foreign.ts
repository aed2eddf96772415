import { parseExactly } from '../core/exact-json.ts'
import { editFields } from '../core/json-splice.ts'

/**
 * Stands for the signature that Anthropic puts under its models' thoughts, where another model thought them: Claude
 * Code drops what has none. It is worth nothing to Anthropic, so such thoughts are never sent there.
 */
export const noSignature = 'unsigned'

/** What OpenAI's encrypted thoughts begin with; they travel in the place of signatures. */
const openaiSeal = 'gAAAA'

/** Undefined where nobody signed. */
export function signatureOf(signature: string | null | undefined): string | undefined {
  return signature === null || signature === '' || signature === noSignature ? undefined : signature
}

interface Block {
  readonly type: string
  readonly signature?: string | null | undefined
  readonly data?: unknown
}

/** True for a thought that Anthropic would not take back. */
export function isForeign({ type, signature, data }: Block): boolean {
  if (type === 'redacted_thinking') return typeof data === 'string' && data.startsWith(openaiSeal)
  return type === 'thinking' && (signatureOf(signature) ?? openaiSeal).startsWith(openaiSeal)
}

/** The body of a Messages request without thoughts of other models; everything else stays as it was written. */
export function withoutForeign(body: string): string {
  const request = parseExactly(body) as { readonly messages: readonly Turn[] }
  const turns = request.messages.flatMap((turn): readonly Turn[] => {
    if (turn.role !== 'assistant' || !Array.isArray(turn.content)) return [turn]
    const content = turn.content.filter((block: Block) => !isForeign(block))
    // A turn of nothing else would be empty, which is refused.
    return content.length === 0 ? [] : [{ ...turn, content }]
  })
  return editFields(body, { messages: turns })
}

interface Turn {
  readonly role: string
  /** Not there in system messages that hold settings alone. */
  readonly content?: string | readonly Block[]
}
