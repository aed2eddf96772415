import assert from 'node:assert/strict'
import { test } from 'node:test'
import { money } from './money.ts'
import { type Column, renderTable, shorten, wrap } from './table.ts'

const columns: readonly Column[] = [{ title: 'name' }, { title: 'cost', align: 'right' }, { title: 'why', wraps: true }]

test('columns are aligned, numbers from the right, and no line ends in blanks', () => {
  const text = renderTable(
    [
      ['a', '1.00', 'short'],
      ['longer', '10.00', ''],
    ],
    columns,
  )
  assert.equal(text, ['name     cost  why', 'a        1.00  short', 'longer  10.00'].join('\n'))
})

test('prose gives way where the table is wider than the terminal', () => {
  const text = renderTable([['a', '1', 'one two three four five six seven']], columns, { width: 30 })
  assert.deepEqual(text.split('\n'), [
    'name  cost  why',
    'a        1  one two three four',
    '            five six seven',
  ])
  for (const line of text.split('\n')) assert.ok(line.length <= 30)
})

test('a table that nothing gives way in is as wide as it must be', () => {
  const text = renderTable([['x'.repeat(50)]], [{ title: 'a' }], { width: 20 })
  assert.equal(text, `a\n${'x'.repeat(50)}`)
})

test('a table without rows is its titles', () => assert.equal(renderTable([], columns), 'name  cost  why'))

test('titles are bold in a terminal only', () => {
  assert.ok(renderTable([], columns, { isTerminal: true }).includes('\x1b[1m'))
  assert.ok(!renderTable([], columns).includes('\x1b'))
})

for (const { name, text, width, expected } of [
  { name: 'breaks between words', text: 'aa bb cc', width: 5, expected: ['aa bb', 'cc'] },
  {
    name: 'breaks a word that is longer than the line',
    text: 'a bbbbbbb c',
    width: 3,
    expected: ['a', 'bbb', 'bbb', 'b c'],
  },
  { name: 'keeps an empty text as one line', text: '', width: 5, expected: [''] },
  { name: 'fills the line to its end', text: 'abcde', width: 5, expected: ['abcde'] },
]) {
  test(`wrap ${name}`, () => assert.deepEqual(wrap(text, width), expected))
}

for (const { text, length, expected } of [
  { text: 'short', length: 10, expected: 'short' },
  { text: 'a text that is longer', length: 10, expected: 'a text th…' },
  { text: 'two\n  lines ', length: 20, expected: 'two lines' },
]) {
  test(`shorten ${JSON.stringify(text)} to ${length}`, () => assert.equal(shorten(text, length), expected))
}

for (const { dollars, expected } of [
  { dollars: null, expected: 'unknown' },
  { dollars: 0, expected: '$0' },
  { dollars: 12.345, expected: '$12.35' },
  { dollars: 0.1, expected: '$0.1000' },
  { dollars: 0.000123, expected: '$0.000123' },
  { dollars: 0.0000001, expected: '<$0.000001' },
  { dollars: -0.5, expected: '-$0.5000' },
]) {
  test(`money ${dollars}`, () => assert.equal(money(dollars), expected))
}
