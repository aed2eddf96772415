import { randomUUID } from 'node:crypto'
import { joinText } from '../core/content.ts'
import type { TokenLogprob } from '../core/reply.ts'
import { type ChatRequest, scoredText } from '../core/request.ts'
import { type Asking, ask } from './ask.ts'
import type { SelfCheckQuestion } from './look-two.ts'

const longestMs = 10_000
const longestRead = 4000

/**
 * The chance that a model gives its own reply to be right: P(True) of Kadavath et al. 2022 (arXiv 2207.05221), from the
 * probabilities of "yes" and "no". Undefined where it says neither, gives no probabilities, or takes too long.
 */
export async function selfCheck(
  { request, model, reply }: SelfCheckQuestion,
  asking: Asking,
  signal: AbortSignal,
): Promise<number | undefined> {
  const text = `Question:\n${scoredText(request).slice(0, longestRead)}\n\nProposed answer:\n${joinText(reply.content).slice(0, longestRead)}\n\nIs the proposed answer right? Reply with yes or no only.`
  const question: ChatRequest = {
    id: randomUUID(),
    dialect: 'self-check',
    model: model.name,
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    stream: false,
    maxTokens: 4,
    temperature: 0,
    logprobs: { top: 5 },
    caching: 'off',
  }
  try {
    const { choice } = await ask(question, model, asking, AbortSignal.any([signal, AbortSignal.timeout(longestMs)]))
    return chanceOfYes(choice.logprobs ?? [])
  } catch {
    // An opinion that does not come is none; the reply is judged without it.
    return undefined
  }
}

/** From the first token that says yes or no, and what else might have stood there. */
export function chanceOfYes(tokens: readonly TokenLogprob[]): number | undefined {
  const answer = tokens.find(({ token }) => wordOf(token) !== undefined)
  if (answer === undefined) return undefined
  const said = { yes: 0, no: 0 }
  const alternatives = answer.top?.length ? answer.top : [answer]
  for (const { token, logprob } of alternatives) {
    const word = wordOf(token)
    if (word !== undefined) said[word] += Math.exp(logprob)
  }
  if (answer.top?.length) return said.yes + said.no === 0 ? undefined : said.yes / (said.yes + said.no)
  return wordOf(answer.token) === 'yes' ? said.yes : 1 - said.no
}

function wordOf(token: string): 'yes' | 'no' | undefined {
  const word = token.replaceAll(/[^\p{L}]/gu, '').toLowerCase()
  return word === 'yes' || word === 'no' ? word : undefined
}
