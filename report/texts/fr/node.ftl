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
