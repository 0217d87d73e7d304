# Textes du nœud de l’annonceur : ses commandes, et ce qu’elles affichent.

## Qui apprend quoi

learn-advertiser-match-rate = combien de fiches correspondent, en arrondi, et combien par combien d’identifiants
learn-advertiser-matched-rows = lesquelles de ses fiches correspondent, et par quels types d’identifiants
learn-advertiser-activation = combien de fiches correspondent, en arrondi ; aucun identifiant digital
learn-advertiser-digital-ids = combien de fiches correspondent, en arrondi, et une liste non reliée des identifiants digitaux de tous les enregistrements correspondants, sans fiches et sans personnes
learn-provider-match-rate = rien d’aucune fiche, pas même combien correspondent
learn-provider-matched-rows = rien d’aucune fiche, pas même combien correspondent
learn-provider-activation = lesquels de ses enregistrements correspondent, non par quelle fiche ; il les active
learn-provider-digital-ids = lesquels de ses enregistrements correspondent, non par quelle fiche
learn-both = les deux voient le profil, le nombre de fiches après remplissage, les positions d’une fiche, la taille de la table, les heures et les conditions signées

## Divulgation

approval-matched = correspondances : { $count }
approval-provider = le prestataire apprendra : { $learned }
approval-advertiser = ce nœud obtient : { $learned }
approval-question = divulguer environ { $handles ->
    [one] { $handles_text } référence de correspondance
   *[other] { $handles_text } références de correspondance
 } de `{ $profile }` ? [o/N]
approval-question-uncounted = divulguer les références des fiches correspondantes de `{ $profile }` ? [o/N]
approval-needed = le profil { $profile } demande --approve, ou un terminal où poser la question
    .try = ajoutez --approve si la divulgation est approuvée, ou lancez la commande dans un terminal

## Comptes

count-about = environ { $matched_text } sur { $rows_text } { $sampled ->
    [yes] fiches tirées
   *[no] fiches éligibles
 } ({ $percent } %)
count-over = plus de { $percent } % de { $rows_text } { $sampled ->
    [yes] fiches tirées
   *[no] fiches éligibles
 }
count-percent = { $percent } % de { $rows_text } { $sampled ->
    [yes] fiches tirées
   *[no] fiches éligibles
 }
result-count = correspondances : { $count }
result-rows = correspondances : { $matched_text } sur { $eligible_text } fiches éligibles (taux de correspondance actif { $active } %, taux de correspondance du fichier { $file } %)
result-file-rate = taux de correspondance du fichier : environ { $percent } % de { $rows_text } fiches
result-interval = avec une confiance de 95 %, entre { $low } % et { $high } % de toutes les fiches
result-interval-open = avec une confiance de 95 %, entre { $low } % et plus de { $high } % de toutes les fiches
result-noise = le décompte porte un bruit : à { $rows_text } fiches près dans 95 exécutions sur 100 (epsilon { $epsilon }, delta 1 sur { $one_in_text }, pour une personne d’au plus { $unit } identifiants)
result-by-hits = fiches par nombre d’identifiants correspondants :
result-hits = { $hits } : environ { $rows_text }
result-hits-hidden = { $hits } : moins que le minimum, ou non affiché à côté d’une case qui l’est
result-activated = le prestataire active les enregistrements correspondants
result-digital-ids = identifiants digitaux : { $ids_text }

## Identifiants qui ne peuvent pas correspondre, ou que trop de fiches portent

unmatchable-kind = sans correspondance possible, donc non utilisés : { $n_text } identifiants de types que l’invitation n’énumère pas ({ $code })
unmatchable-household = sans correspondance possible, donc non utilisés : { $n_text } numéros fixes : ils désignent des foyers, et les tables du prestataire ne portent que le niveau individuel ({ $code })
unmatchable-mobile-unknown = sans correspondance possible, donc non utilisés : { $n_text } numéros de téléphone dont le plan ne distingue pas mobile et fixe, comme en Amérique du Nord et au Mexique : les tables du prestataire ne portent que le niveau individuel ({ $code })
widely-shared = un identifiant ({ $kind }) est dans { $rows_text } fiches, plus de 0,5 % des { $eligible_text } fiches éligibles : presque toujours une erreur de l’export
    .try = corrigez l’export : `advertiser-node check --rejects FILE` nomme ses fiches là où la valeur a été refusée ; si c’est voulu, relancez avec --allow shared-identifiers

