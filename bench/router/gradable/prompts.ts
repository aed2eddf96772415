import { seeded } from '../outcomes.ts'

/** A prompt whose reply a program can grade. */
export interface Gradable {
  readonly id: string
  readonly category: 'fact' | 'arithmetic' | 'extract' | 'json' | 'classify'
  readonly language: 'en' | 'de' | 'fr' | 'es'
  readonly prompt: string
  /** Any of these, as words of their own, is right. */
  readonly accepted: readonly string[]
  /** None of these may be said as well. */
  readonly rejected: readonly string[]
  /** Where JSON is asked for: the fields and their values. */
  readonly json?: Readonly<Record<string, string | number>>
}

type Names = readonly [en: string, de: string, fr: string, es: string]
const codes = ['en', 'de', 'fr', 'es'] as const

/** Country and capital, in four languages. */
const capitals: readonly (readonly [Names, Names])[] = [
  [
    ['France', 'Frankreich', 'la France', 'Francia'],
    ['Paris', 'Paris', 'Paris', 'París'],
  ],
  [
    ['Germany', 'Deutschland', "l'Allemagne", 'Alemania'],
    ['Berlin', 'Berlin', 'Berlin', 'Berlín'],
  ],
  [
    ['Spain', 'Spanien', "l'Espagne", 'España'],
    ['Madrid', 'Madrid', 'Madrid', 'Madrid'],
  ],
  [
    ['Italy', 'Italien', "l'Italie", 'Italia'],
    ['Rome', 'Rom', 'Rome', 'Roma'],
  ],
  [
    ['Japan', 'Japan', 'le Japon', 'Japón'],
    ['Tokyo', 'Tokio', 'Tokyo', 'Tokio'],
  ],
  [
    ['Russia', 'Russland', 'la Russie', 'Rusia'],
    ['Moscow', 'Moskau', 'Moscou', 'Moscú'],
  ],
  [
    ['Egypt', 'Ägypten', "l'Égypte", 'Egipto'],
    ['Cairo', 'Kairo', 'Le Caire', 'El Cairo'],
  ],
  [
    ['Portugal', 'Portugal', 'le Portugal', 'Portugal'],
    ['Lisbon', 'Lissabon', 'Lisbonne', 'Lisboa'],
  ],
  [
    ['Greece', 'Griechenland', 'la Grèce', 'Grecia'],
    ['Athens', 'Athen', 'Athènes', 'Atenas'],
  ],
  [
    ['Austria', 'Österreich', "l'Autriche", 'Austria'],
    ['Vienna', 'Wien', 'Vienne', 'Viena'],
  ],
  [
    ['Poland', 'Polen', 'la Pologne', 'Polonia'],
    ['Warsaw', 'Warschau', 'Varsovie', 'Varsovia'],
  ],
  [
    ['Sweden', 'Schweden', 'la Suède', 'Suecia'],
    ['Stockholm', 'Stockholm', 'Stockholm', 'Estocolmo'],
  ],
  [
    ['Norway', 'Norwegen', 'la Norvège', 'Noruega'],
    ['Oslo', 'Oslo', 'Oslo', 'Oslo'],
  ],
  [
    ['Ireland', 'Irland', "l'Irlande", 'Irlanda'],
    ['Dublin', 'Dublin', 'Dublin', 'Dublín'],
  ],
  [
    ['Canada', 'Kanada', 'le Canada', 'Canadá'],
    ['Ottawa', 'Ottawa', 'Ottawa', 'Ottawa'],
  ],
  [
    ['Australia', 'Australien', "l'Australie", 'Australia'],
    ['Canberra', 'Canberra', 'Canberra', 'Canberra'],
  ],
  [
    ['Peru', 'Peru', 'le Pérou', 'Perú'],
    ['Lima', 'Lima', 'Lima', 'Lima'],
  ],
  [
    ['Cuba', 'Kuba', 'Cuba', 'Cuba'],
    ['Havana', 'Havanna', 'La Havane', 'La Habana'],
  ],
  [
    ['Kenya', 'Kenia', 'le Kenya', 'Kenia'],
    ['Nairobi', 'Nairobi', 'Nairobi', 'Nairobi'],
  ],
  [
    ['Thailand', 'Thailand', 'la Thaïlande', 'Tailandia'],
    ['Bangkok', 'Bangkok', 'Bangkok', 'Bangkok'],
  ],
]
const capitalForms: Names = [
  'What is the capital of {x}?',
  'Was ist die Hauptstadt von {x}?',
  'Quelle est la capitale de {x} ?',
  '¿Cuál es la capital de {x}?',
]

