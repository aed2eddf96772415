import type { Contender } from '../contender.ts'
import { both, look1, look2 } from './looks.ts'
import { heuristic, lengthOnly, random } from './simple.ts'

/** Always tried beside each other; the oracle, which knows the outcome, is the judge's own. */
export const contenders: readonly Contender[] = [random, lengthOnly, heuristic, look1, look2, both]
