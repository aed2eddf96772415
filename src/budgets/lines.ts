import type { KeyHolder, SpendingTerms } from '../core/key-holder.ts'
import { periodOf } from '../core/period.ts'
import type { Line } from './purse.ts'

/** What the operator allows, besides the budgets of single keys. */
export interface BudgetTerms {
  readonly whole: readonly SpendingTerms[]
  readonly teams: Readonly<Record<string, readonly SpendingTerms[]>>
  /** Of each key that has none of its own. */
  readonly keys: readonly SpendingTerms[]
}

export interface BudgetLine extends Line {
  /** As `whole`, `team:research`, `key:ID`. */
  readonly owner: string
  /** For people. */
  readonly label: string
  readonly period: SpendingTerms['period']
  readonly startsAt: number
}

type Payer = Pick<KeyHolder, 'id' | 'name' | 'team' | 'budgets'>

/** Everything that pays for a call of this holder; the whole alone where there is none. */
export function linesOf(terms: BudgetTerms, holder: Payer | undefined, now: number): readonly BudgetLine[] {
  const lines = linesOfOwner('whole', 'the whole gateway', terms.whole, now)
  if (holder === undefined) return lines
  const { id, name, team } = holder
  const ofTeam = Object.hasOwn(terms.teams, team) ? (terms.teams[team] ?? []) : []
  return [
    ...lines,
    ...linesOfOwner(`team:${team}`, `team ${team}`, ofTeam, now),
    ...linesOfOwner(`key:${id}`, `key ${name}`, holder.budgets ?? terms.keys, now),
  ]
}

/** Those of the whole and of all teams. */
export function configuredLines(terms: BudgetTerms, now: number): readonly BudgetLine[] {
  return [
    ...linesOf(terms, undefined, now),
    ...Object.entries(terms.teams).flatMap(([team, own]) => linesOfOwner(`team:${team}`, `team ${team}`, own, now)),
  ]
}

export function linesOfOwner(
  owner: string,
  label: string,
  terms: readonly SpendingTerms[],
  now: number,
): readonly BudgetLine[] {
  const least = new Map<SpendingTerms['period'], number>()
  for (const { period, dollars } of terms) least.set(period, Math.min(dollars, least.get(period) ?? dollars))
  return [...least].map(([period, dollars]) => {
    const { start, end } = periodOf(period, now)
    const name = `${owner}:${period}:${new Date(start).toISOString().slice(0, 10)}`
    return { owner, label, period, name, limit: Math.round(dollars * 1e9), startsAt: start, endsAt: end }
  })
}
