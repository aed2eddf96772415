import { scoredText } from '../core/request.ts'
import type { Facts, Signal } from './signal.ts'

const signs: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['fence', /```/],
  ['def', /\bdef\b/],
  ['class', /\bclass\b/],
  ['function', /\bfunction\b/],
  ['import', /\bimport\b/],
  ['from', /\bfrom\b/],
  ['brackets', /[{}[\]();]/],
]

/** Which signs of program code the scored text shows. One alone proves little: "from" and a bracket occur in prose. */
export const code = {
  name: 'code',
  read(request) {
    const text = scoredText(request)
    return signs.filter(([, pattern]) => pattern.test(text)).map(([name]) => name)
  },
} satisfies Signal<Facts['code']>
