import { cacheKey } from '../cache/key.ts'
import { detectLanguage } from '../core/language.ts'
import { type ChatRequest, textOf } from '../core/request.ts'

/** A question that may be answered by the answer to another one. */
export interface Question {
  readonly text: string
  /** Everything but the words of the question that shapes the answer; only questions of one partition are compared. */
  readonly partition: string
}

const shortest = 8
const longest = 600
const languages = new Set(['en', 'de', 'fr', 'es', 'und'])

const code =
  /```|[{};]\s*$|=>|<\/?[a-z]+>|\b(function|def|class|import|SELECT|const|var|let|return)\b.*[({=;]|[\w$]+\([^)]*\)\s*[;{]|\$ \w+/m
/** What is about one person must not be told to another, nor outlive the request. */
const personal: readonly RegExp[] = [
  /[\w.+-]+@[\w-]+\.[\w.]+/,
  /(?:\+|00)?\d[\d ()./-]{7,}\d/,
  /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,}/,
  /\b(?:\d[ -]?){13,19}\b/,
  /\b\d{3}-\d{2}-\d{4}\b/,
  /\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){3,}/i,
  /\bhttps?:\/\//i,
  /\b(?:sk|pk|hyb|ghp|xox[bp]|AKIA)[-_A-Za-z0-9]{12,}/,
  /\b(?:my|our) (?:name|address|birthday|salary|wife|husband|son|daughter|doctor|boss|diagnosis|account number|medication)\b/i,
  /\b(?:i am|i'm|i was) (?:\d+|diagnosed|pregnant|called|born)\b/i,
  /\b(?:mein|meine|meinem|unser) (?:name|adresse|geburtstag|gehalt|frau|mann|sohn|tochter|arzt|kontonummer)\b/i,
  /\b(?:mon|ma) (?:nom|adresse|anniversaire|salaire|femme|mari|fils|fille|médecin)\b/i,
  /\bmi (?:nombre|dirección|cumpleaños|salario|esposa|marido|hijo|hija|médico)\b/i,
]
/** What is true now need not be so in an hour. */
const fleeting =
  /\b(today|tonight|tomorrow|yesterday|now|currently|current|latest|this (?:week|month|year|morning)|heute|morgen|gestern|jetzt|aktuell|aujourd'hui|demain|hier|maintenant|hoy|mañana|ayer|ahora)\b/i

/**
 * Only a single question of plain words, asked for one answer: no conversation, no tools, no pictures, no forms, no code,
 * nothing personal, nothing that is true for the moment alone. Undefined for all others.
 */
export function questionOf(request: ChatRequest, scope: string, warmest: number): Question | undefined {
  const { messages, tools, responseFormat, temperature, choices, logprobs, caching, session } = request
  const users = messages.filter(({ role }) => role === 'user')
  const isOne = users.length === 1 && messages.every(({ role }) => role === 'user' || role === 'system')
  const [user] = users
  const plain =
    isOne &&
    user !== undefined &&
    messages.every(({ content }) => content.every(({ type }) => type === 'text')) &&
    (tools ?? []).length === 0 &&
    (responseFormat === undefined || responseFormat.type === 'text') &&
    (temperature ?? 0) <= warmest &&
    (choices ?? 1) === 1 &&
    logprobs === undefined &&
    caching === 'use' &&
    session === undefined
  if (!plain) return undefined
  const text = textOf(user).trim()
  if (text.length < shortest || text.length > longest || !languages.has(detectLanguage(text))) return undefined
  if (code.test(text) || fleeting.test(text) || personal.some((pattern) => pattern.test(text))) return undefined
  const others = messages.filter((message) => message !== user)
  return { text, partition: scope + cacheKey({ ...request, messages: others }) }
}