## Plan

run-epsilon-spent = la perte de confidentialité (epsilon) de { $most } permise aux exécutions de 30 jours est épuisée
    .try = relancez après { $time }
run-phones = les fichiers contiennent { $phones_text } numéros de téléphone, et une exécution peut en demander { $most_text }
    .try = augmentez `phones_per_run` s’il est dans vos paramètres, ou demandez-en plus au fournisseur
plan-profile = profil : { $profile }
plan-you-learn = vous apprenez : { $learned }
plan-provider-learns = le prestataire apprend : { $learned }
plan-purpose = finalité : { $purpose }
plan-kinds = types : { $kinds }
plan-notice = contrat de référence : { $notice }
plan-no-notice = contrat de référence : aucun convenu
plan-terms = conditions, et de qui vient la valeur en vigueur :
plan-term = { $name } { $value } ({ $side ->
    [ours] vos réglages
    [provider] le prestataire
    [both] les deux
   *[default] par défaut
 }{ $relaxed ->
    [yes] { "" } ; ASSOUPLI par les deux parties
   *[no] { "" }
 })
plan-may-raise = le prestataire peut relever n_min, k_min et group_min en répondant
plan-rows = fiches : { $eligible_text } éligibles, { $asked_text } demandées
plan-padded-elements = { $elements_text } identifiants après remplissage
plan-padded-rows = { $rows_text } fiches après remplissage, { $slots } positions chacune : { $elements_text } éléments
plan-proved = chaque réponse est prouvée ; une réponse fausse est trouvée à coup sûr
plan-canaries = { $canaries_text } fiches témoins : plus de { $share } % de réponses fausses seraient trouvées avec une confiance de 95 %
plan-budget = budget : { $elements_text } évaluations sont débitées ; dépensées avant : { $day_text } en 24 heures, { $month_text } en 30 jours ; ce qui reste, le prestataire le dit en répondant
plan-network = réseau : { $sent } envoyés, { $received } reçus, avec une table de { $tags_text } étiquettes, telle qu’à la dernière session
plan-network-without-table = réseau : { $sent } envoyés, { $received } reçus, sans la table, dont la taille n’est pas encore connue
plan-handles = et au plus { $handles } de références de correspondance, une par fiche correspondante
forecast-time = durée : environ { $total } s, dont { $read } s pour lire les fichiers, { $arithmetic } s de calcul ici à { $rate_text } éléments par seconde sur { $threads } fils ({ $backend }), { $provider } s chez le fournisseur si sa machine ressemble à celle-ci ; le réseau n’y est pas compris
plan-files-counts = fichiers : les comptes, si --output nomme un fichier ; un résumé avec --json ; sessions/ et inputs/ du nœud
plan-files-rows = fichiers : les fiches correspondantes, où --output le dit ; un résumé avec --json ; sessions/ et inputs/ du nœud
plan-files-digital-ids = fichiers : les identifiants digitaux où --output le dit, et un manifeste à côté ; un résumé avec --json ; sessions/ et inputs/ du nœud
plan-needs-approval = la divulgation demande --approve, ou un oui sur le terminal
plan-no-approval = rien n’est divulgué qui demande une approbation
plan-allow-shared = l’exécution demande --allow shared-identifiers : { $shared }

## Conditions d’une exécution

terms-no-namespace = aucun type ni espace de noms d’identifiants digitaux n’est convenu, aucun ne pourrait donc être livré
    .try = comparez `namespaces` sous [guardrails] dans advertiser.toml avec ceux de l’invitation
