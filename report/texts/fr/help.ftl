# Aide des trois programmes ; la forme des noms est dite dans le fichier anglais.

## Cadre

help-frame-usage = Utilisation :
help-frame-commands = Commandes :
help-frame-options = Options :
help-frame-arguments = Arguments :
help-frame-variable = (variable : { $variable })
help-frame-default = (par défaut : { $values })
help-frame-values = (valeurs possibles : { $values })
help-frame-values-heading = Valeurs possibles :
help-frame-help = Afficher l’aide
    .short = Afficher l’aide (en détail avec `--help`)
    .long = Afficher l’aide (en résumé avec `-h`)
help-frame-version = Afficher la version
help-frame-help-command = Afficher ce message ou l’aide des commandes nommées

## Lignes de commande qui n’ont pas de sens

usage-unknown-argument = il n’y a pas ici d’option ni d’argument { $argument }
    .try = { try-mend-command-line }
usage-unknown-argument-near = il n’y a pas ici d’option ni d’argument { $argument }
    .try = vouliez-vous dire `{ $near }` ? { try-mend-command-line }
usage-input-positional = les fichiers à lire se nomment sans { $argument }
    .try = écrivez les noms seuls, comme `check crm.csv` ou `check web=web.csv crm.csv` ; `-` est l’entrée standard
usage-output-now = { $argument } s’appelle désormais --output
    .try = écrivez `--output FILE` ou `-o FILE`
usage-shared-now = { $argument } s’appelle désormais --allow
    .try = écrivez `--allow shared-identifiers`
usage-unknown-command = il n’y a pas ici de commande { $argument }
    .try = { try-mend-command-line }
usage-unknown-command-near = il n’y a pas ici de commande { $argument }
    .try = vouliez-vous dire `{ $near }` ? { try-mend-command-line }
usage-no-command = il manque une commande
    .try = choisissez l’une de : { $values }
usage-missing = il manque sur la ligne de commande : { $arguments }
    .try = donnez-le ; `--help` dit ce que c’est
usage-no-value = { $argument } demande une valeur
    .try = `--help` dit quelle valeur convient
usage-value-unknown = { $argument } ne peut pas être { $value }
    .try = choisissez l’une de : { $values }
usage-value = { $argument } ne peut pas être { $value }
    .try = `--help` dit quelle valeur convient
usage-number-of-values = { $argument } a trop ou trop peu de valeurs
    .try = `--help` dit combien de fois le donner
usage-twice = { $argument } ne peut pas figurer deux fois
    .try = donnez-le une seule fois
usage-conflict = { $argument } ne peut pas figurer avec { $other }
    .try = donnez l’un des deux
usage-not-utf8 = un argument n’est pas du texte en UTF-8
    .try = écrivez-le en UTF-8
usage-other = la ligne de commande n’est pas comprise
    .try = { try-mend-command-line }

## Tout programme

help-option-lang = Afficher les textes dans cette langue : en ou fr
    .long = Sans elle décident, dans cet ordre, les variables VEILMATCH_LANG, LC_ALL, LC_MESSAGES et LANG. Les fichiers, le JSON et le journal ne changent pas.
help-value-lang-en = Anglais
help-value-lang-fr = Français
help-option-yes = Répondre oui à la question sur cette machine
help-option-dir = Répertoire du nœud
    .long = Sinon `$XDG_DATA_HOME/veilmatch/` suivi du rôle, `advertiser` ou `provider` ; `~/.local/share` remplace une variable absente. Le répertoire d’un nœud de l’autre rôle est refusé.
help-option-json = Écrire un objet JSON dans ce fichier, après un échec aussi ; `-` est la sortie standard
    .long = Dans ce dernier cas, le texte destiné aux personnes va sur la sortie d’erreur.
