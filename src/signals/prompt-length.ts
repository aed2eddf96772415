import { scoredText } from '../core/request.ts'
import type { Signal } from './signal.ts'

/** How long the scored text is, in characters. */
export const promptLength = {
  name: 'promptLength',
  read: (request) => scoredText(request).length,
} satisfies Signal<number>