terms-no-cookie = avertissement : aucun espace de noms de cookies n’est en vigueur, aucun cookie n’est donc livré ; comparez `namespaces` sous [guardrails] dans advertiser.toml, ou demandez au prestataire une nouvelle invitation avec les espaces de noms de cookies de son graphe
terms-ruleset-unknown = le jeu de règles n’a pas de code
    .try = choisissez crm-fr/1

## Examen

word = { $word }
none = aucun
code-and-count = { $code } { $n_text }
code-and-share = { $code } { $n_text } ({ $share } %)
kind-and-holders = { $kind } { $n_text } (dans { $rows_text } fiches au plus)
check-form = format : { $format }
check-form-of = { $file }, format : { $format }
check-columns = colonnes :
check-column-read = { $name } : { $meaning }
check-column-unused = { $name } (non utilisée dans cette version)
check-columns-ignored = colonnes ignorées : { $columns }
check-rows = fiches : { $read_text } lues, { $merged_text } fusionnées avec une autre du même numéro, { $rows_text } distinctes
check-left-out = fiches écartées : { $consent_text } sans preuve du consentement, { $objected_text } pour opposition, { $unusable_text } sans identifiant utilisable
check-by-reason = par motif : { $reasons }
check-open-last-lines = fichiers dont la dernière ligne n’a pas de fin de ligne, comme accepté : { $n_text }
check-eligible = fiches éligibles : { $n_text }
check-by-source = fiches par source ; une fiche de deux sources compte dans les deux :
check-source = { $name } : { $read_text } lues, { $rows_text } distinctes, { $eligible_text } éligibles
check-too-few = une mise en correspondance demande au moins { $n_min_text } fiches éligibles (n_min)
check-values = valeurs lues : { $n_text }
check-rejected = valeurs rejetées : { $reasons }
check-column = { $name } : { $valid_text } valides, { $absent_text } absentes, rejetées : { $reasons }
check-warnings = avertissements : { $reasons }
check-repairs = réparations : { $reasons }
check-line-types = numéros de téléphone selon la ligne : { $kinds }
check-identifiers = identifiants des fiches éligibles : { $kinds } ; { $distinct_text } distincts
check-eligible-with = fiches éligibles par type : { $kinds }
check-shared = identifiants que portent plusieurs fiches : { $kinds }
check-shared-refused = identifiants refusés, que portent trop de fiches : { $kinds }
check-stops = une exécution s’arrête là sans --allow shared-identifiers
check-forecast = { $profile } avec { $provider } : { $size }, environ { $seconds } s, { $sent } envoyés, { $received } reçus
check-forecast-alone = { $profile } : { $size }, environ { $seconds } s, { $sent } envoyés, { $received } reçus
check-size-rows = { $rows_text } fiches de { $slots } emplacements
check-size-elements = { $elements_text } identifiants après remplissage
check-column-empty = la colonne `{ $name }` est toujours vide et coûte { $slots } des emplacements de chaque fiche
check-columns-not-agreed = non utilisées, l’invitation n’ayant pas leur type : { $columns }
check-beyond-width = { $n ->
    [one] { $n_text } identifiant est laissé
   *[other] { $n_text } identifiants sont laissés
 } de côté, de fiches qui en ont plus que les { $slots } emplacements d’une session
check-profile-not-invited = l’invitation n’autorise pas { $profile }, mais { $allowed }
check-elements = { $elements_text } évaluations sont décomptées
check-network-without-table = sans la table du fournisseur, dont la taille n’est pas encore connue
check-rejects = motifs par fiche : { $file }
check-no-provider = aucun prestataire n’est encore accepté : ses types, son niveau et son minimum peuvent différer

## Input

