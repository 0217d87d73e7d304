## node

## Sessions

peer-silent = { peer-the } n’a rien envoyé pendant { $seconds } s à l’étape { $stage }
    .try = relancez ; si cela se répète, demandez à l’exploitant de l’autre partie si son nœud fonctionne
stopped = arrêté par { $signal }
    .try = relancez la commande quand elle peut s’exécuter
few-rows = refusé, { $eligible ->
    [one] { $eligible_text } fiche éligible
   *[other] { $eligible_text } fiches éligibles
 } ; il en faut au moins { $n_min_text } (n_min)
    .try = lancez `check`, qui compte par motif les fiches écartées

## Avancement

progress-line = { $parts }
progress-stage = { $stage }
progress-done = { $stage }  { $unit ->
    [bytes] { $done }
    [rows] { $done_text } lignes
    [identifiers] { $done_text } identifiants
    [tags] { $done_text } étiquettes
   *[elements] { $done_text } éléments
 }
progress-of-total = { $stage } { $percent } %  { $unit ->
    [bytes] { $done } sur { $total }
    [rows] { $done_text } lignes sur { $total_text }
    [identifiers] { $done_text } identifiants sur { $total_text }
    [tags] { $done_text } étiquettes sur { $total_text }
   *[elements] { $done_text } éléments sur { $total_text }
 }
progress-rate = { $unit ->
    [bytes] { $rate }/s
   *[other] { $rate_text }/s
 }
progress-left = encore { $seconds } s
progress-waiting = attente de { $seconds } s, à la demande de l’autre nœud
progress-slot = tout est compté ; attente de { $seconds } s, pour que la durée n’apprenne rien à l’autre nœud
progress-of = { $partner } : { $line }

standard-output-failed = impossible d’écrire sur la sortie standard : { $why }
    .try = examinez ce qui la lit
runtime-not-started = impossible de démarrer les fils d’exécution : { $why }

## check-config

config-from-file = { $name } = { $value }    ({ $file }, ligne { $line })
config-from-default = { $name } = { $value }    (par défaut)
config-fault = erreur : { $text }
config-fault-file = erreur : { $file } : { $text }
config-fault-line = erreur : { $file }, ligne { $line } : { $text }
config-fault-try = essayez : { $advice }
config-without-fault = aucune erreur dans les réglages, les clés, les tables d’affectation et les partenaires
config-faults = { $found ->
    [one] { $found_text } erreur dans les réglages, les clés, les tables d’affectation ou les partenaires
   *[other] { $found_text } erreurs dans les réglages, les clés, les tables d’affectation ou les partenaires
 }
    .try = corrigez ce qui est listé, puis vérifiez de nouveau

## Questions sur cette machine

confirm = { $question } [o/n]
confirm-needed = une confirmation est nécessaire : { $question }
    .try = ajoutez --yes, ou lancez la commande dans un terminal

## Répertoire d’un nœud

dir-unknown = aucun répertoire de nœud n’est nommé, et aucun répertoire personnel n’est connu
    .try = nommez-le avec --dir ou VEILMATCH_DIR
usage-one-file = plusieurs fichiers sont nommés, et cette commande en lit un
    .try = donnez-les l’un après l’autre
home-not-a-node = { $path } ne contient pas de nœud { $role ->
    [advertiser] d’annonceur
   *[provider] de prestataire
 }
    .try = créez-en un avec `{ $role }-node init --dir { $path }`
home-other-role = { $path } est le répertoire d’un nœud de l’autre rôle
    .try = { $role ->
    [advertiser] nommez celui de votre nœud d’annonceur avec --dir ou VEILMATCH_DIR
   *[provider] nommez celui de votre nœud de prestataire avec --dir ou VEILMATCH_DIR
 }
home-other-version = { $path } a été créé par une autre version que la { $version }, celle de ce programme, et rien n’y est converti
    .try = recréez le nœud avec `{ $role }-node init` dans un répertoire vide, puis échangez de nouveau identités et invitations
home-keys-changed = les clés de keys/ ne sont pas celles que montre { $path }
    .try = restaurez depuis la sauvegarde keys/attestation.key, keys/tls.key ou ce fichier, selon ce qui a changé
try-restore-storage-key = restaurez la clé de stockage depuis votre sauvegarde
no-room = { $path } a { $free_text } Mio libres, et la session écrirait jusqu’à { $needed_text } Mio
    .try = libérez-y de la place, puis relancez ; rien n’a été imputé au budget
signals-unheard = impossible d’écouter les signaux : { $why }
    .try = { try-disk }

