import type { TaskKind } from '../../src/core/evidence.ts'

const split = (text: string): readonly string[] => text.split('|')

/** Words and phrases that name a kind of task, in nine languages: each is an example by itself. */
export const cues: Readonly<Partial<Record<TaskKind, readonly string[]>>> = {
  chat: split(
    'hello|hi there|hey|good morning|good evening|how are you|thank you|thanks a lot|nice to meet you|tell me a joke|who are you|what is your name|i feel sad|i am happy|i love you|bye|good night|do you like|what do you think of me|hallo|guten tag|guten abend|wie geht es dir|danke|vielen dank|wer bist du|erzähl mir einen witz|bonjour|salut|bonsoir|comment ça va|merci|qui es tu|hola|buenos días|buenas tardes|cómo estás|gracias|quién eres|ciao|buongiorno|come stai|grazie|olá|bom dia|tudo bem|obrigado|привет|здравствуйте|как дела|спасибо|кто ты|你好|早上好|谢谢|你是谁|こんにちは|おはよう|ありがとう|元気ですか',
  ),
  fact: split(
    'who is|who was|who wrote|who invented|who painted|when was|when did|what year|where is|where was|which country|which river|which planet|what is the capital|what is the largest|how tall is|how old is|how many people|how far is|what is the name of|in which city|what does it stand for|name the|define|what is the chemical symbol|wer war|wer schrieb|wann wurde|in welchem jahr|wo liegt|welches land|wie hoch ist|wie heißt|was ist die hauptstadt|qui était|qui a écrit|en quelle année|où se trouve|quel pays|quelle est la capitale|quién fue|quién escribió|en qué año|dónde está|qué país|cuál es la capital|chi era|chi ha scritto|in che anno|dove si trova|qual è la capitale|quem foi|quem escreveu|em que ano|onde fica|qual é a capital|кто был|кто написал|в каком году|где находится|какая столица|是谁|哪一年|在哪里|首都是|谁写了|誰ですか|いつですか|どこですか|首都はどこ',
  ),
  explain: split(
    'explain|explain why|explain how|how does it work|how do i|how can i|why does|why is|why do|what are the differences|difference between|compare|pros and cons|advantages and disadvantages|what are the advantages|what are the benefits|describe how|tell me about|teach me|give an overview|in simple terms|step by step guide|what causes|what happens when|what should i|give me advice|recommend|analyze|discuss|evaluate|erkläre|erklär mir|wie funktioniert|warum ist|unterschied zwischen|vor und nachteile|was passiert wenn|vergleiche|explique|explique moi|comment fonctionne|pourquoi|différence entre|avantages et inconvénients|explica|explícame|cómo funciona|por qué|diferencia entre|ventajas y desventajas|spiega|spiegami|come funziona|perché|differenza tra|como funciona|por que|diferença entre|объясни|как работает|почему|в чём разница|解释|为什么|怎么运作|有什么区别|説明して|なぜ|どうして|違いは何',
  ),
  arithmetic: split(
    'calculate|compute|how much does she earn|how many are left|how many does he have|how much money|in total|altogether|what is # plus #|# + #|# * #|# times #|# minus #|# divided by #|percent of #|how much change|how many hours|each costs|per hour how much|berechne|wie viel ist # plus #|wie viel bleibt übrig|wie viele hat er|prozent von|calcule|combien font|combien reste|en tout combien|calcula|cuánto es # más #|cuántos quedan|en total cuántos|quanto fa|quanti ne restano|quanto é|quantos restam|сколько будет|вычисли|сколько осталось|等于多少|计算|一共多少|いくつですか 計算|いくら残り',
  ),
  mathematics: split(
    'prove that|show that|theorem|lemma|derivative of|integral of|solve the equation|solve for x|find all x|matrix|eigenvalue|polynomial|limit as x approaches|differential equation|let f be a function|probability that|prime numbers|group of order|topology|vector space|calculate the velocity|joules|resistance ohm|molar mass|beweise|zeige dass|ableitung|löse die gleichung|démontre|dérivée|résous|demuestra|derivada|resuelve la ecuación|dimostra|risolvi|prove que a|resolva|докажи|реши уравнение|证明|解方程|証明|方程式を解いて',
  ),
  logic: split(
    'who is the tallest|who tells the truth|if all a are b|which one is the odd one out|puzzle|riddle|logically|valid argument|invalid argument|premise|conclusion follows|sort the words alphabetically|what comes next in the sequence|complete the sequence|is the following sentence plausible|rätsel|wer lügt|sortiere alphabetisch|énigme|qui ment|adivinanza|quién miente|indovinello|загадка|кто лжёт|谜语|逻辑|なぞなぞ',
  ),
  code: split(
    'python|javascript|typescript|java|c++|rust|golang|sql|html|css|bash script|write a function|implement|refactor|debug|fix this code|unit test|class|regex|regular expression|api endpoint|docker|kubernetes|git|react|node js|compile error|stack trace|exception|def foo|import numpy|select from where|algorithm|data structure|schreibe eine funktion|code|programm|écris une fonction|programme en|escribe una función|código|scrivi una funzione|codice|escreva uma função|напиши функцию|код на|写一个函数|代码|関数を書いて|コード',
  ),
  extract: split(
    'extract|extract the|find all names|find the email|find the phone number|list all dates mentioned|which names are mentioned|pull out|return only the|get the invoice number|what is the date in this text|fields as json|parse the following|named entities|from the text below|according to the text|based on the passage|extrahiere|gib nur zurück|welche namen|finde alle|extrais|donne uniquement|quels noms|trouve l adresse|extrae|devuelve solo|qué nombres|estrai|restituisci solo|extraia|devolva apenas|извлеки|верни только|какие имена|提取|只返回|找出|抽出|だけを返して',
  ),
  classify: split(
    'classify|classify the following|is this spam|positive or negative|sentiment|which category|label the|categorize|is this true or false|yes or no|answer yes or no|rate this|detect whether|is the following|toxic or not|which intent|topic of this|klassifiziere|positiv oder negativ|ja oder nein|welche kategorie|classe|positif ou négatif|oui ou non|quelle catégorie|clasifica|positiva o negativa|sí o no|qué categoría|classifica|positiva o negativa|sì o no|classifique|sim ou não|классифицируй|положительный или отрицательный|да или нет|分类|正面还是负面|是或否|分類|肯定的 否定的|はいかいいえ',
  ),
  summarize: split(
    'summarize|summarise|summary|tl dr|key points|main idea|in one sentence|condense|shorten to bullet points|give me the gist|main takeaways|abstract of|fasse zusammen|zusammenfassung|kernaussagen|wichtigste punkte|résume|résumé|points clés|resume|resumen|puntos clave|ideas principales|riassumi|riassunto|punti chiave|resuma|resumo|pontos principais|кратко|перескажи|резюме|总结|概括|要点|要約|まとめて',
  ),
  translate: split(
    'translate|translate to|translation|how do you say|into german|into french|into spanish|into english|into japanese|what does it mean in english|übersetze|ins englische|wie sagt man|auf spanisch|traduis|en anglais|comment dit on|traduce|al inglés|cómo se dice|traduci|in inglese|come si dice|traduza|para o inglês|como se diz|переведи|на английский|как сказать|翻译|翻译成英文|怎么说|翻訳|英語に|何と言いますか',
  ),
  rewrite: split(
    'rewrite|rephrase|paraphrase|correct the grammar|fix the spelling|proofread|make this shorter|make it more formal|more polite|improve the style|edit this|reword|change the tone|formuliere um|korrigiere|höflicher|kürzer|reformule|corrige|plus poli|plus court|reescribe|más corto|más formal|corrige la ortografía|riscrivi|correggi|più breve|reescreva|corrija|mais curto|перепиши|исправь|вежливее|改写|修改|更礼貌|改正|書き直して|直して|丁寧に',
  ),
  write: split(
    'write a poem|write a story|write an essay|write a letter|write an email|draft|compose|create a slogan|brainstorm|give me ideas|ten ideas|blog post|speech|song lyrics|script for|product description|cover letter|invent|imagine|plan a trip|menu for|tweet about|schreibe ein gedicht|schreibe eine geschichte|verfasse|ideen für|entwirf|écris un poème|rédige|écris une histoire|idées pour|invente|escribe un poema|redacta|escribe una historia|inventa|ideas para|scrivi una poesia|scrivi una storia|idee per|escreva um poema|redija|escreva uma história|напиши стихотворение|сочини|напиши рассказ|写一首诗|写一个故事|写一封|詩を書いて|物語を書いて|メールを書いて',
  ),
  choice: split(
    'which of the following|choose the correct option|a b c d|select the best answer|all of the above|none of the above|options|answer with the correct letter',
  ),
}
