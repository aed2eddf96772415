/** Most that is read, in characters: enough to tell a language, whatever the length of the text. */
const longestRead = 1200
/** Fewer letters than these tell nothing in the Latin script. */
const fewestLetters = 12

/** Scripts that one language alone uses, as far as we go. */
const scripts: readonly (readonly [code: string, pattern: RegExp])[] = [
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
]

/** Words that carry no meaning of their own stand in every text of a language, and in no other. */
const functionWords: Readonly<Record<string, string>> = {
  en: 'the of and to in is it you that was for on are with as his they be at this have from or one had by what how which do does did can could would should will your why when where who an not',
  de: 'der die das und ist nicht ein eine einen einem zu den mit von für auf im dem des sich auch wie was wer wo warum wann ich du er sie wir kann sind wird oder aber bei nach wenn dass welche welcher bitte',
  fr: 'le la les des et est un une du dans que qui pour pas sur au avec ce il elle sont je nous vous comment pourquoi quel quelle où par plus mais ou cette mes ses leur quels',
  es: 'el la los las de y que en un una es por con para como se del al no lo su más qué cuál cómo cuándo dónde quién pero este esta son hay tiene puede escribe',
  pt: 'o a os as de e que em um uma é por com para como se do da no na não mais qual quais quando onde quem mas são você isso pelo pela escreva ao',
  it: 'il lo la gli le di e che è un una in per con come si del della non più qual quale quando dove chi perché sono nel nella questo questa cosa ma anche scrivi',
  nl: 'de het een en is van in te dat op voor met niet zijn aan er maar om hoe wat waarom wanneer waar wie ook als bij naar je ik wij kan wordt deze',
  pl: 'w i na z że się nie to jest do jak co po o za od czy dla kto gdzie kiedy dlaczego jaki jaka jest są ale przez oraz ten',
  sv: 'och att det i en är på som för med av inte den till ett om har de hur vad varför när var vem kan ska jag du men eller från',
  tr: 've bir bu da de ne için ile mi çok daha nasıl neden nerede kim kaç olan olarak gibi değil var yok en kadar sonra',
  cs: 'a se v na je že to s z do o jak co pro ale jsou kde kdy proč kdo který není by jako',
  ro: 'și în de la un o este cu pe nu care ce cum pentru din sunt mai sau unde când cine dar',
  vi: 'là của và các có cho không được một trong với những này đã người tôi bạn như thế nào gì tại sao',
  id: 'yang dan di ini itu dengan untuk dari tidak adalah ke pada apa bagaimana mengapa siapa kapan dalam akan saya anda atau',
}
const languages = Object.keys(functionWords)
const languagesOf = new Map<string, string[]>()
for (const [code, words] of Object.entries(functionWords)) {
  for (const word of words.split(' ')) languagesOf.set(word, [...(languagesOf.get(word) ?? []), code])
}

/** ISO 639-1 code of the language that most of a text is in; `und` where it cannot be told. */
export function detectLanguage(text: string): string {
  const read = withoutCode(text.slice(0, longestRead))
  const letters = read.match(/\p{L}/gu)?.length ?? 0
  if (letters === 0) return 'und'

  const most = letters * 0.3
  for (const [code, pattern] of scripts) {
    if ((read.match(pattern)?.length ?? 0) > (code === 'ja' ? letters * 0.1 : most)) return code
  }
  if ((read.match(/\p{Script=Han}/gu)?.length ?? 0) > most) return 'zh'
  if ((read.match(/\p{Script=Arabic}/gu)?.length ?? 0) > most) return /[پچژگ]/.test(read) ? 'fa' : 'ar'
  if ((read.match(/\p{Script=Cyrillic}/gu)?.length ?? 0) > most) return /[іїєґ]/i.test(read) ? 'uk' : 'ru'
  return letters < fewestLetters ? 'und' : byWords(read)
}

function byWords(text: string): string {
  const points = new Map<string, number>(languages.map((code) => [code, 0]))
  const all = text.toLowerCase().match(/\p{L}+/gu) ?? []
  const words = all.length
  for (const word of all) {
    const known = languagesOf.get(word)
    if (known === undefined) continue
    for (const code of known) points.set(code, (points.get(code) ?? 0) + 1 / known.length)
  }
  const [first, second] = [...points].sort(([, a], [, b]) => b - a)
  if (first === undefined || second === undefined || first[1] < 1 || first[1] < words * 0.06) return 'und'
  return first[1] - second[1] < 0.5 ? 'und' : first[0]
}

/** By hand: an unclosed fence must not make the search start again for each. */
function withoutCode(text: string): string {
  const pieces = text.split('```')
  const prose = pieces.filter((_, index) => index % 2 === 0).join(' ')
  return prose.replaceAll(/https?:\/\/\S+/g, ' ')
}
