import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isClaude, traitsOf } from './models.ts'

for (const [id, thinking, off, forcesTools, systemAnywhere] of [
  ['claude-3-5-sonnet-20241022', 'none', 'disabled', true, false],
  ['claude-3-7-sonnet-20250219', 'budget', 'disabled', true, false],
  ['claude-opus-4-20250514', 'budget', 'disabled', true, false],
  ['claude-haiku-4-5-20251001', 'budget', 'disabled', true, false],
  ['claude-sonnet-4-6', 'adaptive', 'disabled', true, false],
  ['claude-opus-4-7', 'adaptive', 'disabled', true, false],
  ['anthropic.claude-opus-4-8', 'adaptive', 'disabled', true, true],
  ['claude-sonnet-5', 'adaptive', 'disabled', true, true],
  ['claude-haiku-5-5', 'adaptive', 'disabled', true, true],
  ['claude-sonnet-5-5', 'adaptive', 'between_tools', false, true],
  ['claude-opus-5-5', 'adaptive', undefined, false, true],
  ['claude-fable-5-1', 'adaptive', undefined, false, true],
  ['claude-mythos-preview', 'adaptive', undefined, false, true],
  ['some-other-model', 'budget', 'disabled', true, false],
] as const) {
  test(`what ${id} takes`, () => {
    const traits = traitsOf(id)
    assert.deepEqual(
      [traits.thinking, traits.off, traits.forcesTools, traits.systemAnywhere],
      [thinking, off, forcesTools, systemAnywhere],
    )
    assert.equal(isClaude(id), id !== 'some-other-model')
  })
}