crm-no-usable-row = { $path } : 0 fiche éligible sur { $rows_text }
crm-no-usable-row-most = { $path } : 0 fiche éligible sur { $rows_text } ; { $code } dans { $n_text } d’entre elles : { $reason }
crm-no-usable-row-map = dites dans une table d’affectation ce que signifient les mots de cette colonne : advertiser-node map { $files }
crm-unknown-word = `{ $word }` ({ $n_text })
crm-unknown-purposes = la colonne `{ $column }` ne nomme aucune finalité dans { $n_text } fiches ; le plus souvent { $words }
crm-unknown-objections = la colonne `{ $column }` n’est pas comprise dans { $n_text } fiches ; le plus souvent { $words }
crm-digests-undeclared = la colonne { $column } contient des empreintes, sans les règles qui les ont produites
    .try = déclarez-les dans une table d’affectation : `digests = {"{"} { $column } = "{ $example }" {"}"}`
crm-objections-ignored = une colonne `objections` est laissée de côté, ce qu’aucune exécution ne peut faire
    .try = affectez-la : `objections = "objections"` ; si les oppositions sont dans une autre colonne, affectez celle-ci
crm-not-identifiers = le réglage `not_for_purpose` nomme une colonne sans identifiants
    .try = nommez une colonne parmi { $columns }
crm-shared-out-of-range = une limite sous `[shared]` est hors des bornes
    .try = choisissez des nombres entre 1 et { $most }

## Création et acceptation

init-next-advertiser = Ensuite : envoyez { $path } à votre prestataire, puis
accept-other-identity = l’invitation est pour une autre identité que celle de ce nœud
    .try = donnez à votre prestataire le fichier { $path } et demandez une nouvelle invitation
accept-pinned = prestataire épinglé : { $identity }
accept-address = adresse : { $address }
accept-profiles = profils : { $profiles }

## Prestataire d’une commande

provider-none = ce nœud n’a pas encore de prestataire
    .try = lancez `advertiser-node accept` avec l’invitation écrite par votre prestataire
provider-several = ce nœud a plusieurs prestataires
    .try = choisissez-en un avec --provider : { $names }
provider-unknown = aucun prestataire ne s’appelle { $name }
    .try = ce nœud a : { $names }
provider-ambiguous = plusieurs prestataires commencent par `{ $name }`
    .try = écrivez-en davantage pour l’un d’eux : { $names }

## Demande

request-no-profile = il n’y a pas de profil { $profile }
    .try = choisissez match-rate, matched-rows, digital-ids ou activation
request-sample-delivers = un échantillon donne une prévision, et le profil { $profile } livre
    .try = retirez --sample, ou lancez d’abord `match-rate` avec cette option
request-sample-small = un échantillon de { $rows_text } fiches est trop petit
    .try = tirez au moins { $least } fiches
input-standard-once = l’entrée standard ne se lit qu’une fois
    .try = nommez `-` une fois, et les autres entrées par leurs fichiers
output-needed = le profil { $profile } écrit un fichier, et aucun n’est nommé
    .try = nommez-en un avec --output
segment-without-file = le profil { $profile } n’écrit aucun fichier de livraison qui puisse nommer un segment
    .try = retirez --segment
segment-not-plain = le nom du segment contient d’autres caractères que ceux admis
    .try = utilisez au plus 64 octets de lettres, chiffres, espaces, points, traits d’union et soulignés

## Exécution

run-known = la même question a été posée le { $time }, dans la session { $session } : la réponse vient de là, rien n’est débité
run-rows = fiches { $rows_text }, sans preuve du consentement { $consent_text }, sans identifiant utilisable { $unusable_text }, pour opposition { $objected_text }
run-result = résultat : { $output }
run-transcript = transcription : { $path }
run-result-kept = le résultat est connu et conservé : `{ $command }`
result-kept = { $what } ; le résultat est payé et conservé
    .try = `{ $command }` l’écrit, et ne débite rien
run-ledger-behind = votre grand livre avec ce prestataire finit à { $ours }, le sien à { $theirs }, sans ce que les deux ont signé ensuite
    .try = lancez `advertiser-node ledger export -o FILE`, et faites lire le fichier au prestataire avec `provider-node ledger adopt FILE`
