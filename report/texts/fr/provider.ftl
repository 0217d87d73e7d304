## provider

## Signes de dommage dans ce qui est publié

table-not-built = ce n’est pas la table qui a été construite
table-frame-not-built = la trame { $frame } n’est pas celle qui a été construite
snapshot-not-here = il ne nomme aucun instantané présent ici
snapshot-not-signed = ce n’est pas un instantané signé
snapshot-not-ours = ce n’est pas ce que ce nœud a signé

## Objections

object-not-begun = { $why } ; rien n’a encore été exécuté

graph-nothing-published = { $path } n’a aucune ligne qui puisse être publiée
    .try = corrigez ce qui est le plus souvent écarté : { $reasons }
graph-reason = { $reason } { $count_text }
