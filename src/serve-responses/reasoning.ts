import { z } from 'zod'
import type { ReasoningPart } from '../core/content.ts'

/**
 * Vendors take the thoughts of their models back only with their signature, or in their encrypted form. Clients of the
 * Responses API send back whatever `encrypted_content` holds, so that is where both travel. The prefix tells ours from
 * OpenAI's own, which only OpenAI can read; its number is that of the form.
 */
const prefix = 'hybrid1.'

const sealed = z.object({ signature: z.string().optional(), redacted: z.string().optional() })

type Seal = Pick<ReasoningPart, 'signature' | 'redacted'>

/** What `encrypted_content` shall hold: thoughts that nobody signed have a seal, too, and are known by it as not OpenAI's. */
export function sealReasoning({ signature, redacted }: Seal): string {
  return prefix + Buffer.from(JSON.stringify({ signature, redacted })).toString('base64url')
}

/** Undefined for what this gateway did not write. */
export function unsealReasoning(encrypted: string): Seal | undefined {
  if (!encrypted.startsWith(prefix)) return undefined
  try {
    const text = Buffer.from(encrypted.slice(prefix.length), 'base64url').toString()
    return sealed.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** True for an item that OpenAI would refuse: the thoughts of another vendor's model. */
export function isSealedHere({ type, encrypted_content: encrypted }: Readonly<Record<string, unknown>>): boolean {
  return type === 'reasoning' && typeof encrypted === 'string' && encrypted.startsWith(prefix)
}
