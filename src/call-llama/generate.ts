import type { SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import { GatewayError } from '../core/errors.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { ProviderCall } from '../providers/provider.ts'
import { lossesOf } from '../translation/losses.ts'
import { warning } from '../translation/sampling.ts'
import { turnsOf } from './conversation.ts'
import type { LoadedModel, Prompt } from './model.ts'
import { planReply, type ReplyPlan } from './plan.ts'
import { type Sureness, TokenText } from './text.ts'
import { ReplyWriter } from './writer.ts'

/** A prompt is read in pieces of this many tokens, so that a cancelled request does not have to be read to its end. */
const pieceTokens = 64
/** Penalties look at this many of the last tokens of the reply. */
const penaltyWindow = 64
/** Enough to keep a tiny model out of a loop when it always takes the likeliest token; 1.1 already spoils its lists. */
const mildRepeatPenalty = 1.05

/** A request, ready to be read by the model. */
export interface Prepared {
  readonly prompt: Prompt
  readonly plan: ReplyPlan
}

export function prepare(loaded: LoadedModel, { request }: ProviderCall): Prepared {
  const plan = planReply(request)
  return { prompt: loaded.prompt(turnsOf(request, plan.offered)), plan }
}

/** Throws `context_too_long` before anything is computed. */
export function requireRoom(loaded: LoadedModel, { prompt }: Prepared, { model }: ProviderCall): void {
  if (roomFor(prompt, loaded) >= 1) return
  throw new GatewayError(
    'context_too_long',
    `the conversation has ${prompt.tokens.length} tokens, and model '${model.name}' has room for ${loaded.contextTokens} with its reply`,
  )
}

/**
 * Reads the prompt and yields the reply. `logprobs` are those of the distribution that was sampled from, that is after
 * temperature, penalties and grammar.
 */
export async function* generate(
  loaded: LoadedModel,
  { prompt, plan }: Prepared,
  { request, model }: ProviderCall,
  signal: AbortSignal,
): AsyncGenerator<ReplyPart> {
  const limit = Math.min(request.maxTokens ?? model.maxOutputTokens, model.maxOutputTokens, roomFor(prompt, loaded))
  const known = await recalled(loaded, prompt.tokens)
  const read = { ...noUsage, input: prompt.tokens.length - known, cacheRead: known }
  const writer = new ReplyWriter({ ...plan, stopTexts: prompt.stopTexts, stops: request.stop ?? [] })
  let grammar = await writer.begin((text) => loaded.grammar(text))
  const told = (words: readonly string[]) => words.map((said) => warning(model, said))
  yield* [...lossesOf(request, model, []), ...told(plan.ignored), ...told(writer.ignored())]
  yield { type: 'usage', usage: read }

  const unread = await readAllButLast(loaded, prompt.tokens, signal)
  const written: Token[] = []
  const text = new TokenText<Token>((tokens, before) => loaded.detokenize(tokens, before), prompt.tokens.slice(-8))
  let cut = limit <= 0

  const options = { ...sampling(request, written), grammarEvaluationState: () => grammar }
  for await (const { token, sureness } of limit > 0
    ? drawn(loaded, unread, { options, top: request.logprobs?.top ?? 0 })
    : []) {
    throwIfCancelled(signal)
    if (prompt.stopTokens.has(token) || loaded.ends(token)) break
    written.push(token)

    const piece = text.push(token, sureness)
    if (piece !== undefined) yield* writer.push(piece)
    if (writer.done) break
    if (writer.wants !== undefined) {
      grammar = await writer.hold((rules) => loaded.grammar(rules))
      yield* told(writer.ignored())
      if (writer.done) break
    }
    if (written.length >= limit) {
      cut = true
      break
    }
  }
  throwIfCancelled(signal)

  const last = writer.done ? undefined : text.flush()
  if (last !== undefined) yield* writer.push(last)
  yield* writer.end(cut)
  yield { type: 'finish', ...writer.finish(cut), usage: { ...read, output: written.length } }
}

interface Drawn {
  readonly token: Token
  readonly sureness: Sureness<Token>
}

/** The tokens of the reply as they are drawn. Alternatives cost a pass over the vocabulary for each token. */
async function* drawn(
  { sequence }: LoadedModel,
  unread: Token[],
  { options, top }: { readonly options: SequenceEvaluateOptions; readonly top: number },
): AsyncGenerator<Drawn> {
  if (top === 0) {
    for await (const { token, confidence } of sequence.evaluateWithMetadata(unread, { confidence: true }, options)) {
      yield { token, sureness: { logprob: logarithm(confidence) } }
    }
    return
  }
  const wanted = { confidence: true, probabilities: true } as const
  for await (const { token, confidence, probabilities } of sequence.evaluateWithMetadata(unread, wanted, options)) {
    const likeliest = [...probabilities].sort(([, a], [, b]) => b - a).slice(0, top)
    const others = likeliest.map(([other, probability]) => ({ token: other, logprob: logarithm(probability) }))
    yield { token, sureness: { logprob: logarithm(confidence), top: others } }
  }
}

/** Keeps what the model still remembers of an earlier prompt that began alike: the number of tokens not to be read. */
async function recalled({ sequence }: LoadedModel, tokens: readonly Token[]): Promise<number> {
  await sequence.adaptStateToTokens(tokens.slice(0, -1), false)
  return sequence.nextTokenIndex
}

/** Reads the prompt from where the model stands. Returns what is left to be read. */
async function readAllButLast(loaded: LoadedModel, tokens: readonly Token[], signal: AbortSignal): Promise<Token[]> {
  const { sequence } = loaded
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
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = request
  const own = presencePenalty !== undefined || frequencyPenalty !== undefined
  return {
    temperature: temperature ?? 0,
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
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

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new GatewayError('cancelled', 'the request was cancelled')
}

function logarithm(probability: number): number {
  return Math.min(0, Math.log(Math.max(probability, 1e-12)))
}