/** Questions about the world, and what answers them. */
const facts: readonly (readonly [Names, readonly string[]])[] = [
  [
    [
      'Which planet is closest to the sun?',
      'Welcher Planet ist der Sonne am nächsten?',
      'Quelle planète est la plus proche du soleil ?',
      '¿Qué planeta está más cerca del sol?',
    ],
    ['Mercury', 'Merkur', 'Mercure', 'Mercurio'],
  ],
  [
    [
      'What is the largest ocean?',
      'Was ist der größte Ozean?',
      'Quel est le plus grand océan ?',
      '¿Cuál es el océano más grande?',
    ],
    ['Pacific', 'Pazifik', 'Pazifische', 'Pacifique', 'Pacífico'],
  ],
  [
    [
      'Who wrote Romeo and Juliet?',
      'Wer schrieb Romeo und Julia?',
      'Qui a écrit Roméo et Juliette ?',
      '¿Quién escribió Romeo y Julieta?',
    ],
    ['Shakespeare'],
  ],
  [
    [
      'Who painted the Mona Lisa?',
      'Wer malte die Mona Lisa?',
      'Qui a peint la Joconde ?',
      '¿Quién pintó la Mona Lisa?',
    ],
    ['Leonardo', 'Vinci'],
  ],
  [
    [
      'What is the chemical symbol of gold?',
      'Was ist das chemische Symbol von Gold?',
      "Quel est le symbole chimique de l'or ?",
      '¿Cuál es el símbolo químico del oro?',
    ],
    ['Au'],
  ],
  [
    [
      'What is the chemical formula of water?',
      'Was ist die chemische Formel von Wasser?',
      "Quelle est la formule chimique de l'eau ?",
      '¿Cuál es la fórmula química del agua?',
    ],
    ['H2O', 'H₂O'],
  ],
  [
    [
      'How many legs does a spider have?',
      'Wie viele Beine hat eine Spinne?',
      'Combien de pattes a une araignée ?',
      '¿Cuántas patas tiene una araña?',
    ],
    ['8', 'eight', 'acht', 'huit', 'ocho'],
  ],
  [
    [
      'How many days are in a week?',
      'Wie viele Tage hat eine Woche?',
      'Combien de jours y a-t-il dans une semaine ?',
      '¿Cuántos días tiene una semana?',
    ],
    ['7', 'seven', 'sieben', 'sept', 'siete'],
  ],
  [
    [
      'How many continents are there?',
      'Wie viele Kontinente gibt es?',
      'Combien y a-t-il de continents ?',
      '¿Cuántos continentes hay?',
    ],
    ['7', 'seven', 'sieben', 'sept', 'siete'],
  ],
  [
    [
      'What color is the sky on a clear day?',
      'Welche Farbe hat der Himmel an einem klaren Tag?',
      'De quelle couleur est le ciel par temps clair ?',
      '¿De qué color es el cielo en un día claro?',
    ],
    ['blue', 'blau', 'bleu', 'azul'],
  ],
  [
    [
      'In which year did World War II end?',
      'In welchem Jahr endete der Zweite Weltkrieg?',
      "En quelle année s'est terminée la Seconde Guerre mondiale ?",
      '¿En qué año terminó la Segunda Guerra Mundial?',
    ],
    ['1945'],
  ],
  [
    [
      'Who was the first person on the moon?',
      'Wer war der erste Mensch auf dem Mond?',
      'Qui fut le premier homme sur la lune ?',
      '¿Quién fue la primera persona en la luna?',
    ],
    ['Armstrong'],
  ],
  [
    [
      'What is the opposite of hot?',
      'Was ist das Gegenteil von heiß?',
      'Quel est le contraire de chaud ?',
      '¿Cuál es el contrario de caliente?',
    ],
    ['cold', 'kalt', 'froid', 'frío'],
  ],
  [
    [
      'Which gas do plants take in?',
      'Welches Gas nehmen Pflanzen auf?',
      'Quel gaz les plantes absorbent-elles ?',
      '¿Qué gas absorben las plantas?',
    ],
    [
      'carbon dioxide',
      'CO2',
      'Kohlendioxid',
      'Kohlenstoffdioxid',
      'dioxyde de carbone',
      'gaz carbonique',
      'dióxido de carbono',
    ],
  ],
  [
    [
      'What is the fastest land animal?',
      'Was ist das schnellste Landtier?',
      "Quel est l'animal terrestre le plus rapide ?",
      '¿Cuál es el animal terrestre más rápido?',
    ],
    ['cheetah', 'Gepard', 'guépard', 'guepardo'],
  ],
  [
    [
      'Which is the longest river in Africa?',
      'Welcher ist der längste Fluss in Afrika?',
      "Quel est le plus long fleuve d'Afrique ?",
      '¿Cuál es el río más largo de África?',
    ],
    ['Nile', 'Nil', 'Nilo'],
  ],
  [
    [
      'What is the boiling point of water in degrees Celsius?',
      'Bei wie viel Grad Celsius kocht Wasser?',
      "À combien de degrés Celsius l'eau bout-elle ?",
      '¿A cuántos grados Celsius hierve el agua?',
    ],
    ['100', 'hundred', 'hundert', 'cent', 'cien'],
  ],
  [
    [
      'What language is spoken in Brazil?',
      'Welche Sprache spricht man in Brasilien?',
      'Quelle langue parle-t-on au Brésil ?',
      '¿Qué idioma se habla en Brasil?',
    ],
    ['Portuguese', 'Portugiesisch', 'portugais', 'portugués'],
  ],
]

