# Codes de la liaison, tels que ce nœud les dit de lui-même ou de l’autre, et éléments communs à
# toutes les pièces.
#
# Toujours donnés : $own et $peer (advertiser ou provider).
# Ici aussi $by : `own`, ce que ce nœud a constaté ou refusé ; `peer`, ce que l’autre a refusé ;
# `ended`, la raison pour laquelle l’autre a interrompu la session ; sinon, le sens seul.

## Parties

peer-the = { $peer ->
    [advertiser] l’annonceur
    [provider] le prestataire
   *[other] l’autre nœud
 }
peer-of = { $peer ->
    [advertiser] de l’annonceur
    [provider] du prestataire
   *[other] de l’autre nœud
 }
peer-to = { $peer ->
    [advertiser] à l’annonceur
    [provider] au prestataire
   *[other] à l’autre nœud
 }

## Endroits de la liaison

place = { $stream ->
    [control-advertiser] { " " }(message { $index } de l’annonceur)
    [control-provider] { " " }(message { $index } du prestataire)
    [table] { " " }(trame { $index } de la table d’étiquettes)
    [blind] { " " }(trame { $index } des éléments masqués)
    [eval] { " " }(trame { $index } des évaluations)
    [handles] { " " }(trame { $index } des références de correspondance)
    [ids] { " " }(trame { $index } des identifiants digitaux)
   *[none] { "" }
 }

## Règles que l’autre nœud peut enfreindre

broken = { $by ->
    [ended] { peer-the } a interrompu la session et dit que ce nœud a enfreint une règle :{ " " }
   *[own] { "" }
 }
violation-note = { $by ->
    [ended] Les deux transcriptions montrent qui a raison
   *[own] La transcription jusqu’à ce point est conservée ; elle prouve ce qui y est signé
 }
try-evidence = envoyez la transcription et ses trames à l’exploitant { peer-of }
try-report-transcript = comparez les versions des deux nœuds ; si elles sont égales, signalez-le avec la transcription
try-rule-of-wire = { $by ->
    [ended] { try-report-transcript }
   *[own] comparez les versions des deux nœuds (`--version`) ; si elles sont égales, { try-evidence }
 }
try-rule-of-elements = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence } ; ne relancez pas avant sa réponse
 }
try-rule-of-answers = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence } ; ne relancez pas, le budget est déjà débité et les réponses ne sont pas fiables
 }
try-rule-of-table = { $by ->
    [ended] { try-report-transcript }
   *[own] demandez { peer-to } de refaire sa table, puis relancez ; { try-evidence }
 }
try-rule-of-signatures = { $by ->
    [ended] { try-report-transcript }
   *[own] comparez l’identité { peer-of } par une autre voie ; si elle est juste, { try-evidence }
 }
try-rule-of-binding = { $by ->
    [ended] { try-report-transcript }
   *[own] vérifiez que rien ne termine TLS entre les nœuds, et comparez l’identité { peer-of } par une autre voie avant toute nouvelle exécution
 }
try-rule-of-keys = { $by ->
    [ended] { try-report-transcript }
   *[own] demandez { peer-to } une nouvelle clé et une nouvelle table (une ancienne sauvegarde a pu être restaurée) ; { try-evidence }
 }
try-rule-of-record = { $by ->
    [ended] { try-report-transcript }
   *[own] gardez le répertoire de l’exécution ; { try-evidence }, qui la compare à la sienne
 }
try-rule-of-release = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence } ; rien de cette divulgation ne peut être utilisé
 }

