import type { NanoDollars } from '../core/price.ts'
import type { Line, LineState, Purse } from './purse.ts'

interface Account {
  spent: NanoDollars
  reserved: NanoDollars
  uncovered: string | undefined
  readonly held: Map<string, NanoDollars>
  readonly endsAt: number
}

const dayMs = 86_400_000

/** Budgets of this process alone. Lines are forgotten a day after their end. */
export function memoryPurse(now: () => number = Date.now): Purse {
  const accounts = new Map<string, Account>()

  const accountOf = ({ name }: Line) => accounts.get(name)
  const open = (line: Line): Account => {
    const known = accounts.get(line.name)
    if (known !== undefined) return known
    for (const [name, { endsAt }] of accounts) if (endsAt + dayMs < now()) accounts.delete(name)
    const account: Account = { spent: 0, reserved: 0, uncovered: undefined, held: new Map(), endsAt: line.endsAt }
    accounts.set(line.name, account)
    return account
  }

  return {
    async take(lines, { id, amount: whole, lesser }) {
      const found = lines.map(accountOf)
      const unknown = found.flatMap((account, index) => (account === undefined ? [index] : []))
      if (unknown.length > 0) return { type: 'unknown', lines: unknown }
      const known = found.filter((account) => account !== undefined)
      const states = () => known.map(stateOf)
      const room = lines.map(({ limit }, index) => limit - sumOf(known[index]))
      const spent = lines.findIndex(({ limit }, index) => (known[index]?.spent ?? 0) >= limit)
      if (spent >= 0) return { type: 'spent', line: spent, states: states() }
      const amount = Math.min(...room) >= whole ? whole : lesser
      const promised = room.findIndex(
        (left, index) => left < amount && (left <= 0 || known[index]?.uncovered !== undefined),
      )
      if (promised >= 0) return { type: 'promised', line: promised, states: states() }
      for (const [index, account] of known.entries()) {
        if ((room[index] ?? 0) < amount) account.uncovered = id
        account.reserved += amount
        account.held.set(id, amount)
      }
      return { type: 'taken', amount, states: states() }
    },

    async settle({ lines, id }, cost) {
      const states: LineState[] = []
      for (const line of lines) {
        const account = open(line)
        account.reserved -= account.held.get(id) ?? 0
        account.held.delete(id)
        if (account.uncovered === id) account.uncovered = undefined
        account.spent += cost
        states.push(stateOf(account))
      }
      return states
    },

    // What is held here is held by this process: nothing of it lapses.
    async stay() {},

    async raise(line, spent) {
      const account = open(line)
      account.spent = Math.max(account.spent, spent)
      return stateOf(account)
    },

    async correct(line) {
      return stateOf(open(line))
    },

    async look(lines) {
      return lines.map((line) => {
        const account = accountOf(line)
        return account === undefined ? undefined : stateOf(account)
      })
    },

    async remember() {},
  }
}

function stateOf({ spent, reserved }: Account): LineState {
  return { spent, reserved, lapsed: 0 }
}

function sumOf(account: Account | undefined): NanoDollars {
  return account === undefined ? 0 : account.spent + account.reserved
}
