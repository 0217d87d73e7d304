## Règles, par leur nom dans les tables des niveaux

verify-rule-programs = les deux parties déclarent une version publiée du programme ; protocole connu
verify-rule-sequence = les messages forment une seule session, complète et dans l’ordre
verify-rule-parties = les deux parties, la suite, le profil et les tailles concordent
verify-rule-manifest = le manifeste de clé et l’instantané sont signés et conviennent à la session
verify-rule-binding = le numéro de session lie les HELLO, les conditions, les certificats et le canal
verify-rule-terms-signed = les deux parties ont signé les conditions
verify-rule-terms-kept = les conditions respectent l’offre, les limites et les délais
verify-rule-streams = chaque flux est entier, avec les nombres annoncés
verify-rule-checkpoints = les deux parties ont signé la tête de chaque flux
verify-rule-receipt = les deux parties ont signé un reçu qui dit ce qui s’est passé
verify-rule-ledger = l’écriture du grand livre décompte toute l’exécution et suit sa réservation
verify-rule-hellos-signed = les deux parties ont signé leur HELLO pour ce canal
verify-rule-last-words = un refus ou une interruption porte la signature de son auteur
verify-rule-frames-signed = chaque trame est signée avec le début de son flux et la question à laquelle elle répond
verify-rule-blind-committed = l’annonceur s’est engagé sur un seul masque pour toutes ses fiches
verify-rule-release-signed = le prestataire a signé ce qu’il a divulgué, pour les références de correspondance reçues
verify-rule-input-opened = l’ouverture des données d’entrée, s’il y en a une, ouvre l’engagement de l’annonceur
verify-rule-frames-recorded = les trames sont celles qui ont été enregistrées
verify-rule-elements-canonical = chaque élément est canonique et n’est pas l’élément neutre
verify-rule-elements-distinct = tous les éléments sont distincts deux à deux
verify-rule-answers = chaque réponse a la preuve que son ordre demande
verify-rule-table = la table est en ordre strict et a la racine annoncée
verify-rule-handles = les références de correspondance forment un seul lot en ordre strict

## Contrôles qui ne peuvent pas être faits

verify-no-close = les enregistrements s’arrêtent avant la clôture
verify-ended-by-word = un refus ou une interruption met fin à la session
verify-ended-before = la session a pris fin avant cette étape
verify-no-hellos = la session n’a pas ses HELLO
verify-no-message = la session n’a pas de message { $message }
verify-sender-unknown = son auteur ne s’est pas présenté
verify-no-frames = le flux n’a pas de trame
verify-frames-absent = des trames ne sont pas dans le dossier d’audit

## Ordre des enregistrements

verify-message-gap = un message de contrôle manque ou est répété
verify-undecodable = un message de contrôle ne se décode pas : { $why }
verify-after-close = un message suit la clôture
verify-out-of-place = le message { $message } n’est pas à sa place
verify-checkpoint-by-receiver = un CHECKPOINT vient du destinataire du flux
verify-ack-by-sender = un CHECKPOINT_ACK vient de l’expéditeur du flux
verify-ack-early = un flux a été acquitté avant sa dernière trame
verify-signed-again = un flux a été signé plus de deux fois
verify-frame-outside = une trame { $stream } se trouve hors de la session
verify-eval-early = une trame EVAL précède la trame à laquelle elle répond
verify-handles-early = une trame HANDLES précède la signature des réponses
verify-ids-early = une trame IDS précède RELEASED
verify-frame-after-last = une trame { $stream } suit la dernière
verify-frame-gap = il manque des trames au flux { $stream }
verify-eval-before-last-row = une trame EVAL précède la dernière fiche
verify-eval-before-ack = une trame EVAL précède l’acquittement des fiches
verify-blind-before-table = une trame BLIND précède la fin de la table
verify-blind-before-ack = une trame BLIND précède l’acquittement de la table
verify-blind-uncommitted = une trame BLIND précède SESSION_BLIND

## Programmes, parties, tailles

verify-protocol-unknown = la version { $version } du protocole n’est pas connue ici
verify-key-exchange = { $party ->
    [advertiser] le programme de l’annonceur a proposé un échange de clés sans ML-KEM
   *[provider] le programme du prestataire a proposé un échange de clés sans ML-KEM
 }
verify-test-limits = { $party ->
    [advertiser] le programme de l’annonceur avait des limites de test
   *[provider] le programme du prestataire avait des limites de test
 }
verify-hello-signature = { $party ->
    [advertiser] la signature du HELLO de l’annonceur n’est pas valide
   *[provider] la signature du HELLO du prestataire n’est pas valide
 }
verify-party-unexpected = { $party ->
    [advertiser] l’annonceur n’est pas la partie attendue
   *[provider] le prestataire n’est pas la partie attendue
 }
verify-profile-unknown = profil inconnu
verify-suite = la suite et le profil ne vont pas ensemble
verify-shape = largeur des fiches, échantillon ou fiches après remplissage : { $why }
verify-protocol-other = le prestataire déclare une autre version du protocole
verify-tags-range = le nombre d’étiquettes est hors limites
verify-tags-padding = le nombre d’étiquettes n’est pas complété à des trames entières
verify-elements-range = le nombre d’éléments est hors limites
verify-row-width = la largeur des fiches est hors limites
verify-one-party = la même partie est des deux côtés
verify-protocol-not-offered = une version du protocole qui n’était pas proposée
verify-rules-differ = les règles de normalisation diffèrent
verify-ledgers-differ = les têtes des grands livres diffèrent

## Clé et instantané