help-option-overwrite = Laisser les sorties remplacer des fichiers existants ; jamais une entrée, jamais un fichier de nœud
help-option-mode = Donner ces permissions aux fichiers écrits, en octal : de 600 à 666
help-option-group = Donner les fichiers écrits à ce groupe, par son nom ou son numéro
help-option-quiet = N’afficher que les erreurs et le journal ; les questions sont toujours posées
help-option-color = Choisir quand employer la couleur
help-value-color-auto = Sur un terminal, sauf si NO_COLOR est définie
help-value-color-always = Partout
help-value-color-never = Nulle part
help-option-map = Lire les fichiers selon ce fichier de correspondance
help-option-rejects = Écrire les lignes laissées de côté dans ce fichier, avec leur numéro et la raison, pour vous seul
help-option-provider = Le prestataire, s’il y en a plusieurs : son nom, ou le début de son nom
help-option-party = La partie avec qui est tenu le grand livre, s’il y en a plusieurs : son nom ici, ou les premiers chiffres de son numéro de partie
help-option-log = Choisir ce que dit le journal
help-value-log-error = Les échecs
help-value-log-warn = Ce qui demande attention
help-value-log-info = Une ligne par session
help-value-log-debug = Les étapes d’une session
help-value-log-trace = Tout, y compris les bibliothèques
help-option-log-json = Écrire le journal en un objet JSON par ligne
help-option-progress = Choisir comment l’avancement s’affiche sur la sortie d’erreur
help-value-progress-auto = Une barre sur un terminal, des lignes ailleurs
help-value-progress-lines = Une ligne toutes les 30 secondes, la première après 30
help-value-progress-json = Un objet JSON par ligne
help-value-progress-off = Rien

## Tout nœud

help-command-ledger-show = Énumérer les entrées avec une partie : numéro, sorte, session, ce qui a été débité, et qui a signé
help-command-ledger-export = Écrire les entrées avec une partie, et les messages signés qui les prouvent, pour cette partie
help-command-ledger-export--output = Les écrire dans ce fichier ; `-` est la sortie standard
help-command-ledger-compare = Dire où ce grand livre et celui de l’autre partie se séparent, d’après le fichier de son `ledger export`
help-command-ledger-compare--file = Le fichier de l’autre partie
help-command-ledger-adopt = Reprendre du fichier de l’autre partie les entrées que les deux ont signées et qui manquent à ce grand livre
    .long = Rien n’est retiré, et rien de ce qui a été débité ne diminue. Si une entrée du fichier contredit une entrée d’ici, rien n’est changé.
help-command-ledger-adopt--file = Le fichier de l’autre partie

help-command-completions = Afficher les complétions pour un interpréteur de commandes
    .long = Par exemple `advertiser-node completions bash > ~/.local/share/bash-completion/completions/advertiser-node`.
help-option-shell = L’interpréteur de commandes
help-value-shell-bash = GNU Bash
help-value-shell-elvish = Elvish
help-value-shell-fish = fish
help-value-shell-powershell = PowerShell
help-value-shell-zsh = Zsh
help-command-pages = Écrire les pages du manuel dans les deux langues et les complétions, pour les paquets
help-command-pages--output = Les écrire dans ce répertoire

## advertiser-node

help-advertiser-node = Mettre un fichier CRM en correspondance avec un prestataire d’onboarding, sans remettre d’identifiants
help-advertiser-node-init = Créer un nœud : clés, réglages, et l’identité à donner aux prestataires
help-advertiser-node-accept = Accepter l’invitation d’un prestataire et épingler son identité
help-advertiser-node-accept--invitation = Le fichier d’invitation
help-advertiser-node-accept--name = Appeler ainsi le prestataire ; sinon, c’est le nom de son hôte
help-advertiser-node-check = Examiner un fichier CRM avant une exécution : ce qui est utilisé, ce qui est écarté et pourquoi, ce que cela coûtera
    .long = Rien ne quitte la machine, et aucune valeur n’est affichée. Le code de retour est 65 si aucune fiche n’est utilisable.
help-advertiser-node-check--rejects = Écrire aussi le motif de chaque valeur et de chaque fiche écartée, par numéro de fiche, pour vous seul
help-advertiser-node-plan = Dire ce que ferait une exécution : les conditions et de qui elles sont, qui apprend quoi, ce que cela coûtera
    .long = Lit les fichiers comme `run` et les compare aux fichiers antérieurs ; rien ne quitte la machine.
