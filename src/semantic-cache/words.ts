/** Words of English, German, French and Spanish, as far as two questions are compared by them. */

const set = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean))

/** They say nothing about what is asked. Question words, negations and directions are not among them. */
export const functionWords = set(`
  a an the this that these those it its is are was were be been being am do does did done have has had having will would
  shall should can could may might must need to of for and or in at by as with about on i me my we us our you your he she
  they them their one there here so just also please kindly tell say give show let know want like help could explain
  mean meant describe write name called what which how much many
  question answer some any if then
  der die das den dem des ein eine einen einem einer eines und oder ist sind war waren sein wird werden wurde kann könnte
  können konnte soll sollte muss müssen darf ich mich mir mein meine meinen meinem meiner du dich dir dein deine wir uns
  unser man es sich zu um in im an am auf für von vom mit bei als wie was welche welcher welches bitte nenne sag sage
  erkläre erklär heißt lautet gib tun
  le la les l un une des de du d et ou est sont était être suis je j me m mon ma mes tu te t ton ta tes il elle on nous
  vous que qu quel quelle quels quelles comment ce cet cette ces se s dois doit faire puis peux peut pourrais dis moi dire
  donne explique s'il plaît à au aux en pour par y a t
  el los las lo un una unos unas y o es son era ser soy está yo me mi mis tú te tu su sus se nosotros que qué cuál cuáles
  cómo de del al a en para por con tengo tiene hacer puedo puede podría dime di decir explica favor hay
`)

/** Only how it is asked, where they are added to a question. */
export const genericWords = set(`
  way ways step steps method possible able okay ok exactly actually really true case thing things get gets got
  weise weg möglich manière façon possible manera forma posible
`)

/** One sense each, whichever of them stands there. */
const synonymRows = [
  'buy purchase get',
  'cost price costs prices',
  'big large huge',
  'quick fast rapid',
  'start begin',
  'make create prepare',
  'calculate compute',
  'founder found founded',
  'author wrote write written writer',
  'recipe make',
  'shortly briefly',
  'people citizens citizen',
  'film movie',
  'car automobile',
  'phone telephone smartphone',
  'doctor physician',
  'child kid kids children',
  'fix repair',
  'required needed need',
  'summary summarize summarise',
  'explanation explain',
  'located lie lies',
  'due deadline',
  'month monthly',
  'year yearly annually annual',
  'day daily',
  'week weekly',
  'far distance away',
  'hour hours time',
  'difference differ differs different',
  'opening open',
  'safe safely',
  'speak spoken habla hablan',
  'idioma lengua',
  'ändern wechseln',
]
export const senses: ReadonlyMap<string, string> = new Map(
  synonymRows.flatMap((row) => {
    const [first = '', ...rest] = row.split(' ')
    return [first, ...rest].map((word) => [word, `=${first}`] as const)
  }),
)

/** What stands on one side of two questions, and its opposite on the other. */
const oppositeRows = `
  on/off in/out up/down left/right before/after first/last early/late open/close open/closed opened/closed begin/end
  start/stop start/end start/finish enable/disable enabled/disabled activate/deactivate increase/decrease increase/reduce
  raise/lower rise/fall grow/shrink more/less most/least more/fewer maximum/minimum max/min highest/lowest high/low
  higher/lower tall/short tallest/shortest long/short longest/shortest longer/shorter big/small bigger/smaller
  biggest/smallest large/small larger/smaller largest/smallest fast/slow faster/slower fastest/slowest hot/cold
  hottest/coldest hotter/colder warm/cool old/new old/young older/newer older/younger oldest/newest oldest/youngest
  good/bad better/worse best/worst right/wrong true/false correct/incorrect safe/unsafe safe/dangerous legal/illegal
  possible/impossible easy/hard easy/difficult easier/harder cheap/expensive cheaper/dearer cheapest/dearest rich/poor
  strong/weak heavy/light full/empty hard/soft wet/dry clean/dirty near/far nearest/farthest closest/farthest
  closest/furthest inside/outside above/below over/under top/bottom front/back north/south east/west northern/southern
  eastern/western buy/sell sell/purchase lend/borrow give/take send/receive import/export push/pull add/remove
  add/subtract multiply/divide include/exclude insert/delete create/delete create/destroy install/uninstall load/unload
  lock/unlock connect/disconnect plug/unplug zip/unzip encrypt/decrypt encode/decode compress/decompress mount/unmount
  login/logout subscribe/unsubscribe follow/unfollow like/dislike love/hate win/lose succeed/fail pass/fail accept/reject
  accept/refuse accept/decline allow/forbid allow/deny approve/reject grant/revoke hire/fire join/leave arrive/depart
  arrival/departure enter/exit enter/leave entrance/exit import/export upload/download input/output sender/receiver
  teacher/student employer/employee buyer/seller landlord/tenant parent/child mother/father brother/sister
  husband/wife man/woman men/women male/female boy/girl king/queen day/night morning/evening summer/winter spring/autumn
  today/tomorrow today/yesterday yesterday/tomorrow past/future ancient/modern war/peace life/death birth/death born/died
  alive/dead friend/enemy public/private local/remote online/offline internal/external domestic/foreign national/foreign
  from/to from/into simple/complex simple/technical simple/compound formal/informal active/passive active/inactive positive/negative
  plus/minus asset/liability profit/loss income/expense debit/credit gross/net supply/demand wholesale/retail
  advantage/disadvantage advantages/disadvantages pro/con pros/cons benefit/risk benefits/risks strength/weakness
  strengths/weaknesses cause/effect causes/effects causes/consequences problem/solution question/answer theory/practice
  always/never all/none everything/nothing everybody/nobody someone/nobody yes/no with/without pregnant/postpartum
  inflation/deflation acid/base sharp/flat major/minor singular/plural vowel/consonant synonym/antonym horizontal/vertical
  row/column rows/columns width/height ascending/descending odd/even client/server read/write frontend/backend
  request/response get/put get/post single/married single/double absolute/relative constant/variable static/dynamic
  sync/async synchronous/asynchronous forward/backward forwards/backwards clockwise/counterclockwise acute/chronic
  benign/malignant arteries/veins artery/vein hypertension/hypotension solid/liquid melt/freeze boil/freeze boil/fry
  freezing/boiling gain/lose gained/lost cancel/renew buy/rent rent/own ein/aus an/aus auf/zu vor/nach
  öffnen/schließen einschalten/ausschalten ja/nein groß/klein größte/kleinste alt/neu alt/jung gut/schlecht warm/kalt
  schnell/langsam lang/kurz hoch/niedrig hell/dunkel voll/leer teuer/billig kaufen/verkaufen mehr/weniger rechts/links
  oben/unten innen/außen immer/nie kommen/gehen ankunft/abfahrt ouvrir/fermer allumer/éteindre acheter/vendre
  grand/petit chaud/froid plus/moins avant/après premier/dernier toujours/jamais gagner/perdre haut/bas annuler/renouveler
  encender/apagar abrir/cerrar comprar/vender comprar/devolver grande/pequeño caliente/frío más/menos antes/después
  primero/último siempre/nunca ganar/perder alto/bajo subir/bajar
`
export const opposites: ReadonlyMap<string, ReadonlySet<string>> = oppositesOf(oppositeRows)

