## provider

## Signes de dommage dans ce qui est publié

table-not-built = ce n’est pas la table qui a été construite
table-frame-not-built = la trame { $frame } n’est pas celle qui a été construite
snapshot-not-here = il ne nomme aucun instantané présent ici
snapshot-not-signed = ce n’est pas un instantané signé
snapshot-not-ours = ce n’est pas ce que ce nœud a signé

## Objections

object-not-begun = { $why } ; rien n’a encore été exécuté
object-read = oppositions lues : { $read_text } ; nouvelles : { $new_text }, déjà connues : { $known_text }, non exécutées : { $left_text }
object-undated = { $n_text } dont la date est illisible : elles valent comme si elles avaient toujours été là
object-effect = Les livraisons écartent désormais ces personnes, et les tables sont refaites sans elles.
object-destroy = Le flux contient des données à caractère personnel : détruisez-le.
object-left = oppositions non exécutées : { $left_text } sur { $read_text } : { $lines }
object-left-more = oppositions non exécutées : { $left_text } sur { $read_text } : { $lines }, et encore { $more_text }
object-line-of = ligne { $line } de { $file } { $why }
object-line = ligne { $line } { $why }
object-unread = rien n’a été lu au-delà d’un endroit illisible : { $why }
object-left-unread = { $left } ; { $unread }
object-not-written = { $left } ; { $why }
    .try = redonnez le même flux, avec `--rejects` sur un disque qui a de la place
object-try-unread = { $try }, puis redonnez le flux entier
object-try-written = corrigez le fichier { $output }, qui contient ces lignes, puis lancez `{ $command }`
object-try-kept = gardez le flux, corrigez ces lignes et redonnez-le ; `--rejects FILE` les écrit dans un fichier à part

## Lecture du graphe

ingest-counts = { $lines_text } lignes, { $personas_text } personas, { $published_text } publiés avec { $identifiers_text } identifiants et { $ids_text } identifiants digitaux
ingest-conflicts = identifiants sous deux personnes, non publiés : { $n_text }
ingest-household = identifiants de foyers, dans aucune table du niveau individuel : { $n_text }
ingest-large-subject = une adresse, un numéro de mobile ou un persona réunit { $n_text } références en une seule personne : l’opposition de l’une les retire toutes. Si la valeur en remplace d’absentes, ôtez-la du fichier
ingest-surplus = identifiants et identifiants digitaux au-delà de ce qu’un persona peut porter, écartés : { $n_text }
ingest-ids-objected = identifiants digitaux portés aussi par des personnes qui se sont opposées, écartés : { $n_text }
persons-above-unit = { $n ->
    [one] { $n_text } personne a
   *[other] { $n_text } personnes ont
 } plus de { $unit } identifiants : le bruit est fait pour { $unit }, et leur perte de confidentialité (epsilon) est plus grande en proportion ; `noise_unit` dans le fichier d’un partenaire peut aller jusqu’à { $most }
ingest-lines-left = lignes écartées : { $reasons }
ingest-personas-left = personas écartés : { $reasons }
ingest-warnings = cellules qui comptent comme vides : { $reasons }
ingest-rejects = les lignes et les motifs sont dans { $file }
ingest-values-rejected = valeurs rejetées : { $reasons }
# $n lignes ont ce motif ; $lines sont les premières, $more vaut `yes` s’il y en a d’autres.
ingest-reason = { $code } { $n_text } ({ $n ->
    [one] ligne
   *[other] lignes
 } { $lines }{ $more ->
    [yes] , …
   *[no] { "" }
 })
ingest-no-consent = aucune colonne de consentement : ces liens sont publiés sur votre seule parole
ingest-consent = consentement : { $schemes } ; la forme de chacun a été vérifiée, non les finalités qu’il autorise
ingest-tables = tables prêtes pour { $n ->
    [one] { $n_text } partenaire
   *[other] { $n_text } partenaires
 }
ingest-no-tables = aucune table pour le partenaire { $partner }
snapshot-stands = l’instantané du jour a été montré à un partenaire et vaut jusqu’à demain
    .try = relancez `ingest` après minuit UTC

