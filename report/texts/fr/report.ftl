## Échecs : trois lignes

failure-what = erreur { $code } : { $what }
failure-whose = à qui d’agir : { $whose }
failure-try = essayez : { $advice }
whose-and-note = { $whose }. { $note }

whose-you = à vous
whose-peer = { $peer ->
    [provider] au prestataire
    [advertiser] à l’annonceur
   *[other] à l’autre partie
 }
whose-you-or-peer = { $peer ->
    [provider] à vous ou au prestataire
    [advertiser] à vous ou à l’annonceur
   *[other] à vous ou à l’autre partie
 }
whose-you-and-peer = { $peer ->
    [provider] à vous et au prestataire ensemble
    [advertiser] à vous et à l’annonceur ensemble
   *[other] à vous et à l’autre partie ensemble
 }
whose-advertiser = { $own ->
    [advertiser] à vous
   *[other] à l’annonceur
 }
whose-provider = { $own ->
    [provider] à vous
   *[other] au prestataire
 }
whose-auditor = à l’auditeur
whose-giver = à la personne qui vous a remis le dossier
whose-developers = aux développeurs
whose-nobody = à personne

## Codes de retour, pour le manuel

exit-0 = un résultat vérifié est écrit ; pour l’auditeur, tous les contrôles sont satisfaits
exit-1 = auditeur : un contrôle est en échec
    .try = lisez les lignes marquées `FAIL` : qui a signé ce qui est en échec se lit sous chacune
exit-2 = ligne de commande
    .try = corrigez la ligne de commande
exit-3 = auditeur : aucun contrôle en échec ; la session a fini avant son terme, ou tout n’a pas pu être contrôlé
    .try = lisez le verdict et les lignes marquées `--`
exit-65 = données d’entrée refusées : leur forme, aucune fiche éligible, moins de `n_min`
    .try = corrigez le fichier à la ligne nommée ; rien n’a été envoyé
exit-66 = une entrée est absente ou vide
    .try = attendez l’export
exit-69 = version, suite, règles, types, conditions, grands livres ou canal diffèrent
    .try = les deux exploitants se parlent
exit-70 = un défaut de Veilmatch
    .try = signalez-le
exit-73 = une sortie a été refusée ou n’a pas pu être écrite
    .try = nommez un autre endroit ; un résultat débité est gardé
exit-74 = stockage local : une erreur de lecture ou d’écriture, des données conservées qui ont changé
    .try = le disque, les droits
exit-75 = pas maintenant : réseau perdu ou trop lent, autre nœud occupé, verrou tenu par une autre exécution, table ou clé qui n’est pas prête
    .try = lancez une nouvelle exécution ; cette version ne reprend pas de session, et celle qui avait réservé des évaluations reste débitée
exit-76 = manquement de l’autre nœud au protocole
    .try = gardez le répertoire de la session ; ne relancez pas
exit-77 = une politique, une suspension, une horloge ou un certificat s’y oppose
    .try = ce n’est pas un échec ; le message dit laquelle
exit-78 = configuration, fichiers de clés, ou une étape à faire d’abord par l’exploitant
    .try = le message dit que faire
exit-80 = fait en partie, le reste est listé
    .try = corrigez ce qui est énuméré, et recommencez
exit-81 = le résultat n’est pas communiqué, ou sa divulgation a été déclinée : décompté, sans résultat
    .try = rien
exit-82 = un budget est épuisé
    .try = attendez qu’il se renouvelle
exit-83 = l’autre nœud n’est pas la partie épinglée, ou ce nœud n’y est pas connu
    .try = les deux exploitants se parlent
exit-129 = SIGHUP a mis fin au programme
    .try = relancez-le
exit-130 = SIGINT a mis fin au programme
    .try = relancez-le
exit-143 = SIGTERM a mis fin au programme
    .try = relancez-le
