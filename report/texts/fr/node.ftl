## node

# Phrases qui se trouvent encore dans le code.
inline = { $what }

## Sessions

peer-silent = { peer-the } n’a rien envoyé pendant { $seconds } s à l’étape { $stage }
    .try = relancez ; si cela se répète, demandez à l’exploitant de l’autre partie si son nœud fonctionne
stopped = arrêté par { $signal }
    .try = relancez la commande quand elle peut s’exécuter
task-panicked = défaut de Veilmatch : une tâche de calcul de ce nœud a échoué
    .note = Rien n’a été publié
    .try = signalez-le avec la version (`--version`) et les dernières lignes du journal
few-rows = refusé, { $eligible ->
    [one] { $eligible_text } fiche éligible
   *[other] { $eligible_text } fiches éligibles
 } ; il en faut au moins { $n_min_text } (n_min)
    .try = lancez `check`, qui compte par motif les fiches écartées

## Avancement

progress-line = { $parts }
progress-stage = { $stage }
progress-done = { $stage } : { $done_text }
progress-of-total = { $stage } : { $percent } % ({ $done_text } sur { $total_text })
progress-rate = { $rate_text }/s
progress-left = encore { $seconds } s
progress-waiting = attente de { $seconds } s, à la demande de l’autre nœud
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
config-without-fault = aucune erreur dans les réglages, les clés et les partenaires
config-faults = { $found ->
    [one] { $found_text } erreur dans les réglages, les clés ou les partenaires
   *[other] { $found_text } erreurs dans les réglages, les clés ou les partenaires
 }
    .try = corrigez ce qui est listé, puis vérifiez de nouveau
