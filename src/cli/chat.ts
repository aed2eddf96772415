import { InvalidArgumentError } from 'commander'
import { GatewayError } from '../core/errors.ts'
import { isCached, type Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { AnswerHead } from '../gateway/answer-part.ts'
import type { Command, House, Toolbox } from './command.ts'
import { dollars, money } from './money.ts'
import { type PromptOptions, toRequest } from './prompt.ts'

/** `hybrid chat` */
export const chat = {
  register(program, toolbox) {
    program
      .command('chat')
      .description('answer a prompt; reads it from standard input where none is given')
      .argument('[prompt...]', 'the prompt; - reads it from standard input')
      .option('--model <name>', 'a configured model instead of routing', 'auto')
      .option('--system <text>', 'system prompt')
      .option('--max-tokens <number>', 'longest reply, in tokens', wholeNumber)
      .option('--temperature <number>', '0 to 2', temperature)
      .option('--no-stream', 'print the reply when it is complete')
      .action(async (words: readonly string[], options: PromptOptions) => {
        const prompt = await readPrompt(words, toolbox)
        const house = await toolbox.openHouse(toolbox.loadConfig())
        const abort = new AbortController()
        const interrupt = () => abort.abort()
        process.once('SIGINT', interrupt)
        try {
          await ask({ prompt, options, house, toolbox, signal: abort.signal })
        } catch (error) {
          if (!abort.signal.aborted) throw error
          process.exitCode = 130
        } finally {
          process.off('SIGINT', interrupt)
          await house.close()
        }
      })
  },
} satisfies Command

async function readPrompt(words: readonly string[], toolbox: Toolbox): Promise<string> {
  const given = words.join(' ')
  const prompt = given === '' || given === '-' ? await toolbox.readInput() : given
  if (prompt === undefined || prompt.trim() === '') {
    throw new GatewayError('invalid_request', 'there is no prompt: write it behind the command, or pipe it in')
  }
  return prompt
}

interface Question {
  readonly prompt: string
  readonly options: PromptOptions
  readonly house: House
  readonly toolbox: Toolbox
  readonly signal: AbortSignal
}

async function ask({ prompt, options, house, toolbox, signal }: Question): Promise<void> {
  const { print, write, note, json } = toolbox
  const request = toRequest(prompt, options)
  await house.prepare(request, signal)

  const live = options.stream !== false && !json()
  let head: AnswerHead | undefined
  let text = ''
  for await (const part of house.answer(request, signal)) {
    switch (part.type) {
      case 'start':
        head = part.head
        break
      case 'text-delta':
        text += part.text
        if (live) write(part.text)
        break
      case 'warning':
        note(`warning: ${part.message}`)
        break
      case 'end':
        if (head === undefined) break
        if (json()) print(JSON.stringify(toObject(head, part.receipt, text), undefined, 2))
        else {
          if (live) write(text.endsWith('\n') ? '' : '\n')
          else print(text)
          note(summary(head, part.receipt))
        }
        break
      default:
      // The command line asks for text: thoughts are not shown, and there are no tools to call.
    }
  }
}

function summary({ model, backend, cache, warnings }: AnswerHead, receipt: Receipt): string {
  const { cost, durationMs, reasoning } = receipt
  const price = cost === undefined ? 'cost unknown' : money(dollars(cost))
  const seconds = `${(durationMs / 1000).toFixed(2)} s`
  const cached = isCached(cache) ? ['from the cache'] : []
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    [model, backend, price, seconds, ...cached, reasoning].join(' · '),
  ].join('\n')
}

/** The words of the native dialect, so that what reads one reads the other. */
function toObject({ model, backend, cache, decision, warnings }: AnswerHead, receipt: Receipt, text: string) {
  return {
    response: text,
    model,
    backend,
    cost: dollars(receipt.cost),
    latency_seconds: receipt.durationMs / 1000,
    cached: isCached(cache),
    usage: {
      input_tokens: inputTokens(receipt.usage),
      output_tokens: outputTokens(receipt.usage),
      estimated: receipt.estimated,
    },
    routing: {
      complexity: receipt.complexity,
      reasoning: receipt.reasoning,
      factors: Object.fromEntries(receipt.factors.map(({ name, points }) => [name, points])),
      recommended_model: receipt.recommendedModel,
      estimated_cost: dollars(decision.estimatedCost),
      degraded: receipt.degraded,
      attempts: receipt.attempts.map(({ latencySeconds, cost, ...attempt }) => ({
        ...attempt,
        latency_seconds: latencySeconds,
        cost: dollars(cost),
      })),
    },
    warnings,
    request_id: receipt.id,
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number, at least 1.')
  return Number(text)
}

function temperature(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= 0 && value <= 2)) throw new InvalidArgumentError('It must be a number from 0 to 2.')
  return value
}
