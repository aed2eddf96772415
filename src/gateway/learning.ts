import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { Evidence } from '../evidence/evidence.ts'

/** Where labels are kept, as far as learning needs it: `LabelStore` of the stores. */
export interface Labels {
  /** Says how many were taken: those that were not there yet. */
  readonly add: (labels: readonly Label[], keep: number) => Promise<number>
  readonly all: () => Promise<readonly Label[]>
  /** Grows with every change, by one for each label that is taken. */
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
  // Before the labels: what comes in between is looked at once more, not missed.
  let known = await labels.changes()
  const evidence = new Evidence({ models, labels: await labels.all(), halfLifeDays })
  let pending: readonly Label[] = []
  let running: Promise<void> = Promise.resolve()
  let failing = false

  const store = async (): Promise<number> => {
    const batch = pending
    if (batch.length === 0) return 0
    pending = []
    try {
      return await labels.add(batch, maxLabels)
    } catch (error) {
      // They wait for the next look.
      pending = [...batch, ...pending].slice(-mostPending)
      throw error
    }
  }
  const write = async (): Promise<void> => {
    const own = await store()
    const now = await labels.changes()
    // Other processes' labels, or a roll-back. What has been learned since is not in the store yet.
    if (now - known !== own) {
      const all = await labels.all()
      evidence.reset([...all, ...pending])
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
      pending = [...pending.slice(1 - mostPending), label]
      if (pending.length === 1) void soon()
    },
    settle: soon,
    async close() {
      clearInterval(timer)
      await soon()
    },
  }
}