run-ledger-ahead = votre grand livre avec ce prestataire finit à { $ours }, le sien par une écriture qui n’y est pas ({ $entry })
    .try = demandez au prestataire le fichier de son `ledger export`, puis lancez `advertiser-node ledger adopt FILE`

## Issues des sessions

outcome-rows = correspondances : { $matched_text }
outcome-count = correspondances : { $count }
outcome-handles = correspondances : { $count }, activées par le prestataire
outcome-digital-ids = correspondances : { $count }, { $ids_text } identifiants digitaux
outcome-withheld = non communiqué
outcome-declined = décliné
outcome-refused = refusé par le prestataire, { $code }
outcome-served = servi
outcome-removed = les personnes parties ont été nommées au prestataire
history-provider = { $provider }  { $budgets }
history-budgets = { $evaluations_text } évaluations en 30 jours · epsilon { $epsilon } sur { $most } · ouvertures du jour { $openings_text } sur { $day_text }, selon ce nœud
history-release = { $day }  { $profile }  { $run }  { $outcome }
history-until = { $release }, jusqu’au { $until }
history-nothing = rien n’a encore été livré
history-waiting = { $persons ->
    [one] { $persons_text } personne partie
   *[other] { $persons_text } personnes parties
 } depuis le { $day } à retirer ici : la prochaine exécution avec ce prestataire le fait
history-day = `{ $day }` n’est pas un jour
    .try = écrivez année, mois et jour, par exemple `2026-11-01`
plan-classes = livraison par classes : le prestataire ne laisse partir que les identifiants d’au moins tant de personnes ensemble{ $profile ->
    [digital-ids]  ; la liste elle-même est exacte : les classes protègent les personnes qui y sont, le bruit (epsilon) seulement le compte
   *[other] { "" }
 }
plan-removal = auparavant, { $persons ->
    [one] { $persons_text } personne qui s’est opposée, ou dont le consentement a pris fin, après une livraison passe
   *[other] { $persons_text } personnes qui se sont opposées, ou dont le consentement a pris fin, après une livraison passent
 } d’elles-mêmes par l’appariement
classes-newcomers = les nouveaux venus qui correspondent attendent d’être environ { $first_text }, puis un cinquième de la dernière livraison, au plus { $later_text } ; personne ne vous dit combien attendent
classes-new-rows = { $rows ->
    [one] { $rows_text } nouvelle fiche
   *[other] { $rows_text } nouvelles fiches
 } depuis la dernière livraison : celles qui correspondent attendent d’être environ { $first_text }, puis un cinquième de la dernière livraison, au plus { $later_text } ; personne ne vous dit combien attendent
classes-leavers = qui quitte la liste reste livré jusqu’à { $days } jours, ou jusqu’à ce que d’autres partent aussi ; une personne qui s’oppose part à la livraison suivante
classes-small = au-dessous d’environ { $persons_text } personnes qui correspondent, une liste qui change chaque jour perd davantage : sur 1 000 personnes dont 1 % changent par jour, deux tiers environ sont encore livrées après deux mois, et sur 300 aucune ; une grande liste perd moins que plusieurs petites
removal-done = { $persons ->
    [one] { $persons_text } personne qui s’est opposée, ou dont le consentement a pris fin, après une livraison est passée
   *[other] { $persons_text } personnes qui se sont opposées, ou dont le consentement a pris fin, après une livraison sont passées
 } par l’appariement ; personne ne voit combien d’entre elles le prestataire connaît
removal-tomorrow = { $persons ->
    [one] { $persons_text } personne de plus quitte
   *[other] { $persons_text } personnes de plus quittent
 } ce qui a été livré avec la première exécution de demain : il y a un retrait par jour