const sums: readonly Names[] = [
  ['What is {a} + {b}?', 'Was ist {a} + {b}?', 'Combien font {a} + {b} ?', '¿Cuánto es {a} + {b}?'],
  ['What is {a} - {b}?', 'Was ist {a} - {b}?', 'Combien font {a} - {b} ?', '¿Cuánto es {a} - {b}?'],
  ['What is {a} * {b}?', 'Was ist {a} * {b}?', 'Combien font {a} * {b} ?', '¿Cuánto es {a} * {b}?'],
]

interface Person {
  readonly name: string
  readonly city: string
  readonly mail: string
  readonly amount: number
  readonly year: number
}
const people: readonly Person[] = [
  { name: 'Maria Lopez', city: 'Madrid', mail: 'maria@example.org', amount: 240, year: 1984 },
  { name: 'John Smith', city: 'London', mail: 'john.smith@example.com', amount: 75, year: 1991 },
  { name: 'Anna Schmidt', city: 'Hamburg', mail: 'anna@example.net', amount: 1200, year: 1976 },
  { name: 'Paul Martin', city: 'Lyon', mail: 'p.martin@example.fr', amount: 58, year: 2001 },
  { name: 'Sara Rossi', city: 'Milan', mail: 'sara.rossi@example.it', amount: 310, year: 1969 },
  { name: 'David Cohen', city: 'Boston', mail: 'dcohen@example.com', amount: 99, year: 1988 },
]
const sentences: Names = [
  '{name} from {city}, born in {year}, paid {amount} dollars and can be reached at {mail}.',
  '{name} aus {city}, geboren {year}, hat {amount} Dollar bezahlt und ist unter {mail} erreichbar.',
  '{name} de {city}, né en {year}, a payé {amount} dollars et peut être joint à {mail}.',
  '{name} de {city}, nacido en {year}, pagó {amount} dólares y su correo es {mail}.',
]
const wants: readonly (readonly [keyof Person, Names])[] = [
  [
    'mail',
    [
      'What is the email address in this text?',
      'Welche E-Mail-Adresse steht in diesem Text?',
      "Quelle est l'adresse e-mail dans ce texte ?",
      '¿Cuál es el correo electrónico en este texto?',
    ],
  ],
  [
    'city',
    [
      'Which city is mentioned in this text?',
      'Welche Stadt wird in diesem Text genannt?',
      'Quelle ville est mentionnée dans ce texte ?',
      '¿Qué ciudad se menciona en este texto?',
    ],
  ],
  [
    'name',
    [
      'What is the name of the person in this text?',
      'Wie heißt die Person in diesem Text?',
      'Quel est le nom de la personne dans ce texte ?',
      '¿Cómo se llama la persona en este texto?',
    ],
  ],
  [
    'amount',
    [
      'How many dollars were paid in this text?',
      'Wie viele Dollar wurden in diesem Text bezahlt?',
      'Combien de dollars ont été payés dans ce texte ?',
      '¿Cuántos dólares se pagaron en este texto?',
    ],
  ],
  [
    'year',
    [
      'In which year was the person in this text born?',
      'In welchem Jahr wurde die Person in diesem Text geboren?',
      'En quelle année la personne de ce texte est-elle née ?',
      '¿En qué año nació la persona de este texto?',
    ],
  ],
]
const jsonForms: Names = [
  'Return a JSON object with the fields name and city for this text, and nothing else: {x}',
  'Gib ein JSON-Objekt mit den Feldern name und city für diesen Text zurück, sonst nichts: {x}',
  'Renvoie un objet JSON avec les champs name et city pour ce texte, rien d’autre : {x}',
  'Devuelve un objeto JSON con los campos name y city para este texto, nada más: {x}',
]