## Création

init-identity = identité : { $identity }
init-next-provider = Ensuite : lisez un graphe, et invitez un annonceur par le fichier identity.txt de son nœud.

## Groupes

group-busy = une autre remise au groupe { $group } est en cours
group-moved = { $partner } est dans un autre groupe qu’au début de sa session, et n’y est pas servi aux conditions de cette session
    .try = relancez dans une minute

## Invitation

invite-own-identity = c’est l’identité de ce nœud lui-même
    .try = nommez le fichier identity.txt écrit par `advertiser-node init`
invite-line = --identity prend le fichier, non la ligne : la ligne ne prouve pas à qui sont les clés qu’elle nomme
    .try = { try-ask-identity }
invite-unreadable = impossible de lire { $path } : { $why }
    .try = { try-ask-identity }
invite-identity = { $path } : { $why }
    .try = { try-ask-identity }
invite-unproved = { $path } : { $why }
    .try = n’invitez pas cette partie : demandez par téléphone à l’expéditeur le fichier identity.txt écrit par `advertiser-node init`
try-ask-identity = demandez à l’annonceur le fichier identity.txt écrit par `advertiser-node init`, avec ses deux lignes
invite-not-an-identity = { $why }
    .try = nommez le fichier identity.txt du partenaire
invite-no-profile = il n’y a pas de profil { $profile }
    .try = utilisez --profile avec un de ceux-ci : { $known }
invite-rows = --rows { $rows } n’est pas la taille d’un fichier de clients
    .try = écrivez le nombre de fiches déclaré par le partenaire, de 1 à { $most }
invite-legal-entity = --legal-entity n’a pas de 1 à 128 caractères imprimables
    .try = écrivez la société comme le contrat la nomme
invite-wide = { $evaluations_text } évaluations en 30 jours font { $share } % des numéros mobiles de France, plus de 1 %
    .try = déclarez moins de fiches ou de profils, ou acceptez-le avec --allow wide-budget
invite-name = le nom d’un partenaire a de 1 à 64 lettres minuscules, chiffres ou traits d’union
    .try = choisissez un autre nom, par exemple retailer-fr
invite-may-run = le partenaire { $partner } peut lancer : { $profiles } pour la finalité { $purpose }
invite-budget = budget pour { $rows_text } fiches : { $day_text } évaluations par jour, { $month_text } en 30 jours
invite-share = soit { $shares }
invite-phones = dont, en numéros de téléphone que ses conditions peuvent déclarer : { $day_text } par jour, { $month_text } en 30 jours ; personne ne peut le voir dans une session, un audit le peut
invite-epsilon = un bruit cache chaque personne dans ses comptes : perte de confidentialité (epsilon) de { $run } par exécution, { $month } en 30 jours
invite-no-noise = ses exécutions peuvent être sans bruit, si ses propres paramètres le veulent aussi ; avec bruit, perte de confidentialité (epsilon) d’au plus { $month } en 30 jours
invite-group = il forme un groupe avec { $partners } : ce que l’un dépense, tous l’ont dépensé, et une remise à l’un en est une à tous
invite-like = le partenaire a les conditions de remise de { $partner }, du même groupe
# $named vaut `yes` si le fichier de ce partenaire nomme un groupe.
invite-near = avertissement : c’est peut-être la société de { $partner }, « { $entity } » ; si c’est elle, invitez-la de nouveau avec `--legal-entity "{ $entity }"`{ $named ->
   *[no] {""}
    [yes] {" "}ou avec `--legal-group { $group }`
 }, pour un seul budget et un seul historique de remises
