interface Progress {
  readonly model: string
  readonly step: string
  readonly doneBytes: number
  readonly totalBytes: number | undefined
}

type Say = (level: 'info' | 'warn' | 'error', message: string) => void

const barWidth = 24

/** A bar that is redrawn in a terminal; elsewhere one line for each quarter. */
export function showProgress(stream: NodeJS.WriteStream, say: Say): (progress: Progress) => void {
  let drawnAt = 0
  const lastQuarter = new Map<string, number>()

  return (progress) => {
    const share = progress.totalBytes ? progress.doneBytes / progress.totalBytes : undefined
    if (!stream.isTTY) {
      const quarter = share === undefined ? 0 : Math.floor(share * 4)
      const key = `${progress.model} ${progress.step}`
      if (lastQuarter.get(key) === quarter) return
      lastQuarter.set(key, quarter)
      say('info', describe(progress, share))
      return
    }
    const now = Date.now()
    if (now - drawnAt < 100 && share !== 1) return
    drawnAt = now
    stream.write(`\r\x1b[2K${bar(share)} ${describe(progress, share)}${share === 1 ? '\n' : ''}`)
  }
}

function describe({ model, step, doneBytes, totalBytes }: Progress, share: number | undefined): string {
  const percent = share === undefined ? '' : ` ${Math.floor(share * 100)} %`
  const total = totalBytes === undefined ? '' : ` of ${megabytes(totalBytes)}`
  return `${model}: ${step}${percent} (${megabytes(doneBytes)}${total} MB)`
}

function bar(share: number | undefined): string {
  if (share === undefined) return ''
  const full = Math.round(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0)
}
