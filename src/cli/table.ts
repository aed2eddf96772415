export interface Column {
  readonly title: string
  /** Numbers are read from the right. */
  readonly align?: 'right'
  /** True for prose: this column gives way, over several lines, where the table is wider than the terminal. */
  readonly wraps?: boolean
}

export interface TableOptions {
  /** Width of the terminal. */
  readonly width?: number
  /** True draws the titles bold. */
  readonly isTerminal?: boolean
}

const gap = '  '
const narrowest = 16

/** Aligned columns with their titles, as lines without blanks at their ends. A cell is one line of text. */
export function renderTable(
  rows: readonly (readonly string[])[],
  columns: readonly Column[],
  { width = 100, isTerminal = false }: TableOptions = {},
): string {
  const titles = columns.map(({ title }) => title)
  const widths = fit(columns, [titles, ...rows], width)
  const lines = (row: readonly string[]) => layOut(row, columns, widths)
  const head = lines(titles).map((line) => (isTerminal ? `\x1b[1m${line}\x1b[22m` : line))
  return [...head, ...rows.flatMap(lines)].join('\n')
}

/** Each column as wide as its widest cell; what is too much is taken from the columns that wrap. */
function fit(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): readonly number[] {
  const natural = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  const total = natural.reduce((sum, one) => sum + one, 0) + gap.length * (columns.length - 1)
  const wrapping = columns.flatMap(({ wraps }, index) => (wraps ? [index] : []))
  if (total <= width || wrapping.length === 0) return natural

  const room = width - (total - wrapping.reduce((sum, index) => sum + (natural[index] ?? 0), 0))
  const share = Math.max(narrowest, Math.floor(room / wrapping.length))
  return natural.map((one, index) => (wrapping.includes(index) ? Math.min(one, share) : one))
}

function layOut(row: readonly string[], columns: readonly Column[], widths: readonly number[]): readonly string[] {
  const cells = columns.map(({ wraps }, index) =>
    wraps ? wrap(row[index] ?? '', widths[index] ?? 0) : [row[index] ?? ''],
  )
  const height = Math.max(...cells.map((cell) => cell.length))
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((cell, index) => {
        const text = cell[line] ?? ''
        return columns[index]?.align === 'right' ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)
      })
      .join(gap)
      .trimEnd(),
  )
}

/** Breaks between words; a word that is longer than the line is broken where it must be. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length <= width) {
      line = `${line} ${rest}`
      continue
    }
    if (line !== '') lines.push(line)
    while (rest.length > width && width > 0) {
      lines.push(rest.slice(0, width))
      rest = rest.slice(width)
    }
    line = rest
  }
  return [...lines, line]
}

/** At most `length` characters on one line, with an ellipsis where something is left out. */
export function shorten(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= length ? line : `${line.slice(0, length - 1).trimEnd()}…`
}
