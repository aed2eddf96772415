import type { SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import { GatewayError } from '../core/errors.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { LoadedModel, Prompt } from './llama-model.ts'
import { StopText, type TextPiece, TokenText } from './llama-text.ts'
import type { ProviderCall } from './provider.ts'

/** A prompt is read in pieces of this many tokens, so that a cancelled request does not have to be read to its end. */
const pieceTokens = 64
/** Penalties look at this many of the last tokens of the reply. */
const penaltyWindow = 64
/** Enough to keep a tiny model out of a loop when it always takes the likeliest token; 1.1 already spoils its lists. */
const mildRepeatPenalty = 1.05

/** Throws `context_too_long` before anything is computed. */
export function preparePrompt(loaded: LoadedModel, { request, model }: ProviderCall): Prompt {
  const prompt = loaded.prompt(request.messages)
  const room = roomFor(prompt, loaded)
  if (room < 1)
    throw new GatewayError(
      'context_too_long',
      `the conversation has ${prompt.tokens.length} tokens, and model '${model.name}' has room for ${loaded.contextTokens} with its reply`,
    )
  return prompt
}

/**
 * Reads the prompt and yields the reply. `logprobs` are those of the distribution that was sampled from, that is after
 * temperature and penalties.
 */
export async function* generate(
  loaded: LoadedModel,
  prompt: Prompt,
  { request, model }: ProviderCall,
  signal: AbortSignal,
): AsyncGenerator<ReplyPart> {
  const limit = Math.min(request.maxTokens ?? model.maxOutputTokens, model.maxOutputTokens, roomFor(prompt, loaded))
  const usage = (output: number) => ({ ...noUsage, input: prompt.tokens.length, output })
  yield { type: 'usage', usage: usage(0) }

  const unread = await readAllButLast(loaded, prompt.tokens, signal)
  const written: Token[] = []
  const text = new TokenText<Token>((tokens, before) => loaded.detokenize(tokens, before), prompt.tokens.slice(-8))
  const stops = new StopText([...prompt.stopTexts, ...(request.stop ?? [])])
  let reason: FinishReason = limit > 0 ? 'stop' : 'length'

  const tokens =
    limit > 0 ? loaded.sequence.evaluateWithMetadata(unread, { confidence: true }, sampling(request, written)) : []
  for await (const { token, confidence } of tokens) {
    throwIfCancelled(signal)
    if (prompt.stopTokens.has(token)) break
    written.push(token)

    const piece = text.push(token, Math.min(0, Math.log(Math.max(confidence, 1e-12))))
    const { piece: ready, stopped } = piece === undefined ? nothing : stops.push(piece)
    if (ready !== undefined && ready.text !== '') yield delta(ready)
    if (stopped) return yield { type: 'finish', reason: 'stop', usage: usage(written.length) }
    if (written.length >= limit) {
      reason = 'length'
      break
    }
  }
  throwIfCancelled(signal)

  const last = text.flush()
  const { piece: ready, stopped } = last === undefined ? nothing : stops.push(last)
  for (const piece of [ready, stopped ? undefined : stops.flush()])
    if (piece !== undefined && piece.text !== '') yield delta(piece)
  yield { type: 'finish', reason: stopped ? 'stop' : reason, usage: usage(written.length) }
}

const nothing = { piece: undefined, stopped: false } as const

/** Keeps what the model still remembers of an earlier prompt that began alike. Returns what is left to be read. */
async function readAllButLast(loaded: LoadedModel, tokens: readonly Token[], signal: AbortSignal): Promise<Token[]> {
  const { sequence } = loaded
  await sequence.adaptStateToTokens(tokens.slice(0, -1), false)
  let at = sequence.nextTokenIndex
  while (tokens.length - at > pieceTokens) {
    throwIfCancelled(signal)
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + pieceTokens))
    at += pieceTokens
  }
  throwIfCancelled(signal)
  return tokens.slice(at)
}

/**
 * Without a temperature the likeliest token is always taken: small models are at their best, and their confidence means
 * most, when they do not gamble. A caller who sets a penalty gets exactly that one instead of ours.
 */
function sampling(request: ChatRequest, written: readonly Token[]): SequenceEvaluateOptions {
  const { temperature, topP, seed, presencePenalty, frequencyPenalty } = request
  const own = presencePenalty !== undefined || frequencyPenalty !== undefined
  return {
    temperature: temperature ?? 0,
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed: seed >>> 0 }),
    repeatPenalty: {
      punishTokens: () => written.slice(-penaltyWindow),
      maxPunishTokens: penaltyWindow,
      penalty: own ? 1 : mildRepeatPenalty,
      presencePenalty: presencePenalty ?? 0,
      frequencyPenalty: frequencyPenalty ?? 0,
    },
  }
}

/** Two tokens short of the context, as the library begins to forget the oldest ones when it is full. */
function roomFor(prompt: Prompt, loaded: LoadedModel): number {
  return loaded.contextTokens - prompt.tokens.length - 2
}

function delta({ text, logprobs }: TextPiece): ReplyPart {
  return { type: 'text-delta', text, logprobs }
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new GatewayError('cancelled', 'the request was cancelled')
}