help-advertiser-node-plan--sample = Prévoir par `match-rate` à partir d’autant de fiches tirées au hasard, au moins 100 000
help-advertiser-node-run = Exécuter une mise en correspondance et écrire son résultat
help-advertiser-node-run--sample = Tirer autant de fiches pour une prévision par `match-rate`, au moins 100 000
help-advertiser-node-run--segment = Nommer l’audience dans le fichier de livraison de `digital-ids` ; le nom n’est pas envoyé
help-advertiser-node-run--approve = Divulguer sans demander les résultats qui veulent une approbation
help-advertiser-node-run--run-id = Nommer ainsi l’exécution ; une seconde de même nom reçoit le résultat gardé et ne coûte rien
    .long = De 1 à 64 lettres, chiffres, `.`, `-` et `_`. Mêmes clé, entrée, correspondance, prestataire et profil donnent le résultat gardé ; toute autre chose sous cette clé finit avec 65. Les fichiers qu’un essai précédent de l’exécution a écrits sont remplacés. Sans elle, l’heure est son nom.
help-advertiser-node-run--wait = Attendre en tout ce temps un prestataire qui remet à plus tard, comme `90s` ou `2h`
help-advertiser-node-result = Écrire de nouveau un résultat conservé ; personne n’est contacté, et rien n’est débité
    .long = Les résultats sont gardés scellés depuis avant l’envoi du reçu jusqu’à la fin de la fenêtre d’audit, les identifiants digitaux aussi longtemps qu’ils peuvent être utilisés.
help-advertiser-node-result--session = La session : le nom de son exécution, les premiers chiffres de son numéro, son répertoire, ou `last`
help-advertiser-node-history = Montrer ce qui a été livré, les budgets restants et ce que la prochaine livraison retiendra
help-advertiser-node-history--provider = Montrer ce prestataire seulement
help-advertiser-node-history--since = Montrer ce qui a été livré depuis ce jour, par exemple `2026-11-01`
help-advertiser-node-ledger = Afficher le grand livre avec un prestataire, et le réparer d’après les entrées du prestataire
help-advertiser-node-normalize = Montrer ce que les règles font de valeurs : la seule commande qui affiche des valeurs normalisées
    .long = Lit une valeur par ligne et écrit un objet JSON par ligne sur la sortie standard : l’issue `ok` avec les identifiants, `reject` avec un code de motif, ou `absent`. Pour vos propres valeurs sur votre propre machine : la commande ne demande aucun nœud, ne garde rien et n’envoie rien. D’une empreinte elle montre les types, jamais l’empreinte.
help-advertiser-node-normalize--kind = Dire ce que sont les valeurs
help-value-kind-email = Une adresse e-mail
help-value-kind-phone = Un numéro de téléphone
help-value-kind-email_sha256 = SHA-256 d’une adresse e-mail, en hexadécimal ou en Base64
help-value-kind-phone_sha256 = SHA-256 d’un numéro de téléphone, en hexadécimal ou en Base64
help-advertiser-node-normalize--region = Lire les numéros de téléphone comme ceux de ce pays, écrit comme dans une colonne de pays, par exemple `FR`
help-advertiser-node-normalize--postcode = Lire les numéros de téléphone comme ceux de ce code postal, qui distingue les numéros d’outre-mer, par exemple `97400`
help-advertiser-node-normalize--ruleset = Appliquer ces règles, `crm-fr/1` ou `crm-intl/1`, avec leurs options par défaut
help-advertiser-node-normalize--declared = Dire quelles règles ont produit les empreintes, par exemple `plain` ou `phone-e164` ; nécessaire pour des empreintes
help-advertiser-node-normalize--file = Les valeurs, une par ligne, en UTF-8 ; `-` pour l’entrée standard
help-advertiser-node-map = Proposer comment vos exports deviennent des fiches ; demander ce que vous seul savez
    .long = Les fichiers sont lus jusqu’au bout et restent tels quels. À un terminal, les questions sont posées ; ailleurs elles sont marquées dans le fichier écrit, et le code de retour est 80. Rien n’est envoyé.
help-advertiser-node-map--files = Les fichiers, d’un outil ou de plusieurs ; `TAG=FILE` nomme la source de ses fiches
help-advertiser-node-map--output = Écrire l’affectation dans ce fichier ; `-` est la sortie standard
help-advertiser-node-map--preset = Tenir les fichiers pour des exports de cet outil : Klaviyo, Shopify, Mailchimp, HubSpot, Salesforce, Splio ou crm-fr
help-advertiser-node-status = Afficher le nœud, ses prestataires et les dernières sessions
    .long = Lit à côté d’un `run` en cours et ne change rien.

