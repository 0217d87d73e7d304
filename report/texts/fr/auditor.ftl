## En-tête d’un rapport : intitulés

audit-label-session = session
audit-label-time = date
audit-label-parties = parties
audit-label-purpose = finalité
audit-label-terms = conditions
audit-label-relaxed = assoupli :
audit-label-map = table
audit-label-learned = apprend
audit-label-sizes = tailles
audit-label-signed = signé
audit-label-claimed = affirmé
audit-label-ended = fin
audit-label-advertiser = annonceur
audit-label-provider = prestataire
audit-label-party = partie
audit-label-identity = identité
audit-label-program = programme

## En-tête d’un rapport : session, date, parties

audit-list = { $items }
audit-and = { $first } ; { $second }
audit-none = rien
audit-unknown = inconnu
audit-no-terms = aucune : les conditions n’ont pas été envoyées
audit-no-hello = inconnu : aucune partie n’a dit HELLO
audit-time-closed = { $opened }, durée { $length }
audit-time-backwards = { $opened }, avec une clôture antérieure
audit-time-open = { $opened }, sans clôture
audit-time-hello = { $sent } à l’horloge de l’annonceur, sans conditions
audit-seconds = { $seconds } s
audit-minutes = { $minutes } min { $seconds } s
audit-hours = { $hours } h { $minutes } min { $seconds } s
audit-parties = { $advertiser } (annonceur), { $provider } (prestataire)
audit-program-limits = limites de test
audit-program-exchange = échange de clés sans ML-KEM
audit-program-digest = SHA-256 { $digest }
audit-purpose = { $purpose }  profil { $profile }  types { $kinds }
audit-purpose-none = aucun accord  profil { $profile }

## En-tête d’un rapport : conditions

audit-minima = n_min { $n_text }  k_min { $k_text }  group_min { $group_text }  cell_min { $cell_text }
audit-shown = nombres arrondis à { $step_text }, taux par pas de { $precision } %, au-delà de { $cap } % seulement « plus de { $cap } % »
audit-rules = règles { $rules }
audit-consent = { $days ->
    [one] consentement d’au plus { $days_text } jour
   *[other] consentement d’au plus { $days_text } jours
 }
audit-phones = { $n ->
    [0] aucun numéro de téléphone
    [one] au plus { $n_text } numéro de téléphone
   *[other] au plus { $n_text } numéros de téléphone
 }
audit-noise = bruit d’epsilon { $run }, au plus { $epoch } en 30 jours, pour { $unit ->
    [one] { $unit_text } identifiant d’une personne
   *[other] { $unit_text } identifiants d’une personne
 } ; ses fiches sont parmi les références de correspondance
audit-links = { $level ->
    [individual] liens individuels vus au cours des { $days } derniers jours par { $evidence }
   *[household] liens individuels et de niveau foyer vus au cours des { $days } derniers jours par { $evidence }
 }
audit-evidence-none = aucune observation
audit-evidence-login = authentification
audit-evidence-purchase = achat
audit-evidence-loyalty = carte de fidélité
audit-evidence-email = clic dans un e-mail
audit-evidence-form = formulaire
audit-evidence-crm = import CRM
audit-evidence-class = classe { $numbers }
audit-devices-any = tout appareil
audit-devices-none = aucun appareil
audit-devices = appareils de classe { $numbers }
audit-logins = { $days ->
    [one] authentifications à { $days_text } date ou plus
   *[other] authentifications à { $days_text } dates ou plus
 }
audit-persons = { $n ->
    [one] au plus { $n_text } personne par appareil
   *[other] au plus { $n_text } personnes par appareil
 }
audit-release-handles = { $n ->
    [one] au plus { $n_text } référence de correspondance
   *[other] au plus { $n_text } références de correspondance
 }
audit-release-ids = { $n ->
    [one] { $n_text } identifiant digital par enregistrement
   *[other] { $n_text } identifiants digitaux par enregistrement
 }
audit-release-days = { $days ->
    [one] à utiliser pendant { $days_text } jour
   *[other] à utiliser pendant { $days_text } jours
 }
audit-release-attributes = avec leurs attributs
audit-kept = pièces conservées pour l’audit jusqu’à cette date : { $until }
audit-relaxed = { $name } { $value_text } (par défaut { $default_text })
audit-map = table d’affectation d’empreinte { $digest }, selon l’engagement du HELLO de l’annonceur
audit-map-none = aucune table d’affectation : les fichiers avaient les noms des programmes, selon l’engagement du HELLO de l’annonceur
audit-map-absent = non montrée : le dossier n’a pas de fichier `input.opening`, ou pas de HELLO qu’il puisse ouvrir
audit-map-other = non montrée : le fichier `input.opening` appartient à d’autres données d’entrée

## En-tête d’un rapport : tailles

audit-rows = { $rows ->
    [one] { $rows_text } fiche
   *[other] { $rows_text } fiches
 } après remplissage, { $slots ->
    [one] { $slots_text } position chacune
   *[other] { $slots_text } positions chacune
 }
