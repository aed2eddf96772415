import type { Cell, Chance, Label } from '../core/evidence.ts'
import { betaQuantile } from './beta.ts'
import { logit, sigmoid } from './logistic.ts'

/** Judged replies of one drawer: how many were good, and bad, each weighted and decayed. */
interface Counts {
  good: number
  bad: number
  /** When they were last decayed, in milliseconds since 1970. */
  at: number
}

/** How many judged replies the drawer above counts as. */
const ownerStrength = { task: 8, cell: 12 } as const
/** Fewer than this many, after decay, are none. */
const fewest = 0.5

/**
 * What is known of one model: a Beta posterior in each drawer, whose prior is the drawer above it: all tasks, the kind
 * of task, the cell. The prior of all is what models of its size do.
 */
export class Posterior {
  readonly #halfLifeMs: number
  readonly #prior: (task: Cell['task']) => number
  readonly #drawers = new Map<string, Counts>()
  /** When the newest reply was judged: beside it all others are old, in drawers that nobody adds to as well. */
  #newest = 0
  /** How much better or worse than its size the model is, in logits. */
  #shift = 0
  readonly #known = new Map<string, Chance>()

  constructor(prior: (task: Cell['task']) => number, halfLifeMs: number) {
    this.#prior = prior
    this.#halfLifeMs = halfLifeMs
  }

  /** `sign` -1 takes a label back. */
  add({ cell, good, weight, at }: Label, sign: 1 | -1 = 1): void {
    this.#newest = Math.max(this.#newest, at)
    for (const key of keysOf(cell)) {
      const counts = this.#drawers.get(key) ?? { good: 0, bad: 0, at }
      decay(counts, Math.max(at, counts.at), this.#halfLifeMs)
      const age = 0.5 ** (Math.max(0, counts.at - at) / this.#halfLifeMs)
      counts.good = Math.max(0, counts.good + sign * good * weight * age)
      counts.bad = Math.max(0, counts.bad + sign * (1 - good) * weight * age)
      this.#drawers.set(key, counts)
    }
    this.#shift = this.#fitShift()
    this.#known.clear()
  }

  /** Of a usual request in the cell. */
  chance(cell: Cell): Chance {
    const key = keysOf(cell)[2] ?? ''
    const known = this.#known.get(key) ?? this.#usual(cell)
    this.#known.set(key, known)
    return known
  }

  /** The mean as it would be had this label not been given: what the others say about it. */
  chanceWithout(label: Label): number {
    return this.#meanOf(label.cell, label)
  }

  /** Judged replies in a kind of task. */
  counts(task: Cell['task']): { readonly good: number; readonly bad: number } {
    const { good, bad } = this.#agedOf(`task ${task}`)
    return { good, bad }
  }

  #usual(cell: Cell): Chance {
    const [globalKey = '', taskKey = '', cellKey = ''] = keysOf(cell)
    const levels = [
      ['cell', this.#agedOf(cellKey)],
      ['task', this.#agedOf(taskKey)],
      ['global', this.#agedOf(globalKey)],
    ] as const
    const found = levels.find(([, { good, bad }]) => good + bad >= fewest)
    const n = found === undefined ? 0 : found[1].good + found[1].bad
    const { task, own } = this.#countsOf(cell)
    // What is known of the kind of task holds for a cell without replies of its own, as far as the cell is like it.
    const wide = found?.[0] === 'cell' ? own : task
    return {
      p: own.good / (own.good + own.bad),
      low: betaQuantile(0.025, wide.good, wide.bad),
      high: betaQuantile(0.975, wide.good, wide.bad),
      n,
      level: found?.[0] ?? 'prior',
    }
  }

  #meanOf(cell: Cell, without: Label): number {
    const { own } = this.#countsOf(cell, without)
    return own.good / (own.good + own.bad)
  }

  #agedOf(key: string): { readonly good: number; readonly bad: number } {
    const counts = this.#drawers.get(key)
    if (counts === undefined) return { good: 0, bad: 0 }
    const left = 0.5 ** ((this.#newest - counts.at) / this.#halfLifeMs)
    return { good: counts.good * left, bad: counts.bad * left }
  }

  /** Of the Beta distributions of the kind of task and of the cell, their priors included. */
  #countsOf(cell: Cell, without?: Label) {
    const [, taskKey = '', cellKey = ''] = keysOf(cell)
    const counted = (key: string) => {
      const counts = this.#agedOf(key)
      if (without === undefined) return counts
      const age = 0.5 ** (Math.max(0, this.#newest - without.at) / this.#halfLifeMs)
      return {
        good: Math.max(0, counts.good - without.good * without.weight * age),
        bad: Math.max(0, counts.bad - (1 - without.good) * without.weight * age),
      }
    }
    const [ofTask, ofCell] = [counted(taskKey), counted(cellKey)]
    const prior = sigmoid(logit(this.#prior(cell.task)) + this.#shift)
    const task = {
      good: prior * ownerStrength.task + ofTask.good,
      bad: (1 - prior) * ownerStrength.task + ofTask.bad,
    }
    const above = task.good / (task.good + task.bad)
    const strength = Math.min(ownerStrength.cell, task.good + task.bad)
    const own = { good: above * strength + ofCell.good, bad: (1 - above) * strength + ofCell.bad }
    return { task, own }
  }

  /** One Newton step after another on the shift, with a prior of standard deviation 1. */
  #fitShift(): number {
    const tasks = [...this.#drawers.keys()]
      .filter((key) => key.startsWith('task '))
      .map((key) => [key, this.#agedOf(key)] as const)
    let shift = 0
    for (let step = 0; step < 8; step++) {
      let gradient = -shift
      let curvature = 1
      for (const [key, { good, bad }] of tasks) {
        const p = sigmoid(logit(this.#prior(key.slice(5) as Cell['task'])) + shift)
        // Many replies to one kind of task say less about the others than as many to several.
        const n = good + bad
        const scale = n === 0 ? 0 : Math.min(n, 20) / n
        gradient += scale * (good - n * p)
        curvature += scale * n * Math.max(p * (1 - p), 1e-3)
      }
      shift += gradient / curvature
    }
    return shift
  }
}

function keysOf({ task, length, language, turn }: Cell): readonly string[] {
  return ['all', `task ${task}`, `cell ${task}/${length}/${language}/${turn}`]
}

function decay(counts: Counts, now: number, halfLifeMs: number): void {
  const left = 0.5 ** ((now - counts.at) / halfLifeMs)
  counts.good *= left
  counts.bad *= left
  counts.at = now
}
