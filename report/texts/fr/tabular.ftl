## tabular

## Fichiers

source-input = { $file } : { $fault }
source-open = impossible d’ouvrir le fichier { $file } : { $error }
    .try = nommez un fichier qui existe et que vous pouvez lire
parts-no-data = { $directory } : le répertoire n’a aucun fichier de données
    .try = vérifiez que l’export a eu lieu et qu’il a écrit là
parts-unfinished = { $directory } : la tâche qui écrit ce répertoire n’est pas finie
    .try = attendez qu’elle le soit, ou exportez de nouveau
parts-logged = { $directory } : la table a un journal (Delta Lake ou Hudi), et ses fichiers contiennent aussi des lignes supprimées
    .try = faites écrire la table en Parquet ou CSV par son moteur, et donnez ce répertoire-là
parts-directory = { $directory } : un répertoire parmi des fichiers de données, sans `clé=valeur`
    .try = déplacez-le, ou nommez chaque répertoire sur la ligne de commande
parts-deep = { $directory } : trop profond dans d’autres répertoires pour une table
    .try = nommez le répertoire des fichiers de données
mapping-no-field = la table d’affectation ne donne aucune source au champ `{ $name }`
    .try = { try-mapping }
mapping-ignored = la table d’affectation tire un champ de la colonne `{ $name }` et l’ignore aussi
    .try = retirez la colonne de `ignore`, ou du champ
try-mapping = nommez une colonne pour lui sous `[input.fields]` de la table d’affectation

## Fautes d’un fichier, ou d’une de ses lignes

input-read = le fichier ne peut pas être lu après la ligne { $line } : { $error }
    .try = vérifiez le fichier, son disque et sa compression, puis relancez
input-not-text = le fichier est { $found }, ce qui n’est pas lu
    .try = exportez-le en CSV ou NDJSON en UTF-8, ou en Parquet
input-wrong-encoding = le fichier est { $found } ; son encodage déclaré est { $declared }
    .try = { $known ->
        [yes] déclarez `encoding = "{ $found }"`, ou exportez le fichier en UTF-8
       *[no] exportez le fichier en UTF-8
     }
input-invalid-encoding = ligne { $line }, colonne { $column } : { $declared } non valide{ $likely ->
    [none] {""}
   *[other]  ; cela ressemble à { $likely }
 }
    .try = { $likely ->
        [none] le fichier n’est sans doute pas en { $declared } ; exportez-le en UTF-8, ou déclarez son encodage
       *[other] exportez le fichier en UTF-8, ou déclarez son encodage : `encoding = "{ $likely }"`, si son programme le dit aussi
     }
input-nul-byte = ligne { $line }, colonne { $column } : un octet NUL
    .try = exportez de nouveau le fichier ; un octet NUL veut dire qu’il est endommagé ou n’est pas du texte
input-empty = le fichier est vide ; il lui faut au moins un en-tête
    .try = vérifiez que l’export a eu lieu et que c’est bien son fichier
input-separator-line = la première ligne est la directive `sep=` d’un tableur
    .try = retirez cette ligne et déclarez `delimiter` dans une table d’affectation
input-header-is-data = la première ligne ressemble à des données (colonne { $column }) ; l’en-tête manque
    .try = ajoutez une première ligne avec les noms des colonnes
input-unnamed-column = la colonne { $column } de l’en-tête n’a pas de nom
    .try = nommez la colonne, ou retirez le séparateur à la fin de la ligne
input-duplicate-column = les colonnes { $first } et { $second } ont le même nom `{ $name }`
    .try = renommez ou retirez l’une des deux colonnes
input-wrong-delimiter = l’en-tête n’a qu’une colonne ; le fichier semble utiliser { $likely }
    .try = déclarez-le, `delimiter = "{ $sign }"`, ou exportez avec un autre séparateur
input-foreign-columns = { $columns ->
    [one] la seule colonne ne porte aucun nom connu ici
   *[other] aucune des { $columns_text } colonnes ne porte un nom connu ici
 }{ $known ->
    [yes]  ; cela ressemble à { $like }
   *[no] { "" }
 }
    .try = { $program } map { $file }
input-missing-column = { missing-columns }
    .try = { try-columns }
input-unknown-column = { unknown-columns }
    .try = { try-columns }
input-unknown-member = ligne { $line } : { unknown-columns }
    .try = { try-columns }
input-wrong-columns = { missing-columns } ; { unknown-columns }
    .try = { try-columns }
missing-columns = { $missing ->
    [one] il n’y a pas de colonne { $missing_names }
   *[other] il n’y a pas de colonnes { $missing_names }
 }
unknown-columns = { $unknown ->
    [one] la colonne { $unknown_names } n’est pas connue
   *[other] les colonnes { $unknown_names } ne sont pas connues
 }