invite-near-before = avertissement : c’est peut-être une société déjà venue, dont le budget et les remises sont ceux du groupe { $group } ; si c’est elle, invitez-la de nouveau avec `--legal-entity` comme alors
invite-mixed = conseil : matched-rows montre exactement quelles fiches correspondent ; ce que les autres profils arrondissent, n’affichent pas ou couvrent de bruit ne protège personne d’un partenaire qui a aussi ce profil
invite-exact-bag = conseil : avec digital-ids, la liste remise est exacte : les classes protègent les personnes qui y sont, le bruit (epsilon) ne protège que le compte
invite-written = invitation : { $output }
# $ingest vaut `yes` si le graphe lui-même n’a pas encore d’espace de noms de cookies.
invite-no-cookie = avertissement : l’invitation ne liste aucun espace de noms de cookies, digital-ids et activation ne livrent donc aucun cookie ; { $ingest ->
    [yes] lisez votre graphe avec `ingest`, nommez
   *[no] nommez
 } ses espaces de noms de cookies sous `namespaces` dans { $file },
invite-no-cookie-then = puis invitez de nouveau sous le même nom et faites accepter cette invitation
compare-code = code { $code } : comparez-le par téléphone
shares-plan = { $day } % des numéros mobiles de France par jour, { $month } % en 30 jours
shares-graph = au plus { $day } % des identifiants du graphe par jour, { $month } % en 30 jours
shares-no-graph = la part du graphe est donnée dès qu’il y en a un
shares-both = { $plan } ; { $graph }

## Espaces de noms

namespaces-unusable = le fichier { $path } est inutilisable : { $why }
    .try = restaurez le fichier depuis votre sauvegarde ; ses numéros figurent dans des conditions signées
namespaces-name = le fichier { $path } contient un nom qui n’est pas sous sa forme canonique
    .try = restaurez le fichier depuis votre sauvegarde ; ses numéros figurent dans des conditions signées
namespaces-full = ce nœud a rencontré 65 280 espaces de noms de cookies, plus qu’il n’y a de numéros
    .try = retirez du fichier du graphe les espaces de noms qu’aucun partenaire n’achète

## Partenaires

partner-not-served = le partenaire { $partner } n’est pas servi : { $file } : { $what }
partner-not-served-line = le partenaire { $partner } n’est pas servi : { $file } ligne { $line } : { $what }
partner-changed = { $partner } : modifié, servi
partner-new = { $partner } : nouveau, servi
partner-removed = { $partner } : retiré
partner-other-identity = il y a déjà un partenaire { $partner }, avec une autre identité
    .try = choisissez un autre nom ; un partenaire qui a changé de clés est un nouvel espace partenaire
partner-same-key = la { $key ->
    [attestation] clé d’attestation
   *[tls] clé TLS
 } de cette identité est celle du partenaire { $partner }
    .try = invitez-le sous ce nom, ou retirez d’abord partners/{ $partner } : une partie est un partenaire

## Service

serve-no-graph = ce nœud n’a pas encore de graphe
    .try = lisez-en un avec `provider-node ingest`
serve-on = en service sur { $address }, moteur { $engine }
serve-partners-read = partenaires relus
serve-stopping = arrêt
serve-stopping-sessions = arrêt progressif ; les sessions en cours ont { $seconds } s pour finir : { $sessions_text }
serve-socket-lost = la socket UDP est perdue
serve-ready-file = { $path } existe et n’est pas un fichier d’état de service
    .try = nommez un autre fichier
serve-ready-file-stays = impossible de retirer { $path } : { $why }
    .try = nommez un autre fichier

## État

