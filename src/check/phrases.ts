import { finding, type Look, nothing } from './subject.ts'

/** Where a refusal stands: nobody refuses after having answered. */
const beginning = 300

const refusals = [
  /\b(i'?m|i am) (sorry|afraid),? (but )?i (can'?t|cannot|can not|am unable|am not able|won'?t)/,
  /\bi (can'?t|cannot|can not|am unable to|am not able to|won'?t) (help|assist|answer|provide|do that|fulfil|comply|complete|create|generate|write)/,
  /\bas an? (ai|artificial intelligence|language model)\b/,
  /\bi don'?t have (access|the ability|any information|real-time|enough information)/,
  /\b(ich kann|ich bin nicht in der lage)\b.{0,40}\b(nicht|helfen|beantworten)\b/,
  /\b(es tut mir leid|tut mir leid), (aber )?ich\b/,
  /\b(je suis désolée?|désolée?),? (mais )?je (ne )?(peux|suis)\b/,
  /\bje ne (peux|suis) pas (capable|en mesure|vous aider|répondre)/,
  /\b(lo siento|perdón),? (pero )?no puedo\b/,
  /\bno puedo (ayudar|responder|proporcionar|hacer)/,
  /\b(desculpe|lamento|sinto muito),? (mas )?(eu )?não posso\b/,
  /\bmi dispiace,? (ma )?non posso\b/,
  /(извините|к сожалению|простите),? (но )?я не (могу|в состоянии)/,
  /(抱歉|对不起|很遗憾)[,，]?(但|不过)?我(不能|无法|没有办法)/,
  /申し訳(ありません|ございません)が/,
] as const

const hedges = [
  /\bi('m| am) not (entirely |completely |quite |really )?(sure|certain)\b/,
  /\bi (don'?t|do not) (really )?know\b/,
  /\b(it is|it's) (hard|difficult|impossible) to (say|tell|know)\b/,
  /\bi (might|may|could) be (wrong|mistaken)\b/,
  /\bich bin (mir )?nicht (ganz )?sicher\b/,
  /\bich weiß (es )?nicht\b/,
  /\bje ne (suis pas sûre?|sais pas)\b/,
  /\bno (estoy segur[oa]|lo sé|sé)\b/,
  /\bnão (tenho certeza|sei)\b/,
  /\bnon (sono sicur[oa]|lo so)\b/,
  /я не (уверен|знаю)/,
  /我不(确定|知道|清楚)/,
  /(わかりません|分かりません)/,
] as const

/** It declines. */
export const refusal: Look = ({ text, asked }) => {
  const start = text.slice(0, beginning).toLowerCase().replaceAll('’', "'")
  if (!refusals.some((pattern) => pattern.test(start))) return nothing
  // Who asks about language models, or for a letter that declines, gets these words for an answer.
  return /\bai\b|language model|apolog|decline|refus|sorry|entschuldig|absag|disculp|excus/i.test(asked)
    ? nothing
    : finding('refusal', 'fatal', 'it declines to answer')
}

/** It says that it does not know. */
export const hedging: Look = ({ text, asked }) => {
  const start = text
    .slice(0, beginning * 2)
    .toLowerCase()
    .replaceAll('’', "'")
  const found =
    hedges.some((pattern) => pattern.test(start)) && !hedges.some((pattern) => pattern.test(asked.toLowerCase()))
  return found ? finding('hedging', 'doubt', 'it says that it is not sure') : nothing
}
