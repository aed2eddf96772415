import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { Evidence } from '../evidence/evidence.ts'

/** Where labels are kept, as far as learning needs it: `LabelStore` of the stores. */
export interface Labels {
  readonly add: (labels: readonly Label[], keep: number) => Promise<void>
  readonly all: () => Promise<readonly Label[]>
  readonly changes: () => Promise<number>
}

export interface LearningOptions {
  readonly labels: Labels
  readonly models: readonly ModelCard[]
  readonly halfLifeDays: number
  /** Of each model so many labels are kept. */
  readonly maxLabels: number
  /** Seconds between two looks at whether another process has changed the labels. */
  readonly lookSeconds: number
  readonly say: (message: string) => void
}

export interface Learning {
  readonly evidence: Evidence
  /** Counts at once, and is written soon. */
  readonly learn: (label: Label) => void
  /** Everything learned is written, and what others wrote is known. */
  readonly settle: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Labels that wait for the disk; more are dropped, oldest first: evidence is a sample anyway. */
const mostPending = 5000

/** Opens the evidence: what the labels of the store say, kept up to date with what is learned here and by others. */
export async function openLearning(options: LearningOptions): Promise<Learning> {
  const { labels, models, halfLifeDays, maxLabels, lookSeconds, say } = options
  const evidence = new Evidence({ models, labels: await labels.all(), halfLifeDays })
  let known = await labels.changes()
  let pending: Label[] = []
  let running: Promise<void> = Promise.resolve()
  let failing = false

  const write = async (): Promise<void> => {
    const batch = pending
    pending = []
    if (batch.length > 0) await labels.add(batch, maxLabels)
    const now = await labels.changes()
    // The other processes' labels, or a roll-back: told apart from our own by reading all of them.
    if (now !== known && (batch.length === 0 || now - known !== batch.length * changeOfOne)) {
      evidence.reset(await labels.all())
    }
    known = now
    failing = false
  }
  const soon = () => {
    running = running.then(write).catch((error: unknown) => {
      if (!failing) say(`the evidence cannot be written: ${error instanceof Error ? error.message : error}`)
      failing = true
    })
    return running
  }
  const timer = setInterval(() => void soon(), lookSeconds * 1000).unref()

  return {
    evidence,
    learn(label) {
      evidence.learn(label)
      pending.push(label)
      if (pending.length > mostPending) pending = pending.slice(-mostPending)
      if (pending.length === 1) void soon()
    },
    settle: soon,
    async close() {
      clearInterval(timer)
      await soon()
    },
  }
}

/** What one new label adds to the store's number of changes. */
const changeOfOne = 1_000_003