## Fichiers écrits par des personnes

settings-unreadable = impossible de lire { $path } : { $why }
    .try = restaurez le fichier, ou créez un nœud dans un nouveau répertoire
settings-invalid = { $path } : { $fault }
fault-at-line = ligne { $line } : { $fault }
setting-must-be = `{ $name }` doit être { $allowed }
    .try = corrigez la ligne
setting-of-other-node = `{ $name }` est un paramètre du nœud { $role ->
    [advertiser] de l’annonceur
   *[provider] du prestataire
 }
    .try = supprimez la ligne, elle serait ici sans effet
setting-of-map = c’est une table d’affectation qui dit `{ $name }`
    .try = supprimez la ligne ; `{ $role }-node map FILE` écrit une table
setting-renamed-group-min = `{ $name }` s’appelle désormais `group_min`
    .try = écrivez `group_min` à la place
setting-of-provider = `{ $name }` appartient au fournisseur seul : les identifiants numériques sont remis sous une même condition pour tout un groupe
    .try = supprimez la ligne
setting-unknown = `{ $name }` n’est pas un paramètre de ce fichier
    .try = supprimez ou corrigez la ligne
setting-missing = `{ $name }` manque
    .try = ajoutez une ligne qui commence par `{ $name } = `
setting-twice = `{ $name }` est fixé deux fois
    .try = supprimez la ligne
setting-not-toml = ce n’est pas du TOML : { $why }
    .try = écrivez `name = value`, les textes entre guillemets droits
setting-mistyped = `{ $name }` est { $is }
    .try = écrivez `{ $name } = { $instead }`
setting-mistyped-unnamed = la valeur attendue ici est { $is }
    .try = écrivez `{ $instead }`
# Après « est ».
setting-number = un nombre
setting-number-to = un nombre de 0 à { $most }
setting-text = un texte entre guillemets droits
setting-truth = `true` ou `false`
setting-list = une liste
setting-of-kind = { $kind }
# Après « doit être ».
allowed-two = `"{ $a }"` ou `"{ $b }"`
allowed-three = `"{ $a }"`, `"{ $b }"` ou `"{ $c }"`
allowed-digest = 64 chiffres hexadécimaux en minuscules, tels que `map` les affiche
allowed-path = le chemin d’un fichier
allowed-range = entre { $least } et { $most }
allowed-at-least = au moins { $least }
allowed-most = au plus { $most }
allowed-epsilon = 125, 250, 500 ou 1000, ou 0 pour aucun bruit
# Après « écrivez ».
write-between = { $least } à { $most }
write-least = { $least } ou plus

## Invitation

# $problem continue après le nom du champ.
invitation-field = invitation : le champ { $field } { $problem }
invitation-identity = invitation : { $field } : { $why }
    .try = redemandez le fichier à votre partenaire, tel qu’il a été écrit
invitation-syntax = invitation, ligne { $line } : { $why }
    .try = redemandez le fichier à votre partenaire ; si vous l’avez modifié, revenez en arrière
invitation-version = invitation : format { $format }, cette version lit le format { $ours } ; aucun n’est converti
    .try = faites refaire l’invitation par le prestataire avec la version des deux nœuds
invitation-too-large = { $path } dépasse un mébioctet et n’est pas une invitation
    .try = nommez le fichier envoyé par votre prestataire
invitation-unreadable = impossible de lire { $path } : { $why }
    .try = nommez un fichier qui existe et que vous pouvez lire
invitation-address = contient `{ $value }`
    .try = écrivez hôte:port, par exemple `provider.example:4433`
invitation-name = contient `{ $value }`
    .try = choisissez 1 à 64 caractères imprimables
invitation-notice = contient `{ $value }`
    .try = écrivez le SHA-256 du contrat en 64 chiffres hexadécimaux
invitation-own-identity = est l’identité du prestataire lui-même
    .try = invitez l’identité affichée par `advertiser-node init`
invitation-bytes = a { $bytes_text } octets
    .try = faites réécrire l’invitation par `provider-node invite`
invitation-minima = contient n_min { $n_min }, k_min { $k_min }, group_min { $group_min }
    .try = gardez chacun au-dessus de 0, et n_min au moins égal à k_min
invitation-level = vaut { $level }
    .try = écrivez 0 pour les liens individuels seuls, 1 pour les liens de foyer aussi
invitation-table = indique une table de { $tags } étiquettes, ce qu’aucune table n’a
    .try = redemandez l’invitation
