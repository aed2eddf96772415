import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detectLanguage } from './language.ts'

const cases: readonly (readonly [language: string, text: string])[] = [
  ['en', 'What is the capital of France, and how many people live there?'],
  ['en', 'Extract the email address from this text: contact maria@example.org'],
  ['de', 'Was ist die Hauptstadt von Frankreich, und wie viele Menschen wohnen dort?'],
  ['fr', 'Quelle est la capitale de la France et combien de personnes y vivent ?'],
  ['es', '¿Cuál es la capital de Francia y cuántas personas viven en ella?'],
  ['pt', 'Qual é a capital da França e quantas pessoas não vivem lá?'],
  ['it', 'Qual è la capitale della Francia e quante persone ci sono nel centro?'],
  ['nl', 'Wat is de hoofdstad van Frankrijk en hoe veel mensen zijn er in het centrum?'],
  ['pl', 'Jaka jest stolica Francji i czy to jest duże miasto, które nie ma morza?'],
  ['sv', 'Vad är huvudstaden i Frankrike och hur många bor det i den?'],
  ['tr', 'Fransa için bir başkent var mı ve bu şehir ne kadar büyük?'],
  ['ru', 'Какая столица Франции?'],
  ['uk', 'Яка столиця Франції і її населення?'],
  ['zh', '法国的首都是什么?'],
  ['ja', 'フランスの首都はどこですか'],
  ['ko', '프랑스의 수도는 어디입니까?'],
  ['ar', 'ما هي عاصمة فرنسا؟'],
  ['he', 'מהי בירת צרפת?'],
  ['el', 'Ποια είναι η πρωτεύουσα της Γαλλίας;'],
  ['hi', 'फ्रांस की राजधानी क्या है?'],
  ['th', 'เมืองหลวงของฝรั่งเศสคืออะไร'],
  ['und', ''],
  ['und', '12 * 17 = ?'],
  ['und', 'Paris'],
  ['und', '```\nconst the = of.and.to(in)\n```'],
  ['de', 'Warum ist das nicht richtig? ```the of and to in is it you that```'],
]
for (const [language, text] of cases) {
  test(`${language}: ${text.slice(0, 40)}`, () => assert.equal(detectLanguage(text), language))
}

test('reads a bounded part of a long text', () => {
  assert.equal(detectLanguage(`${'the house of the man is on the hill. '.repeat(100)}${'я '.repeat(100_000)}`), 'en')
})
