## mapping

## Maps that cannot be used

map-unreadable = impossible de lire la table d’affectation { $path } : { $why }
    .try = nommez un fichier qui existe et que vous pouvez lire
map-not-text = { $path } n’est pas une table d’affectation : il dépasse un mébioctet, ou n’est pas en UTF-8
    .try = nommez la table d’affectation, non l’export ; enregistrez-la en UTF-8
map-faulty = { $path }, { $what }
map-faults = { $path } : { $faults ->
    [one] { $faults_text } erreur
   *[other] { $faults_text } erreurs
 }, { $open ->
    [one] { $open_text } question ouverte
   *[other] { $open_text } questions ouvertes
 }
    { $list }
map-try-open = écrivez les réponses dans la table à la place de `"?"`, puis relancez
map-try-faults = corrigez-les toutes, puis lancez `check-config`, qui relit la table nommée dans les réglages
map-and =
    { $first }
    { $rest }
map-no-line = rien
map-line = {"  "}{ $what }
map-fault-and-try = { $fault } ; { $advice }
map-open-at-line = ligne { $line }, question ouverte : { $question }
    .try = { map-try-open }
map-other-digest = { $path } a l’empreinte { $found } ; les réglages exigent { $pinned }
    .try = employez la table qui a été signée, ou faites signer celle-ci et écrivez son empreinte dans `map_digest`
map-unnamed = les réglages exigent la table d’affectation { $pinned }, et aucune n’est nommée
    .try = nommez-la par `--map FILE`, ou par `map` dans les réglages
map-used = table d’affectation { $digest }
map-used-for-consent = table d’affectation { $digest }, consentement selon { $columns }
map-choice-none = aucune section de la table ne convient à { $file }
    .try = nommez une section par son étiquette, `TAG=FILE`, ou ajoutez le nom du fichier à `files` de l’une d’elles
map-choice-several = deux sections de la table conviennent à { $file }, celles des lignes { $a } et { $b }
    .try = nommez-en une par son étiquette, `TAG=FILE`

## Faults of a map

map-not-toml = TOML non valide : { $why }
    .try = corrigez la ligne : un texte, et un nom avec espace ou accent, s’écrit entre guillemets droits ; une section commence par `[[input]]`
map-twice = `{ $name }` est défini deux fois
    .try = supprimez l’une des deux lignes
map-no-version = il manque la ligne `map = 1`
    .try = écrivez `map = 1` en première ligne
map-version = `map` est le numéro de la forme de ce fichier, qui est 1
    .try = écrivez `map = 1`
map-no-input = aucune source n’est décrite
    .try = commencez une section par `[[input]]`
map-no-section = `input` n’est pas une liste de sections
    .try = écrivez `[[input]]`, avec deux crochets de chaque côté
map-section-unnamed = une table à plusieurs sections demande `tag` ou `files` dans chacune
    .try = ajoutez `tag = "crm"` ou `files = ["crm_*.csv"]` à cette section
map-tag-twice = deux sections ont l’étiquette `{ $tag }`
    .try = donnez une autre étiquette à l’une d’elles
map-unknown-key = `{ $name }` n’est pas une clé { $of ->
    [map] de la table
    [digests] de `digests`
    [field] d’un champ
   *[input] d’une source
 }
    .try = { $near ->
        [none] supprimez la ligne
       *[other] s’agit-il de { map-near } ?
     }
map-unknown-field = `{ $name }` n’est pas un champ
    .try = { $near ->
        [none] mettez la colonne dans `ignore` si elle ne sert à rien
       *[other] s’agit-il de { map-near } ?
     }
map-field-further = une table n’a pas de champ `{ $name }` : toutes les colonnes se mettent sous `{ $first }`
    .try = écrivez `{ $first } = ["PREMIÈRE COLONNE", "DEUXIÈME COLONNE"]`
map-field-none-of = aucun identifiant n’est affecté
    .try = dites quelle colonne contient l’un de ces champs : { $names }
map-name = `{ $name }`
map-field-missing = il manque le champ `{ $name }`
    .try = dites quelle colonne c’est : `{ $name } = "COLONNE"`
map-field = `{ $name }` est une colonne, ou une table avec l’une des clés `column`, `columns` et `const`
    .try = écrivez `{ $name } = "COLONNE"`
