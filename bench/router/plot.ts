import { curveOf, type Judged } from './metrics.ts'

export interface Plot {
  readonly title: string
  readonly series: readonly { readonly name: string; readonly rows: readonly Judged[] }[]
}

const width = 640
const height = 420
const margin = { left: 64, right: 150, top: 40, bottom: 52 }
const colours = ['#8a8f98', '#b08900', '#c2410c', '#2563eb', '#7c3aed', '#15803d', '#111827', '#db2777']

/** Quality over the share of strong calls, as SVG. */
export function plotOf({ title, series }: Plot): string {
  const curves = series.map(({ name, rows }) => ({ name, quality: curveOf(rows).quality }))
  const values = curves.flatMap(({ quality }) => quality)
  const low = Math.floor(Math.min(...values.map((value) => value)) * 20) / 20
  const high = Math.ceil(values.reduce((most, value) => Math.max(most, value), 0) * 20) / 20
  const x = (share: number) => margin.left + share * (width - margin.left - margin.right)
  const y = (quality: number) =>
    height - margin.bottom - ((quality - low) / (high - low)) * (height - margin.top - margin.bottom)
  const text = (at: readonly [number, number], words: string, more = '') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${escaped(words)}</text>`

  const ticks = [0, 0.25, 0.5, 0.75, 1]
  const grid = [
    ...ticks.map(
      (share) => `<line x1="${x(share)}" x2="${x(share)}" y1="${y(low)}" y2="${y(high)}" stroke="#e5e7eb"/>`,
    ),
    ...ticks.map((share) => text([x(share), y(low) + 18], `${share * 100} %`, 'text-anchor="middle"')),
    ...ticks.map((part) => {
      const quality = low + part * (high - low)
      const line = `<line x1="${x(0)}" x2="${x(1)}" y1="${y(quality)}" y2="${y(quality)}" stroke="#e5e7eb"/>`
      return line + text([x(0) - 8, y(quality) + 4], quality.toFixed(2), 'text-anchor="end"')
    }),
  ]
  const lines = curves.map(({ name, quality }, index) => {
    const step = Math.max(1, Math.floor(quality.length / 200))
    const points = quality
      .map((value, i) => [i, value] as const)
      .filter(([i]) => i % step === 0 || i === quality.length - 1)
      .map(([i, value]) => `${x(i / (quality.length - 1)).toFixed(1)},${y(value).toFixed(1)}`)
    const colour = colours[index % colours.length]
    const dash = name === 'oracle' ? ' stroke-dasharray="4 3"' : ''
    const row = margin.top + 14 + index * 20
    const legend = `<line x1="${x(1) + 14}" x2="${x(1) + 36}" y1="${row}" y2="${row}" stroke="${colour}" stroke-width="2"${dash}/>`
    return `<polyline fill="none" stroke="${colour}" stroke-width="2"${dash} points="${points.join(' ')}"/>${legend}${text([x(1) + 42, row + 4], name)}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2937">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    text([margin.left, 22], title, 'font-size="14" font-weight="600"'),
    ...grid,
    ...lines,
    text([(x(0) + x(1)) / 2, height - 12], 'share of calls to the strong model', 'text-anchor="middle"'),
    `<text transform="translate(16 ${(y(low) + y(high)) / 2}) rotate(-90)" text-anchor="middle">mean score</text>`,
    '</svg>\n',
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