function oppositesOf(rows: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const row of rows.split(/\s+/).filter(Boolean)) {
    const [one = '', other = ''] = row.split('/')
    found.set(one, (found.get(one) ?? new Set()).add(other))
    found.set(other, (found.get(other) ?? new Set()).add(one))
  }
  return found
}

export const negations = set(`
  not no never without neither nor none nothing nobody cannot except avoid avoiding stop prevent unless
  nicht kein keine keinen keinem keiner ohne nie niemals nichts außer
  ne n pas sans jamais rien aucun aucune sauf ni
  no sin nunca nada ningún ninguna excepto tampoco
`)

const numberRows = `
  zero/null/zéro/cero one/eins/uno two/zwei/deux/dos three/drei/trois/tres four/vier/quatre/cuatro five/fünf/cinq/cinco
  six/sechs/seis seven/sieben/sept/siete eight/acht/huit/ocho nine/neun/neuf/nueve ten/zehn/dix/diez eleven/elf/onze/once
  twelve/zwölf/douze/doce
`
const exact = numberRows.split(/\s+/).filter(Boolean)
export const numberWords: ReadonlyMap<string, string> = new Map([
  ...exact.flatMap((row, value) => row.split('/').map((word) => [word, String(value)] as const)),
  ...[...'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ').entries()].map(
    ([index, word]) => [word, String((index + 2) * 10)] as const,
  ),
  ...(
    [
      ['dozen', '12'],
      ['hundred', '100'],
      ['thousand', '1000'],
      ['million', '1000000'],
      ['half', '0.5'],
      ['twice', '2'],
      ['double', '2'],
      ['second', '2nd'],
      ['third', '3rd'],
      ['fourth', '4th'],
      ['fifth', '5th'],
      ['zweite', '2nd'],
      ['dritte', '3rd'],
      ['deuxième', '2nd'],
      ['troisième', '3rd'],
      ['segundo', '2nd'],
      ['tercero', '3rd'],
    ] as const
  ).map(([word, value]) => [word, value] as const),
])

/** What kind of thing is asked for; the words that ask for the same kind have the same name. */
export const asks: ReadonlyMap<string, string> = new Map(
  Object.entries({
    who: 'who whom whose wer wen wem qui quién quiénes',
    when: 'when wann quand cuándo date',
    where: 'where wo wohin woher où dónde',
    why: 'why warum weshalb wieso pourquoi',
    many: 'wieviel wieviele viele combien cuánto cuánta cuántos cuántas',
  }).flatMap(([kind, words]) => words.split(' ').map((word) => [word, kind] as const)),
)

/** Between what is compared. */
export const comparing = set('than als')

export const origins = set('from desde aus vom')

/** With these, the order of names and things is part of the question. */
export const directions = set(`
  from to into than before after north south east west over under above below beat beats between vs versus against via
  von vom nach zu zum zur als bis vor de du del à au al vers que avant desde hasta hacia sobre
`)