status-identity = identité : { $identity }
status-party = partie : { $party }
status-snapshot = instantané du { $day }
status-no-graph = pas encore de graphe ; lisez-en un avec `provider-node ingest`
status-attention = à examiner :
status-unreadable = { $partner } : { $code } { $what }
status-no-partner = pas encore de partenaire ; ouvrez-en un avec `provider-node invite`
status-partner = partenaire { $partner } : { $entity }, partie { $party }, profils { $profiles } pour la finalité { $purpose }
status-table-ready = table pour { $profile } : prête, { $tags_text } étiquettes
status-table-building = table pour { $profile } : en construction
status-table-none = table pour { $profile } : aucune ; `ingest` ou `serve` la construit
status-group = groupe { $group }, de { $partners_text } partenaires : les budgets ci-dessous sont ceux du groupe entier
status-spent = évaluations dépensées : { $day_text } sur { $day_max_text } en 24 heures, { $month_text } sur { $month_max_text } en 30 jours ; { $left_text } peuvent être dépensées maintenant
status-phones = numéros de téléphone déclarés : { $day_text } sur { $day_max_text } en 24 heures, { $month_text } sur { $month_max_text } en 30 jours ; seul un audit peut voir si c’est vrai
status-epsilon = perte de confidentialité (epsilon) en 30 jours : { $spent } sur { $most } ; { $left } peut être dépensé maintenant
status-removals = exécutions qui retirent des personnes, en 30 jours : { $runs_text }, avec une perte de confidentialité de { $epsilon }
status-may-test = il peut tester { $shares }
status-connections = aujourd’hui : { $openings_text } ouvertures sur { $openings_max_text } ; connexions : { $admitted_text }, dont priées de revenir : { $come_back_text } ; fermées aussitôt : { $refused_text }
status-handshakes = négociations du jour qui ne venaient d’aucun partenaire ou sont restées en chemin : { $failed_text } ; sans place : { $turned_away_text }

## Le graphe

graph-nothing-published = { $path } n’a aucune ligne qui puisse être publiée
    .try = corrigez ce qui est le plus souvent écarté : { $reasons }
graph-reason = { $reason } { $count_text }

## Politique partenaire

policy-unreadable = fichier illisible : { $why }
    .try = faites-en un fichier texte en UTF-8 que ce compte peut lire
policy-unusable = { $path } : { $fault }
    .try = { $advice }, puis invitez de nouveau
policy-identity = `identity` : { $why }
    .try = copiez la ligne de identity.txt du partenaire, ou invitez-le de nouveau
policy-name = `name` n’est pas { $name }, le nom du répertoire
    .try = écrivez `name = "{ $name }"`
policy-group = `{ $name }` a de 1 à 64 lettres minuscules, chiffres ou traits d’union
    .try = écrivez un autre nom, par exemple retailer
policy-purpose = `{ $name }` n’est pas une finalité possible pour une exécution
    .try = écrivez `"ads.match"` ou `"ads.suppress"`
policy-kinds = `{ $name }` nomme un type d’identifiant inconnu, le même deux fois, ou aucun
    .try = listez des types tels que `"email.strict"`, `"email.gmail"`, `"phone"`
policy-profiles = `{ $name }` nomme un profil inconnu, le même deux fois, ou aucun
    .try = listez match-rate, matched-rows, digital-ids ou activation
policy-out-of-range = `{ $name }` est hors bornes
    .try = écrivez { $allowed }
policy-of-company = `{ $name }` diffère de celui de { $partner }, de la même société ou du même groupe
    .try = écrivez la même valeur dans les deux fichiers : les identifiants numériques sont remis sous une même condition pour tous
policy-drop-delay = `{ $name }` est hors bornes
    .try = écrivez 30 au plus
policy-drop-cover = `{ $name }` ne peut valoir false qu’avec `drop_delay_days = 0`, et sans digital-ids
    .try = supprimez la ligne, ou retirez digital-ids de `profiles` et écrivez `drop_delay_days = 0`
policy-namespaces = `{ $name }` a plus de 16 entrées, ou une en double
    .try = listez-en au plus 16, toutes différentes
policy-namespace-unknown = `{ $name }` a un nom qui n’est ni un type d’identifiant publicitaire ni un espace de noms de cookies
    .try = écrivez idfa, aaid, ou un domaine tel que le graphe l’écrit
policy-of-advertiser = `{ $name }` est un paramètre du nœud de l’annonceur
    .try = supprimez la ligne, elle serait ici sans effet
policy-guardrails = `{ $name }` est un paramètre du nœud de l’annonceur
    .try = écrivez ses valeurs au premier niveau de ce fichier
policy-key-of-other = { $key ->
    [tls] la clé TLS
   *[attestation] la clé d’attestation
 } est aussi celle du partenaire { $partner }
    .try = une partie est un seul partenaire : supprimez un des deux répertoires
invite-next = Ensuite : donnez { $output } au partenaire, et servez
invite-next-command = provider-node serve --dir { $dir }