removal-failed = { $persons ->
    [one] { $persons_text } personne qui s’est opposée, ou dont le consentement a pris fin, reste
   *[other] { $persons_text } personnes qui se sont opposées, ou dont le consentement a pris fin, restent
 } dans ce qui a été livré : { $what }
    .note = Leurs droits passent avant une nouvelle exécution ; rien n’en a été envoyé
    .try = relancez ; si le prestataire continue de refuser, demandez à son exploitant d’autoriser les retraits pour ce partenaire
removal-elsewhere = { $persons ->
    [one] { $persons_text } personne qui s’est opposée, ou dont le consentement a pris fin, il y a un jour ou plus, reste
   *[other] { $persons_text } personnes qui se sont opposées, ou dont le consentement a pris fin, il y a un jour ou plus, restent
 } dans ce qui a été livré à { $provider } : lancez une exécution avec `--provider { $provider }`
removal-unnameable = { $persons ->
    [one] { $persons_text } personne partie n’a
   *[other] { $persons_text } personnes parties n’ont
 } aucun identifiant d’un type et de règles que ce prestataire accepte encore : demandez à son exploitant de reprendre ce type, ou de retirer autrement ce qu’il détient
removal-not-invited = { $persons ->
    [one] { $persons_text } personne partie a été livrée
   *[other] { $persons_text } personnes parties ont été livrées
 } à ce prestataire, qui ne vous laisse plus rien livrer : demandez à son exploitant ce qu’il utilise encore
departures-many = ces fichiers retirent pour de bon plus de { $persons_text } des { $delivered_text } personnes livrées, par des oppositions ou des consentements absents
    .note = Une mauvaise colonne ou un export incomplet font cela aussi, et rien ne l’annule : personne n’a été retiré
    .try = regardez les colonnes des oppositions et des consentements ; si c’est voulu, lancez avec `--allow many-departures`
departures-doubtful = { $rows ->
    [one] { $rows_text } fiche n’a
   *[other] { $rows_text } fiches n’ont
 } plus de consentement aujourd’hui sous un numéro qui a été livré avec d’autres identifiants
    .note = Une personne qui a changé d’adresse et s’est retirée ressemble à une autre du même numéro ; personne n’a donc été retiré de ce qui a été livré
    .try = si ce sont les mêmes personnes, mettez leurs anciens identifiants dans une liste d’opposition
departures-in-a-pipe = une personne qui part par ce fichier figure dans d’autres de ses fiches, et l’entrée standard ne se relit pas
    .try = relancez avec les mêmes fiches : qui est parti en est exclu désormais
removal-release-due = le sac livré en dernier contient encore des personnes parties : lancez digital-ids sur la même liste
removal-bags-destroyed = les sacs antérieurs de ce prestataire, qui contenaient des personnes parties, sont détruits ici ; détruisez vos copies de leurs fichiers
outcome-stored = déjà demandé, réponse tirée des résultats conservés

## Résultats conservés

result-too-old = le résultat de la session { $session } était utilisable jusqu’au { $time }
    .try = lancez une nouvelle exécution
result-holds-leavers = le sac de la session { $session } peut contenir des personnes parties depuis sa livraison
    .try = relancez digital-ids : l’exécution les indique d’abord au prestataire, et détruit ce sac
result-without-profile = un résultat ne nomme aucun profil
result-unsigned = note : l’exécution a fini avant l’arrivée de la signature du prestataire sous le reçu ; le résultat est complet, et son débit reste acquis
result-none = aucun résultat de la session { $session } n’est conservé
    .try = `advertiser-node status` liste les sessions ; un résultat est conservé jusqu’à la fin de sa fenêtre d’audit, les identifiants digitaux tant qu’ils peuvent être utilisés
result-no-session = `{ $session }` ne nomme aucune session
    .try = donnez au moins quatre chiffres de son numéro, son répertoire, ou `last`
result-several = { $n_text } sessions commencent par { $session }
    .try = donnez plus de chiffres

## État

