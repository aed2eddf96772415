import { fencesOf, finding, type Look, nothing } from './subject.ts'

/** Nothing was said, and nothing called. */
export const empty: Look = ({ text, toolCalls, partial }) =>
  !partial && text.trim() === '' && toolCalls.length === 0 ? finding('empty', 'fatal', 'it says nothing') : nothing

/** A limit that the caller set so low means that a part is wanted. */
const wantedShort = 64

/** The reply ended at a limit, or within a block. */
export const cut: Look = ({ request, text, reason, partial }) => {
  if (partial) return nothing
  const expected = request.maxTokens !== undefined && request.maxTokens <= wantedShort
  if (reason === 'length' && !expected) return finding('cut', 'doubt', 'it was cut at its longest length')
  const open = fencesOf(text).some(({ closed }) => !closed)
  return open && reason !== 'length' ? finding('cut', 'doubt', 'a block of code in it is never closed') : nothing
}

const fewestWords = 24
const gram = 6

/** A model that is caught in a loop says the same line, or the same few words, again and again until it is stopped. */
export const repetition: Look = ({ text, asked }) => {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  // One endless word has no spaces.
  if (/(.{1,12}?)\1{39,}$/s.test(text.slice(-600))) return finding('repetition', 'fatal', 'it ends in a loop')
  if (words.length < fewestWords) return nothing

  const tail = words.slice(-400)
  const loop = longestLoop(tail)
  if (loop >= 48 && loop >= tail.length * 0.3) return finding('repetition', 'fatal', 'it ends in a loop')
  const wanted = /repeat|refrain|times|mal\b|répét|repit|повтор|重复|繰り返/i.test(asked)
  const share = repeatedShare(words)
  return share > 0.6 && !wanted ? finding('repetition', 'doubt', 'it says the same over and over') : nothing
}

/** Words at the end that repeat with one period of up to 40 words, at least three times. */
function longestLoop(words: readonly string[]): number {
  let longest = 0
  for (let period = 1; period <= 40 && period * 3 <= words.length; period++) {
    let same = 0
    while (same + period < words.length && words[words.length - 1 - same] === words[words.length - 1 - same - period])
      same++
    if (same >= period * 2) longest = Math.max(longest, same + period)
  }
  return longest
}

function repeatedShare(words: readonly string[]): number {
  const seen = new Set<string>()
  let repeated = 0
  const count = words.length - gram + 1
  for (let start = 0; start < count; start++) {
    const key = words.slice(start, start + gram).join(' ')
    if (seen.has(key)) repeated++
    seen.add(key)
  }
  return repeated / count
}

const shortestEcho = 20

/** It says the question back, and little else. Who asks for corrections or the same words gets many of them back. */
export const echo: Look = ({ text, asked, partial }) => {
  const said = plain(text)
  const question = plain(asked)
  if (partial || question.length < shortestEcho || !said.startsWith(question)) return nothing
  return said.length < question.length * 1.3 ? finding('echo', 'doubt', 'it says the question back') : nothing
}

function plain(text: string): string {
  return text
    .slice(0, 4000)
    .toLowerCase()
    .replaceAll(/[\s\p{P}]+/gu, ' ')
    .trim()
}
