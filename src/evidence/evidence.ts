import { type Chance, type Check, type Label, type Profile, type TaskKind, taskKinds } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { abilityOf } from './ability.ts'
import { clopperPearson } from './beta.ts'
import { type Calibration, calibrate, judge, uncalibrated } from './calibration.ts'
import { type Correction, fitCorrection, shifted, shiftOf } from './correction.ts'
import { sigmoid } from './logistic.ts'
import { Posterior } from './posterior.ts'
import { taskHardness } from './task-hardness.ts'

export interface EvidenceOptions {
  readonly models: readonly ModelCard[]
  readonly labels: readonly Label[]
  /** After so many days a judged reply counts half. */
  readonly halfLifeDays: number
}

/** What is known of one model in one kind of task. */
export interface EvidenceRow {
  readonly model: string
  readonly task: TaskKind
  /** Judged replies, decayed and weighted. */
  readonly n: number
  /** Chance that a reply is good enough, and its 95 % interval, usual cells taken together. */
  readonly rate: number
  readonly low: number
  readonly high: number
  /** Replies that were compared with the strong model's. */
  readonly compared: number
  /** Upper 95 % bound (Clopper-Pearson) of how often it was not good enough where the strong model was. */
  readonly regret: number
  readonly status: 'certified' | 'not certified' | 'not enough data'
  /** Comparisons without a regret that are needed at least. */
  readonly needed: number
}

/** Judgements that count before a caller's share does. */
const firstFree = 40
/** Labels after which coefficients are fitted anew: a share of those that are there, or a few. */
const refitShare = 0.05
const refitLeast = 10
const dayMs = 86_400_000
/** Labels of one model that coefficients are fitted to: the newest. */
const mostFitted = 5000

interface Known {
  readonly posterior: Posterior
  readonly labels: Map<string, Label>
  correction: Correction | undefined
  calibration: Calibration
  sinceFit: number
}

/**
 * What is known of every model: look 1's posteriors, look 2's calibration, certificates. All of it is made of labels, in
 * memory; `learn` costs microseconds, and now and then the milliseconds of a fit; `chance` and `judge` a few microseconds.
 */
export class Evidence {
  readonly #known = new Map<string, Known>()
  readonly #cards: ReadonlyMap<string, ModelCard>
  readonly #halfLifeMs: number

  constructor({ models, labels, halfLifeDays }: EvidenceOptions) {
    this.#cards = new Map(models.map((model) => [model.name, model]))
    this.#halfLifeMs = halfLifeDays * dayMs
    this.reset(labels)
  }

  /** Forgets everything, and knows what these labels say. */
  reset(labels: readonly Label[]): void {
    this.#known.clear()
    for (const label of labels) this.#take(label)
    for (const known of this.#known.values()) this.#fit(known)
  }

  /** Look 1: the chance that the model's reply to such a request is good enough. */
  chance(model: ModelCard, profile: Profile): Chance {
    const { posterior, correction } = this.#of(model.name)
    const usual = posterior.chance(profile.cell)
    const shift = shiftOf(correction, usual.p, profile)
    const moved = (p: number) => shifted(p, shift)
    return shift === 0 ? usual : { ...usual, p: moved(usual.p), low: moved(usual.low), high: moved(usual.high) }
  }

  /** Look 2: the same, after the reply was looked at. */
  judge(model: ModelCard, profile: Profile, check: Check): number {
    const { calibration } = this.#of(model.name)
    return judge(calibration, profile.cell.task, check, this.chance(model, profile).p)
  }

  /**
   * How much a caller's judgement may count: one caller alone must not say what a model can do. Its share of a kind of
   * task stays under `share`, a few judgements aside.
   */
  roomFor({ id, model, cell, client }: Label, share: number): number {
    // What it replaces is no judgement beside it.
    const own = [...this.#of(model).labels.values()].filter((label) => label.cell.task === cell.task && label.id !== id)
    const total = own.reduce((sum, { weight }) => sum + weight, 0)
    const given = own.reduce((sum, label) => sum + (label.client === client ? label.weight : 0), 0)
    return Math.max(0, share * (total + firstFree) - given)
  }

  learn(label: Label): void {
    this.#take(label)
    const known = this.#of(label.model)
    known.sinceFit++
    if (known.sinceFit >= Math.max(refitLeast, known.labels.size * refitShare)) this.#fit(known)
  }

  /** For each model and kind of task that has judged replies: what is known, and whether it keeps `target`. */
  rows(target: number): readonly EvidenceRow[] {
    const rows = [...this.#known].flatMap(([model, known]) =>
      taskKinds.flatMap((task) => this.#rowOf(model, known, { task, target }) ?? []),
    )
    return rows.sort((a, b) => (a.task < b.task ? -1 : 1) * Number(a.task !== b.task) || b.n - a.n)
  }

  #rowOf(
    model: string,
    { posterior, labels }: Known,
    { task, target }: { readonly task: TaskKind; readonly target: number },
  ): EvidenceRow | undefined {
    const { good, bad } = posterior.counts(task)
    const own = [...labels.values()].filter(({ cell }) => cell.task === task)
    if (own.length === 0) return undefined
    const cell = { task, length: 'medium', language: 'und', turn: 'first' } as const
    const { p, low, high } = posterior.chance(cell)
    const compared = own.filter(({ strong }) => strong !== undefined)
    const regrets = compared.filter((label) => label.good < 0.5 && (label.strong?.good ?? 0) >= 0.5).length
    const regret = compared.length === 0 ? 1 : clopperPearson(regrets, compared.length).high
    // With fewer, no run of successes would be long enough.
    const needed = Math.ceil(Math.log(0.05) / Math.log(Math.min(target, 0.9999)))
    const status = compared.length < needed ? 'not enough data' : regret <= 1 - target ? 'certified' : 'not certified'
    return { model, task, n: good + bad, rate: p, low, high, compared: compared.length, regret, status, needed }
  }

  #take(label: Label): void {
    this.#put(label)
    if (label.strong === undefined) return
    const { model, good } = label.strong
    const { check: _, strong: __, ...rest } = label
    // The strong model's replies are judged by the same comparison.
    this.#put({ ...rest, id: `${label.id}:strong`, model, good })
  }

  #put(label: Label): void {
    const known = this.#of(label.model)
    const before = known.labels.get(label.id)
    if (before !== undefined) known.posterior.add(before, -1)
    known.labels.set(label.id, label)
    known.posterior.add(label)
  }

  #fit(known: Known): void {
    known.sinceFit = 0
    const fitted = [...known.labels.values()].slice(-mostFitted)
    const newest = fitted.reduce((latest, { at }) => Math.max(latest, at), 0)
    const placed = fitted.map((label) => ({
      label: { ...label, weight: label.weight * 0.5 ** ((newest - label.at) / this.#halfLifeMs) },
      usual: known.posterior.chanceWithout(label),
    }))
    known.correction = fitCorrection(placed)
    const seen = placed
      .filter(({ label }) => label.check !== undefined)
      .map(({ label, usual }) => ({ label, prior: shifted(usual, shiftOf(known.correction, usual, label)) }))
    known.calibration = calibrate(seen)
  }

  #of(name: string): Known {
    const before = this.#known.get(name)
    if (before !== undefined) return before
    const card = this.#cards.get(name)
    const ability = card === undefined ? 0 : abilityOf(card)
    const posterior = new Posterior((task) => sigmoid(ability - taskHardness[task]), this.#halfLifeMs)
    const known: Known = { posterior, labels: new Map(), correction: undefined, calibration: uncalibrated, sinceFit: 0 }
    this.#known.set(name, known)
    return known
  }
}