status-provider-unusable = le fichier du prestataire { $provider } est inutilisable : { $why }
status-no-provider = pas encore de prestataire ; acceptez-en un avec `advertiser-node accept`
status-provider = prestataire { $provider } : partie { $party }, à l’adresse { $address }, profils { $profiles }
status-last-table = dernière table : { $tags_text } étiquettes
status-no-table = dernière table : aucune vue
status-provider-epsilon = perte de confidentialité (epsilon) en 30 jours : { $spent }
status-provider-spent = évaluations dépensées : { $day_text } en 24 heures, { $month_text } en 30 jours

## Normalisation

normalize-code = { $n ->
    [one] { $code }, ligne { $first } : { $fact }
   *[other] { $code }, { $n_text } lignes, la première est la ligne { $first } : { $fact }
 }
normalize-no-ruleset = il n’y a pas de jeu de règles { $ruleset }
    .try = choisissez --ruleset crm-fr/1 ou --ruleset crm-intl/1
normalize-region = --region et --postcode disent d’où vient un numéro de téléphone
    .try = retirez-les, ou utilisez --kind phone
normalize-declared = --declared dit quelles règles ont fait des empreintes ; ces valeurs sont en clair
    .try = retirez cette option, ou utilisez --kind email_sha256 ou --kind phone_sha256
normalize-no-country = il n’y a pas de pays { $country }
    .try = donnez les deux lettres d’ISO 3166, par exemple --region FR
normalize-postcode = un code postal français a cinq chiffres
    .try = donnez-le en entier, par exemple --postcode 97400
normalize-undeclared = des empreintes n’ont de sens que sous les règles qui les ont faites
    .try = nommez ces règles avec --declared : { $rules }
normalize-rules-email = plain, uid2, euid, ttd, google-java, google-python, tiktok, amazon, crm-fr/1 ou `"crm-fr/1 email.gmail"`
normalize-rules-phone = phone-e164 ou phone-digits

## Colonnes d’un fichier CRM

column-row-id = numéro de la fiche
column-consent-purposes = finalités consenties
column-consent-ref = référence du consentement
column-consent-at = date du consentement
column-consent-notice = mention d’information montrée
column-source = provenance de la fiche
column-objections = finalités visées par une opposition
column-updated-at = âge de la fiche, entre fiches du même numéro
column-country = pays, pour les numéros de téléphone
column-several = { $meanings }
column-postcode = code postal, pour les numéros de téléphone
column-email = adresse e-mail
column-email-digest = empreinte d’une adresse e-mail
column-phone = numéro de téléphone
column-phone-digest = empreinte d’un numéro de téléphone

accept-name = un prestataire ne peut pas s’appeler ainsi
    .try = employez des lettres, des chiffres, `.`, `-` et `_`, 64 au plus, d’abord une lettre ou un chiffre
accept-name-taken = un autre prestataire s’appelle { $name } ici
    .try = nommez celui-ci autrement avec --name
accept-name-is = prestataire : { $name }
run-id-result-gone = le résultat de l’exécution { $run } n’est plus conservé
    .try = posez la question sous un autre nom ; ce sera un nouveau débit
run-id-bound = l’exécution { $run } est connue ici, avec { $what ->
    [map] une autre correspondance
    [provider] un autre prestataire
    [profile] un autre profil
    [sample] un autre échantillon
   *[input] une autre entrée
 }
    .try = choisissez un autre --run-id, ou aucun ; `advertiser-node result { $run }` écrit le résultat de cette exécution
run-id-damaged = ce qui est gardé d’une exécution dans { $path } est illisible
    .try = choisissez un autre --run-id ; le résultat lui-même est gardé, et `advertiser-node result` l’écrit d’après sa session
accept-replace = remplacer l’invitation du prestataire { $name } par une autre, ainsi différente ?
accept-kept = l’invitation acceptée auparavant est gardée
    .try = demandez au prestataire laquelle des deux vaut
accept-next = Ensuite : voyez comment un export de vos clients est lu
accept-next-command = advertiser-node map --dir { $dir } FILE