/** Reviews, positive or not. */
const reviews: readonly (readonly [Names, boolean])[] = [
  [
    [
      'I love this phone, it is wonderful.',
      'Ich liebe dieses Telefon, es ist wunderbar.',
      "J'adore ce téléphone, il est merveilleux.",
      'Me encanta este teléfono, es maravilloso.',
    ],
    true,
  ],
  [
    [
      'Terrible service, I will never come back.',
      'Schrecklicher Service, ich komme nie wieder.',
      'Service horrible, je ne reviendrai jamais.',
      'Servicio terrible, nunca volveré.',
    ],
    false,
  ],
  [
    [
      'The food was delicious and the staff friendly.',
      'Das Essen war köstlich und das Personal freundlich.',
      'La nourriture était délicieuse et le personnel aimable.',
      'La comida estaba deliciosa y el personal amable.',
    ],
    true,
  ],
  [
    [
      'It broke after one day, a waste of money.',
      'Es ging nach einem Tag kaputt, Geldverschwendung.',
      "Il s'est cassé après un jour, de l'argent gaspillé.",
      'Se rompió después de un día, dinero tirado.',
    ],
    false,
  ],
  [
    [
      'The best book I have read this year.',
      'Das beste Buch, das ich dieses Jahr gelesen habe.',
      "Le meilleur livre que j'ai lu cette année.",
      'El mejor libro que he leído este año.',
    ],
    true,
  ],
  [
    [
      'The room was dirty and far too loud.',
      'Das Zimmer war schmutzig und viel zu laut.',
      'La chambre était sale et beaucoup trop bruyante.',
      'La habitación estaba sucia y era demasiado ruidosa.',
    ],
    false,
  ],
  [
    [
      'Fast delivery and great quality.',
      'Schnelle Lieferung und tolle Qualität.',
      'Livraison rapide et excellente qualité.',
      'Entrega rápida y gran calidad.',
    ],
    true,
  ],
  [
    [
      'I am very disappointed with this product.',
      'Ich bin sehr enttäuscht von diesem Produkt.',
      'Je suis très déçu par ce produit.',
      'Estoy muy decepcionado con este producto.',
    ],
    false,
  ],
]
const classForms: Names = [
  'Is this review positive or negative? Answer with one word. "{x}"',
  'Ist diese Bewertung positiv oder negativ? Antworte mit einem Wort. "{x}"',
  'Cet avis est-il positif ou négatif ? Réponds par un mot. "{x}"',
  '¿Esta reseña es positiva o negativa? Responde con una palabra. "{x}"',
]
const positive = ['positive', 'positiv', 'positif', 'positiva', 'positivo']
const negative = ['negative', 'negativ', 'négatif', 'negativa', 'negativo']
const oddOnes: readonly (readonly [Names, Names])[] = [
  [
    ['dog, cat, horse, table', 'Hund, Katze, Pferd, Tisch', 'chien, chat, cheval, table', 'perro, gato, caballo, mesa'],
    ['table', 'Tisch', 'table', 'mesa'],
  ],
  [
    [
      'apple, banana, car, pear',
      'Apfel, Banane, Auto, Birne',
      'pomme, banane, voiture, poire',
      'manzana, plátano, coche, pera',
    ],
    ['car', 'Auto', 'voiture', 'coche'],
  ],
  [
    ['red, blue, green, seven', 'rot, blau, grün, sieben', 'rouge, bleu, vert, sept', 'rojo, azul, verde, siete'],
    ['seven', 'sieben', 'sept', 'siete'],
  ],
  [
    [
      'Monday, Tuesday, July, Friday',
      'Montag, Dienstag, Juli, Freitag',
      'lundi, mardi, juillet, vendredi',
      'lunes, martes, julio, viernes',
    ],
    ['July', 'Juli', 'juillet', 'julio'],
  ],
]
const oddForms: Names = [
  'Which word does not belong: {x}? Answer with one word.',
  'Welches Wort passt nicht dazu: {x}? Antworte mit einem Wort.',
  "Quel mot est l'intrus : {x} ? Réponds par un mot.",
  '¿Qué palabra no encaja: {x}? Responde con una palabra.',
]