verify-manifest-signature = la signature du manifeste n’est pas valide
verify-snapshot-signature = la signature de l’instantané n’est pas valide
verify-manifest-provider = le manifeste nomme un autre prestataire
verify-snapshot-provider = l’instantané nomme un autre prestataire
verify-manifest-partner = le manifeste nomme un autre partenaire
verify-key-bounds = la durée ou l’usage de la clé dépasse ce qu’une clé peut avoir
verify-public-key = la clé publique : { $why }
verify-key-suite = la clé du manifeste sert à une autre suite
verify-key-evaluations = plus d’évaluations que la clé n’en permet
verify-key-lifetime = la clé n’est pas valable aussi longtemps que les conditions

## Conditions et numéro de session

verify-other-id = le numéro dans le message { $message } n’est pas celui de la session
verify-terms-signature = une signature du numéro de session n’est pas valide
verify-terms = les conditions : { $why }
verify-handles-above-rows = plus de références de correspondance que de fiches
verify-phones-above-elements = plus de numéros de téléphone que d’éléments
verify-offer-evaluations = plus d’évaluations que l’offre n’en laisse
verify-blind-unsigned = le message SESSION_BLIND ne porte pas la signature de l’annonceur
verify-blind-element = l’engagement sur le masque : { $why }
verify-opening-other = le fichier `input.opening` n’ouvre pas l’engagement du HELLO de l’annonceur

## Refus et interruptions

verify-word-unsigned = le message { $message } ne porte pas la signature de son auteur
verify-word-two-heads = un refus ou une interruption nomme une autre tête d’un flux que celle que son auteur a signée
verify-word-other-frames = un refus ou une interruption nomme d’autres trames que celles qui sont enregistrées

## Flux et leurs têtes

verify-streams-other = d’autres flux que ceux du profil ont été envoyés
verify-stream-open = le flux { $stream } n’a pas de dernière trame
verify-frame-not-full = le flux { $stream } a une trame qui n’est pas pleine
verify-frame-length = le flux { $stream } a une trame d’une autre longueur
verify-frame-empty = le flux { $stream } a une trame vide
verify-count = le flux { $stream } n’a pas le nombre d’éléments prévu
verify-table-other = la table n’est pas celle qui était annoncée
verify-answer-unasked = une réponse à des références de correspondance qui n’ont pas été envoyées
verify-handles-unanswered = aucune réponse aux références de correspondance
verify-ids-not-due = des identifiants digitaux qui n’étaient pas dus
verify-no-stream = aucun flux n’a été envoyé
verify-frame-unsigned = la trame { $frame } du flux { $stream } n’est pas signée telle qu’elle est enregistrée
verify-two-heads = flux { $stream } : deux têtes ont été signées
verify-signed-twice = un flux a été signé deux fois
verify-checkpoint-unsent = un point de contrôle d’un flux qui n’a pas été envoyé
verify-other-head = { $side ->
    [sender] flux { $stream } : l’expéditeur a signé une autre tête
   *[receiver] flux { $stream } : le destinataire a signé une autre tête
 }
verify-head-unsigned = { $side ->
    [sender] la signature de l’expéditeur manque au flux { $stream }
   *[receiver] la signature du destinataire manque au flux { $stream }
 }

## Reçu et grand livre

verify-receipt-signature = { $party ->
    [advertiser] la signature du reçu par l’annonceur n’est pas valide
   *[provider] la signature du reçu par le prestataire n’est pas valide
 }
verify-receipt-streams = le reçu énumère d’autres flux
verify-no-report = aucun engagement sur le rapport
verify-closed-early = la session est clôturée avant d’être ouverte
verify-outcome = l’issue déclarée n’est pas ce qui s’est passé
verify-receipt-handles = le reçu dit autre chose de la divulgation que RELEASED
verify-receipt-ids = le reçu compte d’autres identifiants digitaux
verify-released-unsigned = le message RELEASED ne porte pas la signature du prestataire pour ces références de correspondance
verify-released-handles = RELEASED compte d’autres références de correspondance que celles qui ont été envoyées
verify-unknown-handles = plus de références de correspondance inconnues que le hasard n’en explique
verify-below-minimum = moins de références de correspondance que le nombre minimal de correspondances
verify-reserve-place = la réservation n’a pas de place dans la chaîne
verify-chain-start = la chaîne ne commence pas par des zéros
verify-settle-impossible = des nombres qu’aucun solde ne peut contenir
verify-settle-other = le solde n’est pas celui de cette session

## Trames

verify-frame-other = la trame { $frame } du flux { $stream } n’est pas celle qui a été enregistrée
verify-frame-unreadable = la trame { $frame } du flux { $stream } ne peut pas être lue
verify-frame-breach = trame { $frame } du flux { $stream } : { $why }
verify-element-twice = le flux { $stream } répète un élément
verify-handles-order = la trame { $frame } du flux { $stream } n’est pas en ordre strict
verify-table-short = la table s’arrête trop tôt
verify-table-root = la table a une autre racine

## Dossiers comparés

compare-channel = canal et certificats
compare-message = { $name }
compare-frames = flux { $stream }, trames communes : { $same }
compare-head = { $name } du flux { $stream }
compare-word = { $party ->
    [advertiser] { $name } de l’annonceur
   *[provider] { $name } du prestataire
 }
compare-two-heads = flux { $stream } : la tête signée dans un dossier, et ce qui en est signé dans l’autre
compare-keys = manifestes des clés du prestataire
compare-snapshots = instantanés du prestataire
compare-ledger = écritures du grand livre des deux parties
compare-releases = têtes des divulgations du prestataire
