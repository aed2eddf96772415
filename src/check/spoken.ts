import { detectLanguage } from '../core/language.ts'
import { finding, type Look, nothing } from './subject.ts'

const shortestReply = 60

/** Who asks for another language names it, or says what is to be done with it. */
const wantsAnother =
  /translat|übersetz|tradui|traduc|traduz|tradur|перевед|翻译|翻訳|번역|\bin (english|german|french|spanish|italian|portuguese|russian|chinese|japanese|dutch|polish|latin)\b|auf (deutsch|englisch|französisch|spanisch)|en (anglais|français|allemand|inglés|español|alemán|francés)|\b(english|german|french|spanish|italian|portuguese|russian|chinese|japanese|korean|arabic|hindi|dutch)\b/i

/** It speaks another language than the user does, and the user did not ask for that. */
export const wrongLanguage: Look = ({ request, text, asked }) => {
  if (text.length < shortestReply) return nothing
  const spoken = detectLanguage(text)
  const wanted = detectLanguage(asked)
  if (spoken === 'und' || wanted === 'und' || spoken === wanted || wantsAnother.test(asked.slice(0, 4000)))
    return nothing
  const system = request.messages.find(({ role }) => role === 'system')
  const told = system?.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ') ?? ''
  if (wantsAnother.test(told.slice(0, 4000))) return nothing
  return finding('wrong-language', 'doubt', `it is in the language ${spoken}, and the request in ${wanted}`)
}
