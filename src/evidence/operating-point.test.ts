import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Compared, operatingPoint } from './operating-point.ts'

/** Numbers from 0 to 1, always the same ones. */
function drawn(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

interface World {
  readonly seed: number
  readonly count: number
  /** How much better than it is the local reply is claimed to be. */
  readonly boast?: number
}
function traffic({ seed, count, boast = 0 }: World): readonly Compared[] {
  const next = drawn(seed)
  return Array.from({ length: count }, () => {
    const chance = 0.2 + 0.75 * next()
    return {
      pLocal: Math.min(0.99, chance + boast),
      pStrong: 0.9,
      local: Number(next() < chance),
      strong: Number(next() < 0.9),
    }
  })
}

const allowanceOf = (samples: readonly Compared[], target = 0.95) =>
  operatingPoint({ samples, target })?.allowance ?? NaN
const kept = (samples: readonly Compared[], allowance: number) => {
  const total = (of: (sample: Compared) => number) => samples.reduce((sum, sample) => sum + of(sample), 0)
  const ships = ({ pLocal, pStrong }: Compared) => pStrong - pLocal <= allowance
  return total((sample) => (ships(sample) ? sample.local : sample.strong)) / total(({ strong }) => strong)
}

describe('the allowance of a target', () => {
  test('needs comparisons', () => assert.equal(operatingPoint({ samples: [], target: 0.95 }), undefined))

  test('lets everything ship where the local model is as good', () => {
    const samples = Array.from({ length: 100 }, () => ({ pLocal: 0.95, pStrong: 0.95, local: 1, strong: 1 }))
    assert.equal(operatingPoint({ samples, target: 0.95 })?.shipped, 1)
  })

  test('lets nothing ship where the local model is never right, whatever is claimed', () => {
    const samples = Array.from({ length: 100 }, () => ({ pLocal: 0.9, pStrong: 0.9, local: 0, strong: 1 }))
    assert.deepEqual(operatingPoint({ samples, target: 0.95 }), { allowance: -1, quality: 1, shipped: 0 })
  })

  test('lets nothing ship where nobody is ever right: there is nothing to keep a share of', () => {
    const samples = Array.from({ length: 10 }, () => ({ pLocal: 0, pStrong: 0, local: 0, strong: 0 }))
    assert.equal(allowanceOf(samples), -1)
  })

  test('is no larger for a higher target, or with more caution', () => {
    const samples = traffic({ seed: 3, count: 300 })
    const [loose, middle, strict] = [0.85, 0.92, 0.98].map((target) => allowanceOf(samples, target))
    assert.ok((loose ?? 0) > (middle ?? 0) && (middle ?? 0) > (strict ?? 0), `${loose} ${middle} ${strict}`)
    const careless = operatingPoint({ samples, target: 0.92, caution: 0 })?.allowance ?? NaN
    assert.ok(careless > (middle ?? 0))
  })

  test('becomes smaller where the chances boast', () => {
    const honest = operatingPoint({ samples: traffic({ seed: 5, count: 400 }), target: 0.95 })
    const boast = operatingPoint({ samples: traffic({ seed: 5, count: 400, boast: 0.2 }), target: 0.95 })
    assert.ok((boast?.allowance ?? 0) < (honest?.allowance ?? 0) - 0.1, `${boast?.allowance} ${honest?.allowance}`)
  })

  test('ships all that are the same to it or none of them', () => {
    const same = traffic({ seed: 7, count: 200 }).map((sample) => ({ ...sample, pLocal: 0.5 }))
    assert.ok([0, 1].includes(operatingPoint({ samples: same, target: 0.95 })?.shipped ?? NaN))
  })

  for (const [count, least] of [
    [20, 0.95],
    [200, 0.95],
  ] as const) {
    test(`chosen on ${count} comparisons keeps the target on other traffic, on average`, () => {
      const other = traffic({ seed: 999, count: 4000 })
      const draws = Array.from({ length: 100 }, (_, seed) => kept(other, allowanceOf(traffic({ seed, count }))))
      const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length
      assert.ok(mean >= least, String(mean))
    })
  }
})
