import type { Finding } from '../core/evidence.ts'
import type { FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'

/** A reply that is looked at. */
export interface Subject {
  readonly request: ChatRequest
  /** What the user said last. */
  readonly asked: string
  /** The beginning of the text, at most `longestRead` characters. */
  readonly text: string
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[]
  /** Undefined where the reply goes on. */
  readonly reason: FinishReason | undefined
  readonly partial: boolean
}

/** One thing that may be wrong with a reply. Pure, linear in its length; never throws; holds no words of it. */
export type Look = (subject: Subject) => readonly Finding[]

/** Longest text that is looked at, in characters. */
export const longestRead = 65_536

export function finding(name: Finding['name'], weight: Finding['weight'], detail: string): readonly Finding[] {
  return [{ name, weight, detail }]
}

export const nothing: readonly Finding[] = []

/** Fenced blocks of a text, with the language that they name; an unclosed one too. */
export function fencesOf(
  text: string,
): readonly { readonly language: string; readonly code: string; readonly closed: boolean }[] {
  const pieces = text.split('```')
  return pieces.flatMap((piece, index) => {
    if (index % 2 === 0) return []
    const line = piece.indexOf('\n')
    const language = line === -1 ? '' : piece.slice(0, line).trim().toLowerCase()
    return [{ language, code: line === -1 ? piece : piece.slice(line + 1), closed: index < pieces.length - 1 }]
  })
}