invitation-guardrail = a une valeur hors bornes pour { $name }
    .try = écrivez { $allowed }
invitation-unknown = nomme `{ $value }`, que cette version ne connaît pas
    .try = { try-upgrade }
invitation-no-run = nomme { $value }, qu’aucune exécution ne peut avoir
    .try = { try-upgrade }
invitation-entries = a { $entries ->
    [one] { $entries_text } entrée
   *[other] { $entries_text } entrées
 }, ou une entrée en double
    .try = listez de 1 à 16 valeurs différentes
invitation-numbers = a { $entries ->
    [one] { $entries_text } entrée
   *[other] { $entries_text } entrées
 }, ou un numéro en double
    .try = listez-en au plus 16, chacune avec son propre numéro
invitation-namespace = a un nom `{ $value }`
    .try = choisissez idfa, aaid et des espaces de noms en minuscules, chiffres, points, tirets et soulignés
invitation-number = donne à `{ $value }` le numéro { $number }
    .try = gardez 1 pour idfa, 2 pour aaid, et les numéros à partir de 256 pour les cookies
try-upgrade = comparez les versions des deux nœuds (`--version`) et mettez à jour la plus ancienne

## Sessions d’un nœud

sessions-none = aucune session encore
sessions-last = dernières sessions, la plus récente d’abord :
# Les textes des états ont la même largeur.
sessions-row = { $started }  { $state ->
    [running] en cours{ "    " }
    [done] terminée{ "    " }
    [failed] en échec{ "    " }
    [interrupted] interrompue{ " " }
   *[unopened] non ouverte{ " " }
 }  { $profile }  { $elements } éléments  { $session }  { $partner }  { $outcome }

## Grand livre

ledger-without-partner = ce nœud n’a pas encore de partenaire, donc pas de grand livre
    .try = acceptez une invitation, ou invitez un partenaire
ledger-no-such-party = aucune partie ne s’appelle { $party }
    .try = ce nœud connaît : { $names }
ledger-several-parties = il y a plusieurs parties
    .try = choisissez-en une avec --party : { $names }
ledger-empty = grand livre avec { $partner } : aucune entrée encore
ledger-entries = grand livre avec { $partner } : { $entries ->
    [one] { $entries_text } entrée
   *[other] { $entries_text } entrées
 }, tête { $head }
ledger-entry = { $seq }  { $kind }  { $profile }  { $evaluations } évaluations  { $at }  session { $session }  { $signed ->
    [both] signée par les deux parties
    [us] signée par ce nœud, et désignée par l’autre comme sa tête
   *[offered] proposée par ce nœud, sans réponse
 }
ledger-proves-nothing = le grand livre ne se prouve pas lui-même : { $fault }
    .try = { try-disk }
ledger-written = { $entries ->
    [one] { $entries_text } entrée écrite
   *[other] { $entries_text } entrées écrites
 } dans { $output }
ledger-next-give = Ensuite : donnez le fichier à { $partner }, qui lance `ledger compare FILE` ou `ledger adopt FILE`
ledger-ends = ce grand livre finit à l’entrée { $ours }, le leur à l’entrée { $theirs } ; les deux parties ont signé jusqu’à l’entrée { $agreed }
ledger-missing-here = le leur a les entrées { $first } à { $last }, qui manquent ici
ledger-next-adopt = Ensuite : ledger adopt { $file }
ledger-missing-there = il manque au leur des entrées de celui-ci
ledger-next-export = Ensuite : ledger export -o FILE, à leur faire adopter
ledger-same = les deux sont identiques
ledger-one-sided = les entrées après { $last } ne sont signées que d’un côté et ne prouvent rien
ledger-adopted = entrées { $first } à { $last } adoptées ; le grand livre avec { $partner } finit à l’entrée { $last }
ledger-nothing-to-adopt = rien à adopter : le grand livre avec { $partner } finit à l’entrée { $ours }, le leur à l’entrée { $theirs }
ledger-one-sided-left = les entrées après { $last } ne sont signées que d’un côté et n’ont pas été prises
ledger-file-refused = { $file } : { $why }
    .try = redemandez le fichier : `ledger export -o FILE` sur l’autre nœud
ledger-file-too-large = il est trop grand
ledger-file-unreadable = illisible : { $why }
ledger-file-of-others = c’est le grand livre de deux autres parties

## Pages du manuel

page-name = NOM
page-synopsis = SYNOPSIS
page-description = DESCRIPTION
page-arguments = ARGUMENTS
page-options = OPTIONS
page-commands = COMMANDES
