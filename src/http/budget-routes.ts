import type { BudgetReport, Budgets } from '../budgets/budgets.ts'
import { toDollars } from '../core/price.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { type AdminRoute, adminRoute } from './admin-routes.ts'

/** What is left of the budgets. */
export function budgetRoutes(budgets: Pick<Budgets, 'report'>, keys: KeyRing): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'GET',
      path: '/budgets',
      summary: 'Every budget: of the whole, of teams, of keys; what was spent of it, and until when it counts.',
      handle: async () => {
        const current = keys.list().filter(({ revokedAt }) => revokedAt === undefined)
        return { budgets: (await budgets.report(current)).map(shown) }
      },
    }),
  ]
}

function shown({ line, state }: BudgetReport) {
  const { spent = 0, reserved = 0, lapsed = 0 } = state ?? {}
  return {
    budget: line.owner,
    name: line.label,
    period: line.period,
    limit_dollars: toDollars(line.limit),
    spent_dollars: toDollars(spent),
    /** Promised to calls that run, or that ran when their gateway died. */
    reserved_dollars: toDollars(reserved + lapsed),
    left_dollars: toDollars(Math.max(0, line.limit - spent - reserved - lapsed)),
    period_ends: new Date(line.endsAt).toISOString(),
  }
}