column-named = `{ $name }`
columns-more = { $more_text } autres
columns-near = `{ $theirs }` pour `{ $ours }`
near-columns = { $near ->
    [0] { "" }
   *[other] s’agit-il de { $near_names } ?{ " " }
 }
try-columns = { near-columns }{ $mapped ->
    [yes] Corrigez les noms dans la table d’affectation, ou ajoutez à son `ignore` les colonnes à ne pas regarder
   *[no] Écrivez une table d’affectation, qui dit ce qu’est chaque colonne : `{ $program } map { $file }`
 }
input-stray-quote = ligne { $line }, colonne { $column } : un guillemet dans un champ sans guillemets
    .try = { try-quote-field }
input-text-after-quote = ligne { $line }, colonne { $column } : du texte après le guillemet fermant d’un champ ouvert à la ligne { $opened }
    .try = { try-quote-field }
try-quote-field = mettez tout le champ entre guillemets et doublez chaque guillemet à l’intérieur
input-unclosed-quote = ligne { $line }, colonne { $column } : un guillemet s’ouvre ici et ne se ferme jamais
    .try = fermez le guillemet sur cette ligne, ou doublez-le s’il fait partie du texte
input-record-too-long = l’enregistrement qui commence à la ligne { $line } dépasse 64 Kio
    .try = vérifiez les guillemets et les fins de ligne près de cette ligne
input-ragged = la ligne { $line } a { $found ->
    [one] { $found_text } champ
   *[other] { $found_text } champs
 } ; l’en-tête en a { $expected_text }
    .try = { $relation ->
        [more] mettez entre guillemets les champs qui contiennent le séparateur
       *[fewer] vérifiez les fins de ligne dans les champs, et la fin de la ligne
     }
input-in-path = la colonne `{ $name }` est dans le nom d’un répertoire, et non dans le fichier
    .try = écrivez-la dans les fichiers : ce que dit un chemin n’est pas lu
input-no-row-id = ligne { $line } : la fiche n’a pas d’identifiant de fiche, ou une marque de valeur absente à sa place
    .try = donnez à chaque fiche un identifiant qui ne change jamais et qui est le même dans tous les fichiers
input-long-row-id = ligne { $line } : l’identifiant de la fiche dépasse 1024 octets
    .try = vérifiez que l’identifiant de fiche est dans la bonne colonne
input-number-for-row-id = ligne { $line } : l’identifiant de la fiche est un nombre qui a été arrondi en chemin
    .try = exportez les identifiants de fiche comme du texte : les tableurs et les colonnes décimales écrivent 1.23457E+15 ou 12.0
input-open-last-line = la ligne { $line }, la dernière, n’a pas de fin de ligne : le fichier est peut-être tronqué
    .try = attendez la fin de l’export, ou exportez de nouveau ; si le fichier est entier, terminez sa dernière ligne, ou donnez `--allow open-last-line` à une commande qui a cette option
input-json = la ligne { $line } est { $found }, pas un objet JSON
    .try = écrivez un objet par ligne, comme `{ "{" }"row_id":"C-1"{ "}" }`, sans virgule après lui
input-json-member = ligne { $line } : `{ $name }` est { $found }
    .try = écrivez là une seule valeur : texte, nombre, true ou false ; les listes sont des tableaux de telles valeurs, les valeurs absentes null
input-parquet = le fichier est { $found }
    .try = écrivez-le de nouveau en Parquet, sans chiffrement, ou en CSV
input-parquet-column = la colonne `{ $name }` contient { $found }
    .try = { try-parquet-type }
try-parquet-type = écrivez la colonne en STRING, en nombre entier, BOOLEAN, DATE, TIMESTAMP ou LIST de STRING
input-parquet-field = ligne { $line }, colonne `{ $name }` : { $found }
    .try = corrigez la valeur et écrivez de nouveau le fichier
input-parser = l’analyse s’est arrêtée près de la ligne { $line }
    .try = signalez-le : c’est un défaut du logiciel

## Ce qui est trouvé à la place d’autre chose

found-zip = une archive ZIP
    .try = `unzip -p{ $file } | { $command } -`
found-workbook = un classeur Excel ou un autre document bureautique
    .try = enregistrez chaque feuille au format « CSV UTF-8 » dans le tableur
found-old-workbook = un ancien classeur Excel
    .try = enregistrez chaque feuille au format « CSV UTF-8 » dans le tableur
found-gzip = compressé deux fois, à l’intérieur par gzip
    .try = décompressez-le une fois auparavant
found-zstd = compressé deux fois, à l’intérieur par zstd
    .try = décompressez-le une fois auparavant
found-long-window = compressé par zstd avec une fenêtre de plus de 8 Mio
    .try = `zstd -dc --long=31{ $file } | { $command } -`, ou compressez-le de nouveau sans `--long` ni `--ultra`
found-bzip2 = compressé par bzip2
    .try = `bunzip2 -c{ $file } | { $command } -`
