import { scoredText } from '../core/request.ts'
import type { Facts, Signal } from './signal.ts'

/** A question (one or two question marks), a task that makes something, or neither. */
export const taskType = {
  name: 'taskType',
  read(request) {
    const text = scoredText(request)
    const questionMarks = text.split('?', 4).length - 1
    if (questionMarks === 1 || questionMarks === 2) return 'question'

    const lower = text.toLowerCase()
    return lower.includes('create') || lower.includes('build') ? 'creative' : 'other'
  },
} satisfies Signal<Facts['taskType']>
