import type { Profile } from '../core/evidence.ts'
import type { ChatRequest } from '../core/request.ts'
import { code } from './code.ts'
import { keywords } from './keywords.ts'
import { profile } from './profile.ts'
import { promptLength } from './prompt-length.ts'
import type { Facts } from './signal.ts'
import { taskType } from './task-type.ts'

/** Every signal of the house, each read when it is asked for: not every strategy needs all of them. */
export function readFacts(request: ChatRequest): Facts {
  return {
    get promptLength() {
      return promptLength.read(request)
    },
    get keywords() {
      return keywords.read(request)
    },
    get code() {
      return code.read(request)
    },
    get taskType() {
      return taskType.read(request)
    },
    get profile() {
      return profileOf(request)
    },
  }
}

/** Asked for several times in a decision, and the dearest of them. */
const profiles = new WeakMap<ChatRequest, Profile>()

function profileOf(request: ChatRequest): Profile {
  const known = profiles.get(request)
  if (known !== undefined) return known
  const read = profile.read(request)
  profiles.set(request, read)
  return read
}
