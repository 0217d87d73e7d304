# Textes de la commande `map`, qui propose une affectation de fichiers.

## Autres questions

map-question-alike = `{ $a }` et `{ $b }` ont-ils les mêmes numéros de client ?
map-question-notice = Sous quel nom connaît-on la mention d’information acceptée (consent_notice) ?
map-question-everybody = Toutes les personnes de ce fichier ont-elles accepté la mise en correspondance publicitaire (ads.match) ?
map-question-column = Quelle colonne est `{ $name }` ?
map-question-words = Quel mot du nœud correspond à chaque valeur de `{ $column }`, comme `{ $name }` ? Les mots du nœud sont : { $words }
map-question-encoding = Quel est l’encodage de `{ $file }` ? Ses lettres conviennent à { $encodings }.
map-question-digests = Selon quelles règles les empreintes de `{ $column }` ont-elles été faites ?

map-question = Question { $number } sur { $total } : { $question }
map-blank = { "" }
map-choice = { $number } { $what }
map-word = `{ $word }`
map-value = `{ $value }` ({ $rows ->
    [one] { $rows_text } fiche
   *[other] { $rows_text } fiches
 }) :

map-hint-words = une phrase ; sans réponse, la question reste ouverte, marquée dans le fichier
map-hint-values = 1, 2 ou 3 pour chaque valeur
map-hint-objections = le nom ou le numéro d’une colonne, ou une phrase
map-hint-column = le nom ou le numéro d’une colonne
map-hint-constant = un nom court, tel que N-2026-02
map-hint-yes-no = o ou n
map-hint-dates = 1 pour le 3 avril, 2 pour le 4 mars
map-hint-zone = le nom d’un fuseau, tel que Europe/Paris ou UTC
map-hint-region = deux lettres, telles que FR
map-hint-encoding = le nom de l’un d’eux

map-unclear-statement = une phrase de trois mots au moins
map-unclear-yes-no = o ou n
map-unclear-zone = aucun fuseau ne porte ce nom ; écrivez-en un tel que Europe/Paris ou UTC
map-unclear-region = aucun pays ne porte ce code ; écrivez deux lettres telles que FR
map-unclear-encoding = aucun encodage lu ne porte ce nom
map-unclear-objection = les oppositions se lisent dans `{ $name }` seulement : répondez 1 ou 2, et portez d’abord cette opposition dans cette colonne
map-unclear-many = `{ $name }` a plus de 20 valeurs, trop pour dire ce que chacune signifie
map-unclear-column = il n’y a pas de colonne `{ $name }` disponible

map-file-head = Proposition de Veilmatch, tirée des fichiers eux-mêmes. La personne qui en répond la lit jusqu’au bout ; elle est ensuite la sienne.
map-file-preset = Reconnu comme { $name } à son en-tête.
map-file-empty = Toujours vides, donc non affectées : { $columns }.
map-file-others = Aucune autre colonne n’est regardée.
map-file-values = Dans le fichier : { $values }.
map-file-value = `{ $value }` dans { $rows ->
    [one] { $rows_text } fiche
   *[other] { $rows_text } fiches
 }
map-answer-statement = Répondez à la place du point d’interrogation.
map-answer-everybody = Si le texte nommait cet usage, écrivez `"ads.match"` ; sinon, ce fichier n’a aucune fiche utilisable.
map-answer-notice = Répondez à la place du point d’interrogation, par exemple N-2026-02.
map-answer-values = Répondez pour chacune : `["ads.match"]` pour 1, [] pour 2 et pour 3, qui se dit aussi sous `objections`.
map-answer-values-objections = Répondez pour chacune : `["all"]` pour 3, [] pour 1 et 2.
map-answer-words = Répondez pour chacune par l’un des mots du nœud.
map-answer-objections = Écrivez la colonne, `objections = "COLONNE"` ; ou, s’il n’y en a aucune, supprimez cette ligne et ajoutez à `statement` comment elles sont appliquées.
map-answer-consent = Écrivez la colonne, ou une table avec le sens de ses valeurs : `consent_purposes = {"{"} column = "COLONNE", values = {"{"} oui = ["ads.match"], non = [] {"}"} {"}"}`
map-answer-consent-at = Écrivez la colonne de l’heure à laquelle ces personnes ont donné leur accord. Un export qui ne l’a pas est à refaire avec elle : aucune fiche ne sert sans cette heure.
map-answer-column = Écrivez la colonne à la place du point d’interrogation.
map-answer-candidates = Peut-être l’une de : { $columns }.
map-answer-dates = Écrivez la forme à la place du point d’interrogation.
map-answer-dates-forms = { $day } est le 3 avril, { $month } le 4 mars.
map-answer-zone = Écrivez le nom d’un fuseau, par exemple Europe/Paris ou UTC.
map-answer-region = Écrivez deux lettres, par exemple FR.
map-answer-alike = Si oui, supprimez cette ligne ; sinon, écrivez un texte placé devant ces numéros, par exemple `"web:"`.
map-answer-encoding = Écrivez le nom de l’un d’eux.
map-answer-digests-email = l’une de : plain, uid2, google-java, google-python, tiktok, amazon, crm-fr/1
map-answer-digests-phone = l’une de : phone-e164, phone-digits

map-looked = { $file } : { $form }, { $columns_text } { $columns ->
    [one] colonne
   *[other] colonnes
 }, { $rows_text } { $rows ->
    [one] fiche
   *[other] fiches
 } ; { $preset ->
    [none] aucun préréglage
   *[other] préréglage { $preset }
 }
map-looked-csv = { $encoding }, `{ $delimiter }`
map-looked-tab = tabulation
map-looked-ndjson = NDJSON, { $encoding }
map-looked-parquet = Parquet
map-questions = { $n ->
    [0] aucune question n’est ouverte
    [one] { $n_text } question
   *[other] { $n_text } questions
 }
map-written = fichier { $file } écrit, empreinte { $digest }
map-written-open = fichier { $file } écrit ; il aura une empreinte quand ses questions auront leur réponse
map-next = À suivre : { $command }
map-open = { $n ->
    [one] { $n_text } question est ouverte dans le fichier { $file }
   *[other] { $n_text } questions sont ouvertes dans le fichier { $file }
 }
    .try = répondez à chaque `"?"` du fichier, sa question est au-dessus ; lancez ensuite la commande `check` avec --map { $file }
map-open-provider = { $n ->
    [one] { $n_text } question est ouverte dans le fichier { $file }
   *[other] { $n_text } questions sont ouvertes dans le fichier { $file }
 }
    .try = répondez à chaque `"?"` du fichier, sa question est au-dessus ; lancez ensuite la commande `ingest` avec --map { $file }
map-no-such-preset = il n’y a pas de préréglage { $name }
    .try = choisissez l’un de : { $presets }
map-from-standard-input = une affectation se fait à partir de fichiers, qui sont lus deux fois ; l’entrée standard ne peut l’être
    .try = écrivez-la d’abord dans un fichier, et nommez ce fichier