map-field-one-column = `{ $name }` a plusieurs colonnes ; seuls les adresses e-mail, les numéros de téléphone et leurs empreintes le peuvent
    .try = nommez une colonne, ou joignez-les : `{"{"} columns = ["A", "B"], join = " " {"}"}`
map-field-no-constant = `{ $name }` ne peut pas être le même dans toutes les fiches
    .try = nommez la colonne qui le contient
map-field-no-values = `{ $name }` n’a pas de `values` : il est pris tel que le fichier le donne
    .try = supprimez `values`
map-field-no-split = `{ $name }` n’est pas une liste
    .try = supprimez `split`
map-field-no-time = `{ $name }` n’est pas une date
    .try = supprimez-y `dates` et `zone`
map-join-alone = `join` se met entre les textes de plusieurs colonnes
    .try = donnez-en la liste : `{"{"} columns = ["A", "B"], join = " " {"}"}`
map-join-objections = les oppositions ne se joignent pas : si une partie manque, une opposition dans l’autre serait perdue
    .try = nommez une seule colonne, celle qui contient l’opposition
map-join-unfit = ce `join` ferait un seul nom de deux, ou contient un caractère de commande
    .try = écrivez un signe qu’aucune des colonnes ne contient, par exemple `/`
map-const-null = la constante `{ $text }` ne désigne rien
    .try = écrivez ce qui vaut pour toutes les fiches, ou supprimez le champ
map-empty = `{ $name }` est vide
    .try = écrivez une valeur, ou supprimez-le
map-no-text = `{ $name }` est un texte entre guillemets droits
    .try = écrivez `{ $name } = "…"`
map-no-list = `{ $name }` est une liste
    .try = écrivez `{ $name } = ["…"]`
map-no-table = `{ $name }` est une table
    .try = écrivez `{ $name } = { "{" } … { "}" }`, ou commencez-la par `[input.{ $name }]`
map-listed-twice = `{ $name }` contient deux fois `{ $text }`
    .try = supprimez l’un des deux
map-tag = `{ $tag }` n’est pas une étiquette
    .try = écrivez des lettres, des chiffres, `-` et `_`, 32 au plus
map-files = `{ $text }` n’est pas un motif de nom de fichier
    .try = écrivez le nom sans dossier ; `*` vaut des caractères quelconques, `?` un seul
map-format = `format` doit valoir `"csv"`, `"ndjson"` ou `"parquet"`
    .try = écrivez l’un d’eux, ou supprimez la ligne : les premiers octets d’un fichier disent sa forme
map-encoding = aucun encodage ne porte ce nom
    .try = { $near ->
        [none] écrivez `"utf-8"`, `"windows-1252"`, `"iso-8859-1"` ou un autre de la liste de docs/reference/map.md
       *[other] s’agit-il de { map-near } ?
     }
map-delimiter = `delimiter` doit valoir `","`, `";"`, `"tab"` ou `"|"`
    .try = écrivez le caractère qui sépare deux champs du fichier
map-region = `{ $code }` n’est pas un pays
    .try = écrivez deux lettres d’ISO 3166, par exemple `"FR"`
map-region-case = le pays s’écrit en majuscules
    .try = écrivez `"{ $code }"`
map-row-prefix = `row_prefix` dépasse 64 octets, ou contient un caractère de commande
    .try = écrivez-en un court, par exemple `"shop:"`
map-row-prefix-graph = un graphe n’a pas d’identifiants de fiche devant lesquels mettre `row_prefix`
    .try = supprimez `row_prefix` ; les personnes de fichiers différents ont des références différentes
map-nulls = `{ $text }` dit quelque chose : il ne peut pas désigner une valeur absente
    .try = supprimez-le de `nulls`
map-null-listed = `{ $text }` figure dans `nulls` et dans une liste de valeurs
    .try = supprimez l’un des deux
map-zone = `{ $name }` n’est pas un fuseau
    .try = { $near ->
        [none] écrivez un nom de la base IANA, par exemple `"Europe/Paris"` ou `"UTC"`
       *[other] s’agit-il de { map-near } ?
     }
map-digests = `{ $name }` doit nommer des règles connues, par exemple { $name ->
    [phone_sha256] `"phone-e164"` ou `"phone-digits"`
   *[other] `"plain"` ou `"uid2"`
 }
    .try = demandez à qui a calculé les empreintes selon quelles règles
