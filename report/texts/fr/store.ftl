## store

## Le système : fichiers, verrous, aléa

os-entropy = le système d’exploitation n’a donné aucun aléa
    .try = vérifiez que getrandom n’est pas filtré
# $action est ce qui a été tenté, $path sur quoi, $why ce qu’a dit le système.
os-io = impossible { $action ->
    [create] de créer
    [open] d’ouvrir
    [read] de lire
    [look-at] d’examiner
    [write] d’écrire
    [shorten] de raccourcir
    [set-mode] de fixer le mode de
    [sync] de synchroniser
    [name] de nommer
    [unlink] de détacher
    [remove] de supprimer
    [lock] de verrouiller
   *[start-threads] de démarrer des fils d’exécution pour
 } { $path } : { $why }
os-symlink = { $path } est un lien symbolique
    .try = nommez l’emplacement qu’il désigne
os-not-regular = { $path } n’est pas un fichier ordinaire
    .try = nommez un fichier
os-not-directory = { $path } n’est pas un répertoire
    .try = nommez un autre emplacement
os-owner = { $path } appartient au compte { $owner }, non au compte { $ours }
    .try = chown { $ours } { $path }
os-mode = { $path } a le mode { $mode }, d’autres peuvent l’utiliser
    .try = chmod { $fix } { $path }
os-too-large = { $path } dépasse un mébioctet
    .try = nommez le bon fichier
os-exists = { $path } existe et n’est pas remplacé
    .try = choisissez un autre nom
os-locked = { $path } est utilisé par une autre exécution
    .try = attendez qu’elle finisse, ou nommez un autre emplacement
os-core-dumps = impossible de désactiver les images mémoire : { $why }
    .try = démarrez avec `ulimit -c 0`

## Scellement

seal-io = impossible de lire ou d’écrire des données scellées : { $why }
    .try = vérifiez la place et l’état du disque
seal-not-a-key = { $path } ne contient pas une clé de stockage de 32 octets
    .try = nommez le fichier de la clé
seal-not-sealed = ce ne sont pas des données scellées
    .try = nommez un autre fichier, ou restaurez-le depuis une copie
seal-version = les données ont été scellées par une version ultérieure ({ $version })
    .try = mettez ce programme à jour
seal-damaged = le bloc { $block } des données scellées est endommagé
    .try = vérifiez la clé, ou restaurez depuis une copie

## Ensembles conservés

store-io = impossible d’utiliser { $path } : { $why }
store-damaged = { $path } est endommagé : { $how }
store-contradiction = { $path } ne contient pas ce qu’il devrait
spill-failed = les fichiers de travail ne peuvent plus être lus
    .try = relancez

## Clés des partenaires

key-damaged = { $path } est endommagé : ce n’est pas une clé de ce nœud, ou keys/storage.key n’est pas la clé qui l’a scellé
    .try = restaurez le fichier depuis une copie ; à défaut, déplacez-le, et le partenaire aura une nouvelle clé et une nouvelle table
key-clock-behind = l’horloge de cette machine retarde sur la clé la plus récente
    .try = réglez l’horloge
key-used = la clé de cette exécution est déjà utilisée
    .try = relancez ; la prochaine exécution aura une nouvelle clé et une nouvelle table

## Sorties

output-standard-twice = deux sorties réclament la sortie standard
    .try = nommez `-` une seule fois, et écrivez l’autre sortie dans un fichier
output-twice = deux sorties portent le nom { $path }
    .try = donnez à chaque sortie son propre fichier
output-directory = rien n’est écrit dans { $path } : c’est un répertoire
    .try = { try-other-file }
output-no-file = rien n’est écrit dans { $path } : ce n’est pas un fichier
    .try = { try-other-file }
output-dead-link = rien n’est écrit dans { $path } : c’est un lien vers rien
    .try = { try-other-file }
output-input = rien n’est écrit dans { $path } : c’est une entrée
    .try = { try-other-file }
output-in-node = rien n’est écrit dans { $path } : l’emplacement est à l’intérieur du nœud { $node }
    .try = nommez un fichier hors du nœud
output-exists = rien n’est écrit dans { $path } : le fichier existe
    .try = nommez un autre fichier, ou ajoutez --overwrite pour remplacer celui-ci
output-place = impossible d’écrire dans { $path } : { $why }
    .try = vérifiez que le répertoire existe, que vous pouvez y écrire et que le disque a de la place
output-write = impossible d’écrire { $path } : { $why }
    .try = nommez un autre fichier, ou libérez de la place sur le disque
output-standard = la sortie standard
output-exists-by-now = le fichier existe désormais
try-other-file = nommez un autre fichier

## Journal de session

journal-damaged = { $path } : l’entrée { $record } est endommagée
    .try = { try-restore-run }
journal-other-version = { $path } : une transcription d’une autre version du protocole
    .try = lancez une nouvelle exécution
journal-frame-damaged = { $path } : la trame { $index } est endommagée
    .try = { try-restore-run }
journal-too-large = { $path } est trop grand pour une transcription
    .try = nommez le répertoire d’une exécution
journal-failed = le journal a échoué plus tôt et n’accepte plus rien
    .try = libérez de la place, puis relancez
try-restore-run = restaurez l’exécution depuis une copie, ou lancez-en une nouvelle
