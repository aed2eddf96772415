import { heuristicComplexity } from '../../../src/router/heuristic.ts'
import { code } from '../../../src/signals/code.ts'
import { keywords } from '../../../src/signals/keywords.ts'
import { profile } from '../../../src/signals/profile.ts'
import { promptLength } from '../../../src/signals/prompt-length.ts'
import { taskType } from '../../../src/signals/task-type.ts'
import type { Contender } from '../contender.ts'
import { seeded } from '../outcomes.ts'
import { toRequest } from '../request.ts'

const base = { learns: false, needsReply: false } as const

export const random: Contender = {
  ...base,
  name: 'random',
  prepare: () => {
    const next = seeded(5)
    return { wish: () => next() }
  },
}

export const lengthOnly: Contender = {
  ...base,
  name: 'length only',
  prepare: () => ({ wish: ({ prompt }) => prompt.length }),
}

/** The rule of `router.strategy: heuristic`, as it is. */
export const heuristic: Contender = {
  ...base,
  name: 'heuristic',
  prepare: () => ({
    wish: (asked) => {
      const request = toRequest(asked)
      return heuristicComplexity({
        promptLength: promptLength.read(request),
        keywords: keywords.read(request),
        code: code.read(request),
        taskType: taskType.read(request),
        profile: profile.read(request),
      }).value
    },
  }),
}
