## normalize

rules-differ = les deux nœuds normalisent selon des règles différentes, ligne { $line } : { $ours } ici, { $theirs } là-bas
    .try = utilisez le même jeu de règles, les mêmes options et la même version sur les deux nœuds, et acceptez une nouvelle invitation
rules-no-line = rien
rules-unicode = les tables Unicode ne sont pas de la version que nomment les règles
rules-vectors = un fichier de vecteurs de normalisation de cette version est illisible
rules-self-test = la normalisation ne donne pas les résultats fixés

names-malformed = un nom d’identifiants digitaux n’est ni `idfa`, ni `aaid`, ni un espace de noms de cookies de 1 à 64 lettres, chiffres, `.`, `-` et `_`
names-twice = un nom d’identifiants digitaux est présent deux fois
