## ledger

## Chaînes

ledger-storage = impossible de lire ou d’écrire le grand livre { $path } : { $why }
    .try = vérifiez la place et l’état du disque
ledger-chain = le grand livre avec le partenaire { $partner } est rompu à l’entrée { $seq }
    .try = restaurez-le depuis une copie, ou reprenez les entrées du partenaire
ledger-damaged = le grand livre { $path } est endommagé
    .try = { try-adopt }
ledger-altered = le grand livre { $path } a été modifié dans sa table `{ $table }`
    .try = { try-adopt }
ledger-gone = le grand livre { $path } a disparu, mais { $trace } montre qu’il y en avait un
    .try = remettez-le depuis une copie, ou demandez à chaque partenaire son `ledger export` et lisez-le avec `ledger adopt`
ledger-behind = le grand livre avec le partenaire { $partner } finit à l’entrée { $seq }, mais il en avait { $anchored } : une ancienne copie a été remise
    .try = demandez au partenaire son `ledger export` et lisez-le avec `ledger adopt`
ledger-anchor = { $path } est endommagé, ou keys/storage.key n’est pas la clé sous laquelle il a été écrit
    .try = restaurez le fichier depuis une copie, ou comparez le grand livre à celui de chaque partenaire et supprimez le fichier
ledger-contradiction = ce grand livre et celui de l’autre partie se contredisent à l’entrée { $seq }
    .try = gardez les deux exports et parlez au partenaire { $partner }
ledger-version = le grand livre { $path } a la version { $version }
    .try = refaites le répertoire avec cette version, ou utilisez le programme qui l’a écrit
ledger-not-durable = les écritures ne sont pas durables à { $path }
    .try = choisissez un disque local
ledger-follow = l’entrée { $seq } ne suit pas le grand livre avec le partenaire { $partner }
    .try = comparez les grands livres avec le partenaire
try-adopt = restaurez-le depuis une copie, ou déplacez-le et reprenez les entrées des partenaires avec `ledger adopt`
session-state = { $state ->
    [running] en cours
    [done] terminée
    [failed] en échec
    [interrupted] interrompue
   *[unopened] non ouverte
 }

## Evidence of a ledger

evidence-malformed = un message est mal formé
evidence-party = elle concerne d’autres parties
evidence-head = elle ne suit pas l’écriture précédente
evidence-session = ses conditions sont celles d’une autre session
evidence-signature = une signature n’est pas valide
evidence-receipt = son reçu est celui d’une autre session
evidence-not-proven = session { $session } : { $fault }
evidence-file-other = ce n’est pas un export de grand livre de cette version
evidence-file-damaged = le fichier est coupé ou endommagé