audit-sample = { $rows ->
    [one] un échantillon de { $rows_text } fiche
   *[other] un échantillon de { $rows_text } fiches
 }
audit-tags = { $n ->
    [one] { $n_text } étiquette
   *[other] { $n_text } étiquettes
 }
audit-no-receipt = aucun reçu qui compte les références de correspondance et les identifiants digitaux
audit-count-handles = { $how ->
    [hidden] pas d’arrondi convenu pour ses références de correspondance
    [none] aucune référence de correspondance
    [few] peu de références de correspondance
    [about] environ { $n_text } références de correspondance
   *[exact] { $n ->
        [one] { $n_text } référence de correspondance
       *[other] { $n_text } références de correspondance
     }
 }
audit-count-ids = { $how ->
    [hidden] pas d’arrondi convenu pour ses identifiants digitaux
    [none] aucun identifiant digital
    [few] peu d’identifiants digitaux
    [about] environ { $n_text } identifiants digitaux
   *[exact] { $n ->
        [one] { $n_text } identifiant digital
       *[other] { $n_text } identifiants digitaux
     }
 }
audit-count-elements = { $how ->
    [hidden] pas d’arrondi convenu pour ses éléments
    [none] aucun élément
    [few] peu d’éléments
    [about] environ { $n_text } éléments
   *[exact] { $n ->
        [one] { $n_text } élément
       *[other] { $n_text } éléments
     }
 }

## En-tête d’un rapport : connaissances

audit-learned-advertiser = annonceur : { $learned }
audit-learned-provider = prestataire : { $learned }
audit-personal = les empreintes, étiquettes et éléments masqués sont pseudonymisés : ils restent des données à caractère personnel

## En-tête d’un rapport : signatures

audit-nothing-signed = rien
audit-by = { $by ->
    [both] signé par les deux parties
    [advertiser] signé par l’annonceur
    [provider] signé par le prestataire
   *[holder] affirmé par le détenteur de ce dossier
 }
audit-signed-hello = { $by ->
    [advertiser] HELLO signé par l’annonceur
   *[holder] HELLO affirmé par le détenteur de ce dossier
 }
audit-signed-answer = { $by ->
    [provider] réponse signée par le prestataire
   *[holder] réponse affirmée par le détenteur de ce dossier
 }
audit-signed-terms = { $by ->
    [both] conditions et canal signés par les deux parties
    [advertiser] conditions et canal signés par l’annonceur
    [provider] conditions et canal signés par le prestataire
   *[holder] conditions et canal affirmés par le détenteur de ce dossier
 }
audit-signed-receipt = { $by ->
    [both] reçu de session signé par les deux parties
    [advertiser] reçu de session signé par l’annonceur
    [provider] reçu de session signé par le prestataire
   *[holder] reçu de session affirmé par le détenteur de ce dossier
 }
audit-claimed = { $party ->
    [advertiser] par le détenteur de ce dossier : que la transcription est celle de l’annonceur
   *[provider] par le détenteur de ce dossier : que la transcription est celle du prestataire
 }
audit-claimed-channel = { $party ->
    [advertiser] par le détenteur de ce dossier : que la transcription est celle de l’annonceur, et quels certificats son canal avait
   *[provider] par le détenteur de ce dossier : que la transcription est celle du prestataire, et quels certificats son canal avait
 }

## Fin des enregistrements

audit-ended-closed = close par un reçu de session
audit-ended-closed-torn = close par un reçu de session ; l’enregistrement { $record }, qui le suit, est coupé
audit-ended-nothing = les enregistrements s’arrêtent avant tout message
audit-ended-message = les enregistrements s’arrêtent après le message { $name }
audit-ended-frame = les enregistrements s’arrêtent après la trame { $frame } du flux { $name }
audit-ended-torn = { $ended }, au milieu de l’enregistrement { $record }
audit-ended-word-signed = { $party ->
    [advertiser] fin par la parole signée de l’annonceur : { $name }, { $code }, { $why }
   *[provider] fin par la parole signée du prestataire : { $name }, { $code }, { $why }
 }
audit-ended-word-claimed = { $party ->
    [advertiser] fin par la parole de l’annonceur, telle que le détenteur de ce dossier l’affirme : { $name }, { $code }, { $why }
   *[provider] fin par la parole du prestataire, telle que le détenteur de ce dossier l’affirme : { $name }, { $code }, { $why }
 }
audit-reason-unknown = un motif inconnu ici
audit-ended-broken = un enregistrement n’est pas à sa place : { $why }

## Liste des contrôles et verdict

audit-failed = EN ÉCHEC : { $why }
audit-unchecked = non fait : { $why }
audit-verdict-accepted = { $total ->
    [one] verdict : accepté, le seul contrôle est satisfait
   *[other] verdict : accepté, les { $total_text } contrôles sont satisfaits
 }
audit-verdict-incomplete = verdict : incomplet, { $unmade }
audit-verdict-interrupted = verdict : interrompu, { $ended }
audit-verdict-failed = { $failed ->
    [one] verdict : NON accepté, { $failed_text } contrôle sur { $total_text } est en échec
   *[other] verdict : NON accepté, { $failed_text } contrôles sur { $total_text } sont en échec
 }
