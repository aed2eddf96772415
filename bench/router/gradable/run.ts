import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { joinText } from '../../../src/core/content.ts'
import { MessageBuilder, type ReplyChoice } from '../../../src/core/message-builder.ts'
import type { ModelCard } from '../../../src/core/model.ts'
import { free } from '../../../src/core/price.ts'
import { isContent } from '../../../src/core/reply.ts'
import { llamaCpp } from '../../../src/providers/llama-cpp.ts'
import { toRequest } from '../request.ts'
import { type Gradable, gradablePrompts, isRight } from './prompts.ts'

/** A prompt, what SmolLM2 said, and whether that was right. */
export interface Answered {
  readonly prompt: Gradable
  readonly choice: ReplyChoice
  readonly right: boolean
}

export const embeddedCard: ModelCard = {
  name: 'smollm2',
  provider: 'embedded',
  id: 'smollm2',
  backend: 'local',
  maxComplexity: 0.3,
  auto: true,
  price: free,
  contextTokens: 2048,
  maxOutputTokens: 64,
  fixedSampling: false,
  capabilities: ['logprobs'],
  capabilitiesFixed: false,
  dialects: [],
}

/** Replies that were given before are read from `file`; the rest is asked and added to it. */
export async function answerAll(file: string): Promise<readonly Answered[]> {
  const known = new Map<string, ReplyChoice>()
  if (existsSync(file)) {
    for (const line of readFileSync(file, 'utf8')
      .split('\n')
      .filter((text) => text !== '')) {
      const { text, choice }: { text: string; choice: ReplyChoice } = JSON.parse(line)
      known.set(text, choice)
    }
  }
  const prompts = gradablePrompts()
  const missing = prompts.filter(({ prompt }) => !known.has(prompt))
  if (missing.length > 0) {
    mkdirSync(dirname(file), { recursive: true })
    const modelsDir =
      process.env.HYBRID_MODELS_DIR ??
      join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hybrid-ai-stack/models')
    const provider = llamaCpp.open(llamaCpp.options.parse({ context_tokens: 1024 }), {
      name: 'embedded',
      modelsDir,
      say: (_level, message) => process.stderr.write(`${message}\n`),
      progress: () => {},
      changed: () => {},
    })
    try {
      provider.warmUp?.([embeddedCard])
      const never = new AbortController().signal
      while (![...(await provider.check([embeddedCard], never)).values()].every(({ available }) => available)) {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      for (const [index, { id, prompt }] of missing.entries()) {
        if (known.has(prompt)) continue
        const request = { ...toRequest({ id, prompt, tools: 0 }), model: 'smollm2', maxTokens: 64, temperature: 0 }
        const message = new MessageBuilder()
        for await (const part of provider.send({ request, model: embeddedCard }, never)) {
          if (isContent(part)) message.add(part)
          if (part.type !== 'finish') continue
          const [choice] = message.finish(part)
          if (choice === undefined) continue
          known.set(prompt, choice)
          appendFileSync(file, `${JSON.stringify({ text: prompt, choice })}\n`)
        }
        if (index % 50 === 0) process.stderr.write(`${index} of ${missing.length}\n`)
      }
    } finally {
      await provider.close()
    }
  }
  return prompts.flatMap((prompt) => {
    const choice = known.get(prompt.prompt)
    return choice === undefined ? [] : [{ prompt, choice, right: isRight(prompt, joinText(choice.content)) }]
  })
}
