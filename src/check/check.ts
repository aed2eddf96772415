import { joinText } from '../core/content.ts'
import type { Check, Finding } from '../core/evidence.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import { type ChatRequest, scoredText } from '../core/request.ts'
import { confidenceOf } from './confidence.ts'
import { cut, echo, empty, repetition } from './form.ts'
import { hedging, refusal } from './phrases.ts'
import { wrongLanguage } from './spoken.ts'
import { invalidCode, invalidJson, invalidToolCall } from './structure.ts'
import { type Look, longestRead, type Subject } from './subject.ts'

const looks: readonly Look[] = [
  empty,
  cut,
  repetition,
  refusal,
  hedging,
  invalidJson,
  invalidCode,
  wrongLanguage,
  echo,
  invalidToolCall,
]

/** What look 2 measures of a reply, or of its beginning (`partial`). Never throws. */
export function checkReply(
  request: ChatRequest,
  reply: ReplyChoice,
  { partial }: { readonly partial: boolean },
): Check {
  const subject: Subject = {
    request,
    asked: scoredText(request).slice(0, longestRead),
    text: joinText(reply.content).slice(0, longestRead),
    toolCalls: reply.content.filter((part) => part.type === 'tool-call'),
    reason: partial ? undefined : reply.reason,
    partial,
  }
  const confidence = confidenceOf(reply.logprobs ?? [])
  const findings: readonly Finding[] = looks.flatMap((look) => look(subject))
  return { ...(confidence !== undefined && { confidence }), findings, partial }
}