help-option-files = Lire ces fichiers CRM : CSV, NDJSON (aussi compressés par gzip ou zstd) ou Parquet ; `-` est l’entrée standard, une seule fois
    .long = Les lignes de même identifiant dans plusieurs fichiers deviennent une seule fiche. `TAG=FILE` nomme la source des fiches dans les comptes ; sans étiquette, c’est le nom du fichier. Un nom avec `=` s’écrit avec son répertoire, comme `./a=b.csv`.
help-option-format = Lire chaque entrée dans ce format au lieu de le détecter
help-value-format-csv = Texte séparé par des virgules, avec un en-tête
help-value-format-ndjson = Un objet JSON par ligne
help-value-format-parquet = Apache Parquet
help-option-allow = Accepter un risque, en l’enregistrant
help-value-allow-open-last-line = La dernière ligne d’un fichier texte peut ne pas avoir la fin de ligne qu’ont les autres
help-value-allow-high-rate = Un taux au-dessus du plafond peut envoyer des identifiants de correspondance : vous savez pourquoi tant de fiches correspondent
help-value-allow-many-departures = Plus d’une personne livrée sur vingt peut être retirée pour de bon par une exécution
help-value-allow-shared-identifiers = Un même identifiant peut figurer dans plus de 0,5 % des fiches
help-option-profile = Choisir qui apprend quoi : match-rate, matched-rows, digital-ids ou activation
help-option-output = Écrire le résultat dans ce fichier : Parquet si son nom finit par `.parquet`, sinon CSV ; `-` est la sortie standard
    .long = `matched-rows` et `digital-ids` en ont besoin ; les autres écrivent leurs comptes.

## provider-node

help-provider-node = Servir des mises en correspondance sur un graphe d’identités, sans voir les identifiants des annonceurs
help-provider-node-init = Créer un nœud : clés, réglages, et l’identité que les partenaires épinglent
help-provider-node-invite = Ouvrir un partenaire et écrire son invitation
help-provider-node-invite--name = Nom du partenaire sur ce nœud : minuscules, chiffres et traits d’union
help-provider-node-invite--identity = Lire l’identité du nœud de l’annonceur dans son `identity.txt`, avec la ligne et sa preuve
help-provider-node-invite--rows = Indiquer les fiches du fichier clients de l’annonceur, telles qu’il les déclare ; le budget en découle
help-provider-node-invite--legal-entity = Nommer la société qu’est le partenaire, comme le fait le contrat
help-provider-node-invite--legal-group = Nommer le groupe de sociétés dont elle fait partie, s’il y en a un
help-provider-node-invite--address = Dire au partenaire l’adresse à laquelle ce nœud peut être joint, `host:port`
help-provider-node-invite--profile = Laisser le partenaire exécuter ce profil ; peut être donnée plusieurs fois
help-provider-node-invite--daily = Donner un budget pour une exécution par jour de chaque profil mélangé
help-provider-node-invite--allow = Accepter un risque par son nom
help-value-allow-wide-budget = Un budget qui laisse éprouver plus de 1 % des numéros mobiles de France en 30 jours
help-provider-node-invite--output = Écrire l’invitation dans ce fichier, NAME.invitation.toml s’il n’est pas donné ; `-` est la sortie standard
help-provider-node-map = Proposer comment vos fichiers deviennent le graphe ; demander ce que vous seul savez
    .long = Les fichiers sont lus jusqu’au bout et restent tels quels. À un terminal, les questions sont posées ; ailleurs elles sont marquées dans le fichier écrit, et le code de retour est 80. Rien n’est envoyé.
