import { scoredText } from '../core/request.ts'
import type { Facts, Signal } from './signal.ts'

// The word lists of the original Hybrid AI Stack, kept as they were so that its users find the same decisions.
const complexKeywords = [
  'analyze',
  'design',
  'architect',
  'implement',
  'refactor',
  'optimize',
  'debug',
  'explain in detail',
  'comprehensive',
  'write code',
  'create function',
  'build',
  'develop',
]

const simpleKeywords = [
  'summarize',
  'list',
  'what is',
  'define',
  'yes or no',
  'classify',
  'categorize',
  'is this',
  'true or false',
]

/** Which words that usually go with hard or with easy tasks occur anywhere in the scored text. */
export const keywords = {
  name: 'keywords',
  read(request) {
    const text = scoredText(request).toLowerCase()
    return {
      complex: complexKeywords.filter((keyword) => text.includes(keyword)),
      simple: simpleKeywords.filter((keyword) => text.includes(keyword)),
    }
  },
} satisfies Signal<Facts['keywords']>