map-digests-missing = `{ $name }` contient des empreintes, et rien ne dit selon quelles règles
    .try = demandez-le à qui les a calculées et écrivez, par exemple, `digests = {"{"} { $name } = "{ $example }" {"}"}`
map-ignore-star = `"*"` s’emploie seul
    .try = écrivez `ignore = "*"`
map-ignore-objections = une colonne d’oppositions n’est jamais ignorée
    .try = affectez-la : `objections = "objections"`
map-ignore-used = `{ $name }` est ignorée et employée par un champ
    .try = supprimez l’un des deux
map-statement-missing = il manque `statement`. { $question }
    .try = demandez à votre délégué à la protection des données, et écrivez la réponse dans `statement = "…"`
map-statement-short = `statement` n’est pas une phrase. { $question }
    .try = demandez à votre délégué à la protection des données, et écrivez la réponse dans `statement = "…"`
map-value-empty = une valeur vide ne figure pas dans la liste : une cellule vide est absente
    .try = supprimez-la
map-value-null = `{ $text }` ne désigne rien, et rien n’est pas un consentement
    .try = écrivez `[]` en face, ou supprimez-le
map-value-twice = `{ $text }` figure deux fois : les valeurs se comparent sans casse et sans espaces autour
    .try = supprimez l’un des deux
map-purpose = `{ $text }` n’est pas une finalité
    .try = écrivez `"ads.match"`, `"ads.suppress"`, `"ads.measure"` ou `"site.personalise"`, ou [] pour aucune
map-purpose-all = nul ne consent à `all` : c’est un mot des oppositions
    .try = nommez les finalités que nomme le texte du consentement
map-objection = `{ $text }` n’est pas une finalité à laquelle s’opposer
    .try = écrivez `"all"`, ou les finalités par leur nom, ou [] pour aucune
map-dates-short-year = une année à deux chiffres n’a pas de siècle certain
    .try = faites exporter les jours avec quatre chiffres, et écrivez `%Y`
map-dates-zone-name = le nom d’un fuseau n’est pas lu
    .try = faites exporter les heures avec un décalage, et écrivez `%z` ; ou omettez le nom et réglez `zone`
map-dates-unknown = `dates` contient après `%` quelque chose qui n’est pas lu
    .try = écrivez `"iso"`, `"unix"`, `"unix-ms"`, ou un motif de `%Y %m %d %H %M %S %.f %z`
map-dates-no-day = `dates` demande l’année, le mois et le jour
    .try = écrivez `"iso"`, `"unix"`, `"unix-ms"`, ou un motif comme `"%d/%m/%Y"`
map-dates-twice = `dates` contient deux fois une partie de la date
    .try = supprimez l’une des deux
map-dates-no-hour = `dates` contient une partie de l’heure sans les plus grandes, ou des heures de 12 sans `%p`
    .try = écrivez `%H` pour les heures, puis `%M`, puis `%S`
map-dates-unreadable = les dates de ce motif ne pourraient pas être relues
    .try = mettez un signe entre ses parties

map-near = { $near ->
    [one] `{ $a }`
    [two] `{ $a }` ou `{ $b }`
   *[three] `{ $a }`, `{ $b }` ou `{ $c }`
 }

## Open questions

map-question-statement = { $known ->
    [yes] `{ $column }` ressemble à un accord pour recevoir des e-mails
   *[no] Cela ressemble à un accord pour recevoir des e-mails
 }. Ce n’est pas un consentement à la mise en correspondance publicitaire (ads.match). Quel texte a été accepté, et nomme-t-il cet usage ? Une phrase, gardée dans le fichier ; sans elle, ces fiches ne servent pas.
map-question-values = Que signifie chaque valeur de `{ $column }` ? 1 accord, 2 pas d’accord, 3 opposition à tout usage
map-question-objections = Quelle colonne contient les oppositions ? Si aucune : comment sont-elles appliquées avant l’export ?
map-question-row-id = Quelle colonne désigne un client, la même à chaque export ?
map-question-dates = { $known ->
    [yes] Dans `{ $column }`, 03/04/2026 est-il le 3 avril ou le 4 mars ?
   *[no] 03/04/2026 est-il le 3 avril ou le 4 mars ?
 }
map-question-zone = Les heures sans fuseau sont celles de quel lieu ?
map-question-region = De quel pays sont les numéros sans indicatif ?
map-question-other = Que vaut `{ $name }` ?