found-xz = compressé par xz
    .try = `xz -dc{ $file } | { $command } -`
found-lz4 = compressé par LZ4
    .try = `lz4 -dc{ $file } | { $command } -`
found-archive = une archive 7z ou RAR
    .try = décompressez-la, et donnez les fichiers qu’elle contenait
found-parquet = un fichier Parquet dans une archive
    .try = décompressez-le dans un fichier : Parquet compresse lui-même ses pages
found-arrow = un fichier Feather (Arrow)
    .try = écrivez-le en Parquet, en Python : `pandas.read_feather(FILE, dtype_backend="pyarrow").to_parquet("crm.parquet")`
found-avro = un fichier Avro
    .try = écrivez-le en Parquet, CSV ou NDJSON avec le programme qui l’a produit
found-orc = un fichier ORC
    .try = écrivez-le en Parquet, en Python : `pandas.read_orc(FILE, dtype_backend="pyarrow").to_parquet("crm.parquet")`
found-sqlite = une base SQLite
    .try = `sqlite3 -csv -header{ $file } "SELECT * FROM TABLE" | { $command } -`
found-pdf = un document PDF
    .try = exportez le tableau lui-même, en CSV
found-markup = une page web ou du XML
    .try = exportez de nouveau en CSV : une page à la place d’un fichier est souvent celle d’une connexion, ou un tableur enregistré ainsi
found-json-array = un tableau JSON
    .try = `jq -c '.[]'{ $file } | { $command } -`, qui écrit un objet par ligne
found-unmarked = du texte sans marque d’ordre des octets
found-list = une liste, là où un seul texte est attendu
found-bar-in-entry = une liste avec `|` dans un élément
# Avec l’article.
delimiter-semicolon = le point-virgule `;`
delimiter-tab = la tabulation
delimiter-comma = la virgule `,`
delimiter-bar = la barre verticale `|`
json-broken-object = un objet JSON cassé ou inachevé
json-array = un tableau JSON ou le début d’un tableau
json-other-text = un autre texte
json-data-for-names = un objet dont les noms sont des données
json-too-many-members = une ligne de trop de colonnes
json-twice = présent deux fois
json-object = un objet
json-list-of-others = une liste d’objets ou de listes
json-broken-text = un texte avec la moitié d’un caractère, comme `\ud83d` seul
    .try = écrivez le caractère entier, en UTF-8
parquet-not = autre chose qu’un fichier Parquet
parquet-stream = du Parquet, qui se lit dans un fichier et non dans un flux
    .try = écrivez d’abord le flux dans un fichier : `cat > crm.parquet`, puis `{ $command } crm.parquet`
parquet-damaged = un fichier Parquet endommagé ou tronqué
parquet-encrypted = un fichier Parquet chiffré
parquet-compression = un fichier Parquet compressé par LZO
    .try = écrivez-le de nouveau avec snappy, zstd, gzip, lz4 ou brotli
parquet-long-page = un fichier Parquet dont une page dépasse 64 Mio
parquet-long-description = un fichier Parquet dont la description dépasse 64 Mio
parquet-name-twice = un fichier Parquet avec deux colonnes d’un même nom
parquet-data-for-names = un fichier Parquet avec des données comme noms de colonnes
parquet-levels = des niveaux et des valeurs qui se contredisent
parquet-long-field = plus de 64 Kio
parquet-nul = un caractère NUL
parquet-out-of-range = un jour ou une heure hors limites
parquet-several-values = un groupe de plusieurs valeurs (STRUCT ou MAP)
    .try = écrivez chacune de ses valeurs dans une colonne à elle
parquet-nested = des groupes ou des listes imbriquées
    .try = écrivez chaque valeur dans une colonne à elle, ou une seule liste de textes
parquet-not-utf8 = de l’UTF-8 non valide
    .try = écrivez la colonne en STRING, en UTF-8
parquet-not-text = des octets qui ne sont pas du texte en UTF-8
    .try = écrivez la valeur en STRING ; d’une empreinte les 64 chiffres hexadécimaux, `lower(hex(COLUMN))` en SQL
parquet-not-nothing = une valeur dans une colonne déclarée toujours nulle
    .try = écrivez la colonne avec son vrai type
parquet-bson = du BSON
    .try = écrivez chacun de ses membres dans une colonne à lui
parquet-interval = des durées (INTERVAL)
    .try = écrivez la colonne en DATE ou TIMESTAMP
parquet-float16 = des nombres en demi-précision (FLOAT16)
    .try = écrivez la colonne en STRING ou en nombre entier
parquet-variant = des valeurs de tout type (VARIANT)
    .try = écrivez chacun de ses membres dans une colonne à lui
parquet-geometry = des lieux (GEOMETRY ou GEOGRAPHY)
    .try = retirez la colonne
parquet-other-type = un type qui n’est pas lu
    .try = { try-parquet-type }