violation-encoding-not-canonical = { broken }un message de contrôle n’est pas dans son unique encodage canonique{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-unexpected-message = { broken }un message n’est pas permis dans cet état{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-malformed = { broken }l’en-tête ou la longueur d’une trame est mal formé{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-too-large = { broken }une trame dépasse la limite{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-out-of-sequence = { broken }il manque un indice de trame{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-element-not-canonical = { broken }un élément n’est pas un encodage canonique{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-element-identity = { broken }un élément est l’identité du groupe{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-scalar-not-canonical = { broken }un scalaire de la preuve est nul ou non canonique{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-order-not-strict = { broken }des éléments ne sont pas en ordre strict{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-count-mismatch = { broken }moins ou plus d’éléments qu’annoncé{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-proof-invalid = { broken }{ $by ->
    [own] la preuve des évaluations n’est pas valide
   *[ended] la preuve d’une trame d’évaluations n’est pas valide
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-canary-missing = { broken }{ $by ->
    [own] { peer-the } n’a pas rendu une fiche dont la réponse était connue d’avance
   *[ended] une fiche témoin n’est pas revenue
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-table-malformed = { broken }la table d’étiquettes est mal formée{ place }
    .note = { violation-note }
    .try = { try-rule-of-table }
violation-table-root-mismatch = { broken }la table d’étiquettes n’est pas celle qui a été annoncée{ place }
    .note = { violation-note }
    .try = { try-rule-of-table }
violation-tag-hit-twice = { broken }{ $by ->
    [own] deux identifiants différents atteignent une même étiquette de la table
   *[ended] une étiquette de la table a été atteinte par deux éléments
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-signature-invalid = { broken }une signature n’est pas valide{ place }
    .note = { violation-note }
    .try = { try-rule-of-signatures }
violation-commitment-mismatch = { broken }une ouverture ne correspond pas à son engagement{ place }
    .note = { violation-note }
    .try = { try-rule-of-signatures }
violation-session-binding-mismatch = { broken }{ $by ->
    [own] { peer-the } a signé une autre session que celle-ci, ou quelqu’un s’interpose
   *[ended] le numéro de session diffère : relais, rejeu ou autres conditions signées
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-binding }
violation-manifest-mismatch = { broken }le manifeste des clés ne convient pas à la session{ place }
    .note = { violation-note }
    .try = { try-rule-of-keys }
violation-key-reused = { broken }une clé a été proposée sous un autre manifeste ou une seconde fois{ place }
    .note = { violation-note }
    .try = { try-rule-of-keys }
violation-checkpoint-mismatch = { broken }un point de contrôle diffère du flux{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }
violation-leaf-changed = { broken }une trame renvoyée diffère de la première{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }
violation-handle-malformed = { broken }les références de correspondance sont en désordre ou trop nombreuses{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-unknown-handles = { broken }{ $by ->
    [own] { peer-the } a demandé des enregistrements auxquels aucune réponse de ce nœud ne mène
   *[ended] trop de références de correspondance inconnues
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-second-handle-batch = { broken }un second envoi de références de correspondance{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-id-list-malformed = { broken }la liste d’identifiants digitaux est mal formée{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-receipt-mismatch = { broken }le reçu de session diffère de la session{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }

## Nœuds qui ne vont pas ensemble

unfit = { $by ->
    [own] les deux nœuds ne vont pas ensemble :{ " " }
    [peer] { peer-the } a refusé, car les deux nœuds ne vont pas ensemble :{ " " }
    [ended] { peer-the } a interrompu la session :{ " " }
   *[none] { "" }
 }
unfit-note = { $by ->
    [ended] Les deux exploitants comparent leurs réglages
   *[own] Rien n’a été comparé
 }

incompatibility-version = { unfit }aucune version commune du protocole
    .note = { unfit-note }
    .try = comparez `--version` des deux nœuds et mettez à jour le plus ancien : les versions du protocole ne se mélangent pas
incompatibility-suite = { unfit }la suite n’est pas prise en charge
    .note = { unfit-note }
    .try = convenez d’un profil que les deux versions connaissent ; `--version` des deux nœuds le dit
incompatibility-profile = { unfit }le profil n’est pas pris en charge
    .note = { unfit-note }
    .try = convenez d’un profil que les deux versions connaissent ; `--version` des deux nœuds le dit
incompatibility-ruleset = { unfit }les règles de normalisation diffèrent
    .note = { unfit-note }
    .try = utilisez le même jeu de règles, les mêmes options et la même version sur les deux nœuds, et acceptez une nouvelle invitation
incompatibility-kinds = { unfit }les types d’identifiants ne conviennent pas
    .note = { unfit-note }
    .try = comparez les types d’identifiants de l’invitation avec les colonnes de votre fichier
incompatibility-parameters = { unfit }un paramètre ou un indicateur n’est pas pris en charge
    .note = { unfit-note }
    .try = comparez les conditions signées sur les deux nœuds : l’un nomme une valeur ou un indicateur que l’autre ne connaît pas
incompatibility-ledger-heads-differ = { unfit }les deux grands livres n’ont pas la même tête
    .note = { unfit-note }
    .try = comparez les grands livres des deux nœuds pour ce partenaire : l’un a été restauré d’une sauvegarde plus ancienne, ou a perdu sa dernière entrée
incompatibility-channel-policy = { unfit }la connexion ne respecte pas la politique
    .note = { unfit-note }
    .try = { try-channel-policy }
try-channel-policy = vérifiez que les deux sont des nœuds Veilmatch de cette version, sans rien entre eux qui termine TLS

## Politiques qui disent non

refused-by = { $by ->
    [own] ce nœud a refusé :{ " " }
    [peer] { peer-the } a refusé :{ " " }
    [ended] { peer-the } a interrompu la session :{ " " }
   *[none] { "" }
 }
try-again-soon = de nouveau dans { $seconds } s, comme le demande { peer-the } ; `run` attend de lui-même
try-again-later = de nouveau dans { $span }, comme le dit { peer-the } ; `run` n’attend pas jusque-là
span-minutes = { $minutes } min
span-hours = { $hours } h { $minutes } min

refusal-partner-unknown = { refused-by }le partenaire n’est pas connu ici
    .note = Rien n’a été comparé
    .try = faites inviter cette identité par le prestataire, puis acceptez la nouvelle invitation
refusal-profile-not-allowed = { refused-by }la politique partenaire ne permet pas ce profil
    .note = La politique partenaire décide, et elle est dans l’invitation
    .try = choisissez un profil que l’invitation énumère
refusal-purpose-not-allowed = { refused-by }la politique partenaire ne permet pas cette finalité
    .note = La politique partenaire décide, et elle est dans l’invitation
    .try = choisissez une finalité que l’invitation énumère, ou faites changer la politique
refusal-size-out-of-range = { refused-by }un ensemble est trop petit ou trop grand
    .note = Un ensemble se tient entre n_min et ce que permet la politique partenaire
    .try = regardez pourquoi des fiches ont été écartées, par motif, et apportez un ensemble dans les limites
refusal-budget-exceeded = { refused-by }le budget d’évaluations est épuisé
    .note = Jusqu’à la fin de la période, le budget protège le graphe d’identités
    .try = attendez la période suivante, ou convenez d’un budget plus grand
refusal-key-exhausted = { refused-by }il ne reste aucune évaluation à la clé
    .note = Jusqu’à la fin de la période, le budget protège le graphe d’identités
    .try = attendez que le prestataire ait préparé sa prochaine clé et sa prochaine table
refusal-below-match-minimum = { refused-by }moins d’enregistrements correspondants que k_min
    .note = k_min protège le petit nombre de personnes concernées ; le nombre lui-même n’est pas affiché
    .try = utilisez un fichier plus grand ou un autre
refusal-terms-expired = { refused-by }les conditions signées ont expiré ou ne valent pas encore
    .note = Les conditions signées valent sept jours au plus
    .try = lancez une nouvelle exécution ; si cela se produit aussitôt, comparez les horloges des deux machines
refusal-session-busy = { refused-by }une autre session entre ces deux parties est en cours
    .note = Cela passe de soi-même
    .try = de nouveau quand l’autre session entre ces deux parties sera finie
refusal-table-not-ready = { refused-by }la table de cette exécution n’est pas prête
    .note = Cela passe de soi-même
    .try = de nouveau dans quelques minutes ; le prestataire construit la table
refusal-resume-expired = { refused-by }la session ne peut plus être reprise
    .note = Ce qui a été débité le reste
    .try = lancez une nouvelle exécution
refusal-release-declined = { refused-by }l’exploitant a décliné la divulgation
    .note = Rien n’a été divulgué
    .try = mettez-vous d’accord avec l’autre exploitant, puis lancez une nouvelle exécution
refusal-audit-challenge-stale = { refused-by }le défi d’audit est périmé
    .note = Rien n’a été comparé
    .try = demandez un nouveau défi à l’auditeur
refusal-too-many-hellos = { refused-by }trop de sessions ont été ouvertes aujourd’hui
    .note = Jusqu’à la fin de la période, le budget protège le graphe d’identités
    .try = après minuit UTC ; seize sessions peuvent être ouvertes par jour, et `run` n’attend pas
refusal-key-spent = { refused-by }la clé proposée a déjà servi à des conditions antérieures
    .note = Cela passe de soi-même
    .try = de nouveau dans quelques minutes ; le prestataire prépare une autre clé et une autre table
refusal-nothing-to-ask = { refused-by }la même question a déjà reçu sa réponse
    .note = Le résultat conservé répond à la question
    .try = `advertiser-node result` écrit de nouveau le résultat conservé
refusal-cannot-serve = { $by ->
    [peer] { peer-the } ne peut pas vous servir : son fichier pour vous contient une erreur
   *[own] { refused-by }le fichier de ce partenaire contient une erreur
 }
    .note = Rien n’a été comparé, et rien n’est compté
    .try = { $by ->
        [peer] demandez à l’exploitant { peer-of }, qui le voit dans `status` ; puis relancez
       *[own] corrigez le fichier du partenaire : `status` nomme la ligne
     }

clocks-differ = les horloges des deux nœuds diffèrent de { $seconds_text } s, plus de { $limit } : { $local } ici, { $theirs } chez { peer-the }
    .note = L’une des deux horloges se trompe ; rien n’a été comparé
    .try = comparez les deux heures avec une troisième horloge, réglez celle qui se trompe (NTP la garde juste), puis relancez ; si la vôtre est juste, donnez les deux heures à l’exploitant { peer-of }
refusal-clocks-differ = { refused-by }les horloges des deux nœuds diffèrent de plus de 300 s
    .note = L’une des deux horloges se trompe ; rien n’a été comparé
    .try = réglez l’horloge qui se trompe, par NTP, puis relancez
refusal-implausible = { refused-by }la table dépasse son plafond, ou les lignes appariées celui du taux
    .note = Une table d’identifiants inventés donnerait ce résultat : rien n’a été transmis
    .try = demandez au fournisseur si sa table est réelle ; si vous savez pourquoi tant de lignes correspondent, relancez avec `--allow high-rate` ; une table qui a grandi de plus d’un quart demande une nouvelle invitation, qui en dit la taille
refusal-epsilon-exceeded = { refused-by }le budget de perte de confidentialité de ces 30 jours, epsilon, est épuisé
    .note = Chaque décompte bruité en consomme une partie ; rien n’a été comparé
    .try = relancez quand le budget se renouvelle ; `result` répond à une question déjà posée

## Fins qui ne tiennent ni à une règle ni à une politique

peer-operator = { $by ->
    [ended] { peer-the } a interrompu la session : son exploitant l’a arrêtée, ou sa machine a un problème
   *[none] un problème sur sa propre machine
 }
    .note = L’exécution peut être répétée
    .try = relancez dans quelques minutes ; si cela se produit deux fois, demandez à l’exploitant { peer-of }
peer-defect = { $by ->
    [ended] { peer-the } a interrompu la session : il a constaté un défaut de son logiciel
   *[none] un défaut qu’il a constaté dans son logiciel
 }
    .note = Les développeurs le corrigent
    .try = demandez à l’exploitant { peer-of } de le signaler
abort-unsigned = { peer-the } a interrompu la session avec { $code } ({ $told }), et sa signature ne vaut pas pour cette session
    .note = Le message ne prouve rien sur aucun des deux
    .try = comparez les versions des deux nœuds (`--version`), puis relancez ; si cela se produit deux fois, comparez les transcriptions des deux

## Défauts du logiciel

try-defect = signalez-le avec la version (`--version`) et les dernières lignes du journal ; ne relancez pas avec des données réelles avant la réponse
defect = défaut de Veilmatch : { $kind ->
    [misuse] les étapes de la session ont été appelées en désordre
   *[invariant] une condition interne n’est pas remplie
 }{ $place ->
    [none] { "" }
   *[known] { " " }({ $place })
 }
    .note = Rien n’a été publié
    .try = { try-defect }
stored-data-changed = ce que ce nœud a conservé pour la session n’est pas ce qu’il relit
    .try = vérifiez le disque et qui d’autre écrit dans le répertoire du nœud, puis relancez

## Résultats non communiqués

withheld-below-match-minimum = résultat non communiqué : moins de fiches correspondantes que le minimum de { $k_min_text } (k_min)
    .try = utilisez un fichier plus grand ou un autre ; le nombre lui-même n’est pas affiché
withheld-above-handles-maximum = résultat non communiqué : plus de fiches correspondantes que les conditions signées n’en laissent divulguer à la fois
    .try = utilisez un fichier plus petit ; le nombre lui-même n’est pas affiché
withheld-declined = résultat non communiqué : la divulgation a été déclinée ici ; rien n’a été divulgué à personne
    .try = lancez une nouvelle exécution quand la divulgation sera permise
withheld-by-advertiser = résultat non communiqué par l’annonceur, qui n’a envoyé aucune référence de correspondance
    .try = rien à faire ici

## Conseils communs à plusieurs pièces

try-disk = vérifiez le disque, sa place libre et les droits du répertoire du nœud
try-restore = vérifiez le disque et qui d’autre écrit dans le répertoire du nœud, et restaurez le fichier d’une copie ; sans copie, déplacez-le ailleurs : les entrées, les tables et les instantanés peuvent être refaits
try-mend-command-line = `--help` énumère les commandes et les options

## Sens des codes propres à une machine, pour le manuel, et conseil quand un texte n’en a pas

too-few-rows = moins de fiches éligibles que n_min, constaté avant tout contact avec le prestataire
    .try = `advertiser-node check` montre pourquoi des fiches ont été écartées, par motif
too-many-matched = plus de fiches correspondantes que les conditions signées n’en laissent divulguer à la fois
    .try = utilisez un fichier plus petit ; le nombre lui-même n’est pas affiché
code-usage = une option ou un nom de la ligne de commande qui n’a pas de sens ici
    .try = { try-mend-command-line }
code-to-do-first = une étape à faire d’abord par l’exploitant : pas de graphe, pas de prestataire, un fichier à corriger
    .try = faites d’abord ce que nomme le message, puis relancez
code-output = une sortie refusée ou impossible à écrire
    .try = nommez un autre fichier, dans un répertoire où vous pouvez écrire
code-input-changed = l’entrée préparée n’est plus celle de l’engagement
    .try = relancez ; si cela se produit deux fois, vérifiez le disque
code-node = le répertoire du nœud, ses clés, sa clé de stockage ou ses réglages
    .try = vérifiez que le répertoire est celui qu’a fait `init`, et que ses fichiers ne sont qu’à vous
code-invitation = le fichier d’invitation
    .try = demandez une nouvelle invitation au prestataire
code-rules-broken = les règles de normalisation de cette version échouent à leur propre test
    .try = réinstallez cette version ; un nœud dont les règles échouent à leur test ne s’exécute pas
code-input-form = un fichier d’entrée mal formé, avec ligne et colonne
    .try = corrigez le fichier à l’endroit nommé ; rien n’a été envoyé
code-input-absent = un fichier d’entrée absent ou vide
    .try = nommez un fichier qui existe et que vous pouvez lire
code-no-usable-row = un fichier d’entrée sans fiche utilisable
    .try = corrigez les colonnes de consentement et les identifiants ; `check` compte chaque motif
code-digests-undeclared = des colonnes mal ou non déclarées, comme des empreintes sans les règles qui les ont produites
    .try = déclarez dans la table d’affectation ou les réglages ce que nomme le message
code-storage = stockage : une entrée impossible à lire, un ensemble préparé, un fichier du nœud
    .try = { try-disk }
code-contradiction = un ensemble préparé se contredit, ou la liste repoussoir contient moins que ce que ce nœud a reçu
    .try = préparez l’ensemble de nouveau ; si cela se produit deux fois, vérifiez le disque
code-silent = l’autre nœud n’a rien envoyé pendant trop longtemps
    .try = relancez ; si cela se produit deux fois, demandez à l’exploitant { peer-of } si son nœud fonctionne
code-session-storage = stockage pendant une session : fichiers de travail, journal, grand livre
    .try = { try-disk }
code-damaged = un fichier conservé par le nœud (entrée, historique, clé, instantané, table, divulgation) n’est pas ce qui a été écrit
    .try = { try-restore }
code-address = une adresse qui n’est pas de la forme `host:port`
    .try = écrivez l’adresse sous la forme host:port, par exemple provider.example:4433
code-host-name = un nom de machine sans adresse
    .try = vérifiez le nom dans l’invitation et le DNS de cette machine
code-no-answer = aucune réponse de l’adresse
    .try = demandez si le nœud { peer-of } fonctionne ; si oui, laissez passer UDP vers son port dans votre pare-feu, réponses comprises
code-certificate = un contrôle du certificat ou de la négociation a échoué, à l’un des deux bouts
    .try = comparez les horloges des deux machines et les identités des deux nœuds
code-connection-lost = la connexion a été perdue
    .try = relancez ; si cela se produit souvent, comparez les pertes et les temps d’aller-retour dans le journal
code-connection-closed = l’autre nœud a fermé la connexion
    .try = relancez ; si cela se produit deux fois, demandez { peer-to } ce que dit son journal
code-deadline = l’autre nœud a mis trop longtemps sur la connexion
    .try = relancez ; si cela se produit deux fois, demandez { peer-to } ce que dit son journal
code-socket = un point de connexion local
    .try = vérifiez l’adresse et le port dans la configuration, et qu’aucun autre programme ne les utilise
code-ledger-gone = le grand livre a disparu, ou est plus ancien que ce dont ce nœud se souvient
    .try = reprenez les entrées du fichier de l’autre partie avec `ledger adopt`
code-partly = fait en partie : des lignes d’un flux d’oppositions qui ne sont pas exécutées, avec numéro et motif
    .try = corrigez ce qui est énuméré, et recommencez
code-stopped = un signal a mis fin à la commande
    .try = relancez la commande quand elle pourra s’exécuter
code-evidence = un fichier de `ledger export` illisible, ou qui ne prouve pas ses entrées
    .try = redemandez le fichier : `ledger export -o FILE` sur l’autre nœud
code-no-room = trop peu de place sur le disque pour ce que la session écrirait, avec les deux chiffres
    .try = libérez de la place à cet endroit, puis relancez ; rien n’a été débité
code-package = auditeur : un dossier d’audit illisible, endommagé, trop grand ou d’un autre numéro de protocole, ce qui ne dit rien d’une partie
    .try = demandez une copie intacte ; les deux parties en ont une
code-snapshot-shown = l’instantané du jour a déjà été montré à un partenaire
    .try = de nouveau après minuit UTC
code-wrong-party = la clé de l’autre bout n’est pas celle qui est épinglée
    .try = comparez l’identité { peer-of } avec celle qui est épinglée, par une autre voie ; si elle est nouvelle, échangez de nouveau les identités
code-unknown-there = la clé de ce nœud n’est pas épinglée à l’autre bout
    .try = donnez { peer-to } la ligne d’identité de ce nœud, et faites-la épingler là-bas
code-other-protocol = le programme de l’autre bout parle un autre protocole, une autre version de TLS ou un autre échange de clés
    .try = { try-channel-policy }
code-in-use = un répertoire ou une clé qu’une autre commande utilise, ou a déjà utilisé
    .try = relancez quand l’autre commande sera finie
code-map = une table d’affectation inutilisable : une erreur, une question ouverte, ou une autre que celle exigée
    .try = corrigez la table ; rien n’a été lu d’après elle
code-defect = un défaut du logiciel, ici ou, selon l’autre nœud, chez lui
    .try = { try-defect }
