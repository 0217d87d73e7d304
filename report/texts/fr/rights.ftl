## Oppositions

objections-lost = la liste repoussoir { $path } contient { $found ->
    [one] { $found_text } opposition
   *[other] { $found_text } oppositions
 }, mais ce nœud en a pris { $least_text } : elle a été perdue, ou une copie plus ancienne a été remise
    .try = restaurez `objections/` depuis la dernière copie et redonnez les flux suivants ; sans copie, déplacez `objections.anchor` et redonnez chaque flux avant toute autre chose
objections-full = ce nœud garde au plus { $most_text } oppositions
    .try = retirez plutôt ces personnes du fichier du graphe