/** All of them, in an order that mixes kinds and languages; the same at every call. */
export function gradablePrompts(): readonly Gradable[] {
  const random = seeded(23)
  const all = codes.flatMap((language, column): readonly Gradable[] => {
    const at = (names: Names) => names[column] ?? names[0]
    const make = (
      category: Gradable['category'],
      prompt: string,
      accepted: readonly string[],
      rejected: readonly string[] = [],
    ): Gradable => ({
      id: '',
      category,
      language,
      prompt,
      accepted,
      rejected,
    })
    const sentence = (person: Person) => fill(at(sentences), person)
    return [
      ...capitals.map(([country, city]) => make('fact', at(capitalForms).replace('{x}', at(country)), city)),
      ...facts.map(([question, accepted]) => make('fact', at(question), accepted)),
      ...sums.flatMap((form, operation) =>
        Array.from({ length: 15 }, (_, index) => {
          const most = index < 6 ? 10 : index < 11 ? 50 : 300
          const a = 1 + Math.floor(random() * most)
          const b = 1 + Math.floor(random() * (operation === 1 ? a : most))
          const result = operation === 0 ? a + b : operation === 1 ? a - b : a * b
          return make('arithmetic', at(form).replace('{a}', String(a)).replace('{b}', String(b)), [String(result)])
        }),
      ),
      ...people.slice(0, 5).flatMap((person) =>
        wants.map(([field, question]) => {
          const others = wants
            .filter(([other]) => other !== field && field !== 'name')
            .map(([other]) => String(person[other]))
          return make('extract', `${at(question)} ${sentence(person)}`, [String(person[field])], others.slice(0, 3))
        }),
      ),
      ...people.map((person) => ({
        ...make('json', at(jsonForms).replace('{x}', sentence(person)), []),
        json: { name: person.name, city: person.city },
      })),
      ...reviews.map(([text, good]) =>
        make(
          'classify',
          at(classForms).replace('{x}', at(text)),
          good ? positive : negative,
          good ? negative : positive,
        ),
      ),
      ...oddOnes.map(([words, odd]) =>
        make(
          'classify',
          at(oddForms).replace('{x}', at(words)),
          [at(odd)],
          at(words)
            .split(', ')
            .filter((word) => word !== at(odd)),
        ),
      ),
    ]
  })
  return all.map((item, index) => ({ ...item, id: `${item.language}-${item.category}-${index}` }))
}

function fill(form: string, person: Person): string {
  return form.replaceAll(/\{(\w+)\}/g, (_, field: keyof Person) => String(person[field]))
}

/** True where the reply is right: the wanted words, none of the others; or JSON with the wanted values. */
export function isRight({ accepted, rejected, json }: Gradable, reply: string): boolean {
  if (json !== undefined) {
    const text = /\{[^{}]*\}/.exec(reply)?.[0] ?? ''
    try {
      const value: Record<string, unknown> = JSON.parse(text)
      return Object.entries(json).every(([key, wanted]) => plain(String(value[key] ?? '')) === plain(String(wanted)))
    } catch {
      return false
    }
  }
  const said = ` ${plain(reply)} `
  const holds = (word: string) => said.includes(` ${plain(word)} `)
  return accepted.some(holds) && !rejected.some(holds)
}

function plain(text: string): string {
  return text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/(\d)[,.](?=\d{3}\b)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}@.]+|\.(?!\w)/gu, ' ')
    .trim()
}