audit-unmade = { $unmade ->
    [one] { $unmade_text } contrôle sur { $total_text } n’a pas pu être fait ; aucun n’est en échec
   *[other] { $unmade_text } contrôles sur { $total_text } n’ont pas pu être faits ; aucun n’est en échec
 }
audit-accuses-nobody = cela n’accuse personne : tout détenteur de ce dossier a pu le fabriquer
audit-accuses = { $by ->
    [both] dans ce qui est signé par les deux parties
    [advertiser] dans ce qui est signé par l’annonceur
   *[provider] dans ce qui est signé par le prestataire
 }

## Messages et flux d’une transcription

audit-transcript = { $party ->
    [advertiser] transcription de l’annonceur, protocole { $protocol }
   *[provider] transcription du prestataire, protocole { $protocol }
 }
audit-message = { $name }, { $bytes ->
    [one] { $bytes_text } octet
   *[other] { $bytes_text } octets
 }
audit-message-undecodable = { $bytes ->
    [one] indécodable, { $bytes_text } octet
   *[other] indécodable, { $bytes_text } octets
 }
audit-stream = { $name }, { $frames ->
    [one] { $frames_text } trame
   *[other] { $frames_text } trames
 }, { $elements }

## Dossiers, noms et sorties refusés

audit-package-unreadable = lecture impossible, { $path } : { $error }
    .try = nommez le répertoire d’une session, qui contient RUN.transcript
audit-package-large = le fichier { $path } dépasse les { $most } Mio de toute transcription
    .try = demandez la transcription que le programme de la partie a écrite
audit-package-version = { $path } : la transcription est d’une autre version du protocole que la version { $version }, que ce programme lit ; la session est à refaire
    .try = prenez l’auditeur de cette version, ou faites refaire la session
audit-package-damaged = { $path } : l’enregistrement { $record } de la transcription est endommagé, ce qui ne dit rien d’aucune des deux parties
    .try = demandez une copie intacte ; les deux parties en ont une
audit-text-unreadable = lecture impossible, { $path } : { $error }
    .try = nommez un fichier de texte que vous pouvez lire
audit-text-large = lecture impossible, { $path } : le fichier est plus grand que toute liste de noms
    .try = nommez un fichier de texte que vous pouvez lire
audit-identity = { $why ->
    [checksum] une identité avec un caractère faux ou manquant
   *[neither] ce n’est ni un numéro de partie de 64 chiffres hexadécimaux ni une identité `vmid1…`
 }
    .try = donnez la ligne `vmid1…` que la partie a envoyée, ou son fichier
audit-expected = { $why ->
    [checksum] l’option { $option } donne une identité avec un caractère faux ou manquant, et aucun nom de `--names`
   *[neither] l’option { $option } ne donne ni un numéro de partie de 64 chiffres hexadécimaux, ni une identité `vmid1…`, ni un nom de `--names`
 }
    .try = donnez un numéro de partie, une ligne d’identité, ou un nom du fichier de `--names`
audit-names = { $why ->
    [form] { $path }, ligne { $line } : la forme n’est pas `"nom" = "vmid1…"`
    [again] { $path }, ligne { $line } : le nom ou la partie est déjà dans une ligne précédente
    [checksum] { $path }, ligne { $line } : une identité avec un caractère faux ou manquant ; copiez-la de nouveau
   *[neither] { $path }, ligne { $line } : ni un numéro de partie de 64 chiffres hexadécimaux ni une identité `vmid1…`
 }
    .try = écrivez un `nom = "PARTIE"` par ligne, chaque nom et chaque partie une fois
audit-output = { $why ->
    [directory] le fichier { $path } n’est pas écrit : c’est un répertoire
    [link] le fichier { $path } n’est pas écrit : c’est un lien vers rien
    [package] le fichier { $path } n’est pas écrit : c’est un fichier du dossier d’audit
   *[exists] le fichier { $path } n’est pas écrit : il existe, et l’option `--overwrite` n’est pas donnée
 }
audit-output-node = le fichier { $path } n’est pas écrit : il se trouve dans un nœud, { $node }
audit-output-error = écriture impossible, { $path } : { $error }

## Dossiers comparés

audit-package = { $party ->
    [advertiser] dossier { $number } : { $path }, la transcription de l’annonceur
   *[provider] dossier { $number } : { $path }, la transcription du prestataire
 }
audit-session = { $session } ; { $time } ; { $parties }
audit-one-session = dossiers { $one } et { $other }, d’une même session
audit-two-sessions = dossiers { $one } et { $other }, de deux sessions
audit-only = seulement dans le dossier { $number }
audit-differs = ils diffèrent, { $by }
audit-verdict-compared = { $result ->
    [agrees] verdict : les dossiers concordent
    [nothing] verdict : incomplet, les dossiers n’ont rien en commun
    [incomplete] verdict : incomplet, rien ne diffère et une partie n’est que dans un seul dossier
   *[contradicts] verdict : les dossiers se CONTREDISENT
 }
