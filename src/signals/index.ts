import type { ChatRequest } from '../core/request.ts'
import { code } from './code.ts'
import { keywords } from './keywords.ts'
import { profile } from './profile.ts'
import { promptLength } from './prompt-length.ts'
import type { Facts } from './signal.ts'
import { taskType } from './task-type.ts'

/** Reads every signal of the house. */
export function readFacts(request: ChatRequest): Facts {
  return {
    promptLength: promptLength.read(request),
    keywords: keywords.read(request),
    code: code.read(request),
    taskType: taskType.read(request),
    profile: profile.read(request),
  }
}
