/** Whole numbers from `low` to `high`, both safe integers or infinite, as an expression of a grammar. */
export function integersBetween(low: number, high: number): string {
  const from = Math.max(low, Number.MIN_SAFE_INTEGER)
  const to = Math.min(high, Number.MAX_SAFE_INTEGER)
  const negative = from < 0 ? [`"-" (${digitsBetween(Math.max(1, -to), -from).join(' | ')})`] : []
  const positive = to >= 0 ? digitsBetween(Math.max(0, from), to) : []
  return [...negative, ...positive].join(' | ')
}

/** One expression for each length of number, as 7 to 1,234 is a different thing with one digit and with four. */
function digitsBetween(low: number, high: number): readonly string[] {
  const shortest = String(low).length
  const longest = String(high).length
  return Array.from({ length: longest - shortest + 1 }, (_, index) => {
    const length = shortest + index
    const least = length === shortest ? String(low) : `1${'0'.repeat(length - 1)}`
    const most = length === longest ? String(high) : '9'.repeat(length)
    return sameLength(least, most)
  })
}

/** From the first digit on that differs: the lowest and the highest digit bound what follows, those between do not. */
function sameLength(low: string, high: string): string {
  const [lowest = '', highest = ''] = [low[0], high[0]]
  const [lowRest, highRest] = [low.slice(1), high.slice(1)]
  if (low === '') return ''
  if (lowest === highest) return `"${lowest}" ${sameLength(lowRest, highRest)}`.trim()

  const free = lowRest === '' ? '' : ` [0-9]{${lowRest.length}}`
  const lowFree = /^0*$/.test(lowRest)
  const highFree = /^9*$/.test(highRest)
  const first = Number(lowest) + (lowFree ? 0 : 1)
  const last = Number(highest) - (highFree ? 0 : 1)
  const parts = [
    ...(lowFree ? [] : [`"${lowest}" ${sameLength(lowRest, '9'.repeat(lowRest.length))}`]),
    ...(first <= last ? [`[${first}-${last}]${free}`] : []),
    ...(highFree ? [] : [`"${highest}" ${sameLength('0'.repeat(highRest.length), highRest)}`]),
  ]
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(' | ')})`
}