help-provider-node-map--files = Les fichiers, d’un outil ou de plusieurs ; `TAG=FILE` nomme la source de ses fiches
help-provider-node-map--output = Écrire l’affectation dans ce fichier ; `-` est la sortie standard
help-provider-node-map--preset = Tenir les fichiers pour des exports de cet outil : Klaviyo, Shopify, Mailchimp, HubSpot, Salesforce, Splio ou crm-fr
help-provider-node-ingest = Lire le graphe d’identités et faire l’instantané du jour et les tables de tous les partenaires
help-provider-node-ingest--files = Le graphe, dans la forme `flat_links`
help-provider-node-object = Lire un flux d’oppositions : les personnes sont aussitôt écartées des livraisons, et les tables refaites sans elles
    .long = Chaque ligne qui peut être exécutée l’est. S’il en reste une, la commande la nomme et le code de retour est 80.
help-provider-node-object--files = Le flux, avec les colonnes `type`, `value`, `scope`, `recorded_at`
help-provider-node-object--rejects = Écrire les lignes non exécutées dans ce fichier, comme un flux avec leur numéro et la raison
help-provider-node-serve = Servir les partenaires jusqu’à l’arrêt
help-provider-node-serve--listen = Écouter à cette adresse
help-provider-node-serve--ready-file = Écrire dans ce fichier l’adresse d’écoute dès que le nœud peut être joint
help-provider-node-ledger = Afficher le grand livre avec un partenaire, et le réparer d’après les entrées du partenaire
    .long = `adopt` demande que le service soit arrêté. Des entrées reprises montrent qu’une copie a été remise en place : chaque clé d’exécution préparée du partenaire est alors retirée.
help-provider-node-status = Afficher le nœud, ses partenaires avec budgets et tables, et les dernières sessions
    .long = Lit à côté d’un `serve` en cours et ne change rien.

## auditor

help-auditor = Vérifier des sessions Veilmatch hors ligne, sans secret
help-auditor-verify = Contrôler une session ; dire ce qui est signé et ce qui est seulement affirmé
    .long = Contrôle tout ce que montrent une transcription et ses trames (niveau T0). Le code de retour est 0 si tous les contrôles sont satisfaits, 1 si l’un est en échec, 3 si aucun n’est en échec dans une session qui a fini avant son terme ou n’a pas pu être contrôlée en entier, 74 si le dossier d’audit ne peut pas être lu. Au-dessus de la liste des contrôles se lit de qui est la session : comparez-le à ce que les deux parties vous ont donné, ou donnez-le ici.
help-auditor-verify--packages = Répertoires de sessions, ou leurs RUN.transcript ; chacun est jugé séparément
help-auditor-verify--advertiser = Exiger cette partie comme annonceur : un numéro de partie, une ligne d’identité, ou un nom de `--names`
help-auditor-verify--provider = Exiger cette partie comme prestataire, sous les mêmes formes
help-option-names = Lire des noms de parties dans ce fichier, un `name = "PARTY"` par ligne
help-auditor-show = Dire qui, quand, pourquoi, combien, sous quelles conditions ; rien n’est jugé
help-auditor-show--package = Répertoire de la session, ou son RUN.transcript
help-auditor-show--messages = Énumérer plutôt les messages et les flux dans l’ordre
help-auditor-compare = Comparer les dossiers des deux parties d’une session, ou ceux de plusieurs sessions
    .long = Les dossiers d’une même session sont comparés un à un : messages, trames, têtes signées, reçu. Ceux de sessions différentes, par ce que leurs parties ont signé durablement : clés, instantanés, grand livre, divulgations. Une différence accuse qui a signé les deux versions. Le code de retour est 0 si les dossiers concordent, 1 si quelque chose diffère, 3 si rien ne diffère et qu’une partie n’est que dans un seul dossier ou que rien n’est en commun, 74 si un dossier ne peut pas être lu. Exécutez aussi `verify` sur chacun d’eux.
help-auditor-compare--packages = Répertoires de sessions, ou leurs RUN.transcript ; deux ou plus
help-auditor-party = Afficher le numéro de partie d’une ligne d’identité
help-auditor-party--identity = Ligne d’identité `vmid1…`, un fichier qui en contient une, ou `-` pour l’entrée standard
help-command-check-config = Trouver les erreurs dans les réglages, les clés et les partenaires ; montrer d’où viennent les valeurs
    .long = Toutes les erreurs sont listées en une fois, avec le fichier, la ligne et le remède, et la commande se termine par 78 s’il y en a une. Chaque paramètre en vigueur est affiché, avec son origine : le fichier ou la valeur par défaut.
