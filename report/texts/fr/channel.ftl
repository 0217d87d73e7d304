## Connexions qui n’aboutissent pas, ou qui prennent fin

channel-no-address = aucune connexion à { $address } : l’adresse n’est pas de la forme `host:port`
channel-no-name = aucune connexion à { $address } : le nom n’a pas d’adresse
channel-no-answer = aucune connexion à { $address } : aucune réponse ; un pare-feu bloque peut-être UDP sur ce chemin
# $by est le côté qui a contrôlé : `us` ou `peer`.
channel-refused = { $by ->
    [us] ce nœud a refusé la connexion : { $check }
   *[peer] l’autre nœud a refusé la connexion : { $check }
 }
channel-other-protocol = les deux nœuds ne vont pas ensemble : à cette adresse ne répond aucun nœud Veilmatch avec ALPN veilmatch/3, TLS 1.3 et X25519MLKEM768 ({ $by ->
    [us] contrôlé ici : { $check }
   *[peer] contrôlé là-bas : { $check }
 })
    .note = Rien n’a été comparé
channel-lost = la connexion a été perdue : { $why }
    .note = L’exécution peut être répétée
    .try = relancez ; si cela se produit souvent, comparez les pertes et les temps d’aller-retour dans le journal, et essayez `congestion = "bbr"` sur les longs chemins
channel-closed = l’autre nœud a fermé la connexion : { $why }
    .note = L’exécution peut être répétée
channel-closed-too-many = l’autre nœud a fermé la connexion : trop de connexions de cette identité
    .try = mettez fin aux autres exécutions avec ce partenaire, ou attendez que celles qui sont perdues expirent (15 s)
channel-closed-unpinned = l’autre nœud a fermé la connexion : il n’épingle plus cette identité
    .try = demandez { peer-to } si votre identité y a été retirée ou remplacée
channel-late-handshake = l’autre nœud a mis trop longtemps à achever la négociation
    .note = L’exécution peut être répétée
channel-late-close = l’autre nœud a mis trop longtemps à fermer la connexion
    .note = L’exécution peut être répétée
channel-local = ce nœud n’a pas pu { $step } : { $why }

channel-try-clocks = comparez les horloges des deux machines ; si elles sont justes, renouvelez le certificat { $by ->
    [us] { peer-of }
   *[peer] de ce nœud
 } : supprimez keys/tls.crt et redémarrez le nœud, les clés épinglées ne changent pas
channel-try-keys = vérifiez que le répertoire des clés { $by ->
    [us] { peer-of }
   *[peer] de ce nœud
 } est celui que `init` a créé, et que rien ne termine TLS entre les nœuds

## Contrôles d’une négociation

check-unpinned = la clé TLS n’est pas épinglée
check-expired = le certificat a expiré
check-not-yet-valid = le certificat n’est pas encore valable
check-validity = le certificat est hors de sa période de validité
check-key-type = le certificat n’est pas celui d’une clé Ed25519 qui peut signer des négociations
check-certificate = le certificat n’est pas un certificat autosigné lisible
check-signature = la négociation n’est pas signée par la clé du certificat
check-missing = aucun certificat n’a été présenté
check-alpn = le protocole d’application (ALPN) n’est pas veilmatch/3
check-key-exchange = aucun échange de clés commun : X25519MLKEM768 est exigé
check-version = aucune version commune de QUIC et de TLS 1.3
check-alert = alerte TLS { $number }

## Fins d’une connexion

loss-idle = rien n’est arrivé pendant le délai d’inactivité
loss-restarted = l’autre nœud a redémarré
loss-quic = erreur QUIC { $number }
close-dropped = son programme a pris fin
close-done = la session est complète
close-error = il a interrompu la session sur une erreur
close-too-many = trop de connexions de cette identité
close-shutting-down = son exploitant l’arrête
close-unpinned = il n’épingle plus cette identité
close-overloaded = il est surchargé
close-other = code { $number }

## Étapes de cette machine

step-timeouts = régler le délai d’inactivité
step-tls = mettre TLS en place
step-socket = ouvrir un point de connexion UDP
step-endpoint = utiliser le point de connexion UDP
step-address = lire l’adresse locale
step-start = commencer une connexion

## Clés de ce nœud

identity-exists = une identité se trouve déjà dans le répertoire { $path }
    .try = gardez-la, des partenaires l’ont épinglée
identity-missing = le fichier { $path } manque
    .try = restaurez-le depuis la sauvegarde de ce répertoire, ou lancez `init` dans un répertoire vide et faites épingler la nouvelle identité par les partenaires
identity-key-malformed = le fichier { $path } n’est pas une clé Ed25519 en PKCS#8 version 1 (PEM)
    .try = restaurez-le depuis la sauvegarde
identity-certificate-malformed = le fichier { $path } n’est pas un certificat utilisable
    .try = supprimez-le, il est refait à partir de tls.key
identity-key-mismatch = le certificat { $path } est celui d’une autre clé que tls.key à côté de lui
    .try = restaurez les deux depuis une même sauvegarde, ou supprimez le certificat si tls.key est la bonne clé
identity-expired = le certificat { $path } a expiré
    .try = supprimez-le, il est refait ; les partenaires n’ont rien à faire
identity-not-yet-valid = le certificat { $path } n’est pas encore valable
    .try = vérifiez l’horloge de cette machine
identity-clock = l’horloge de cette machine indique une date qu’aucun certificat ne peut porter
    .try = réglez l’horloge de cette machine, puis relancez
identity-library = la bibliothèque TLS n’a pas pu produire un certificat : { $why }
    .try = vérifiez l’horloge de cette machine, puis relancez

## Identités sous forme de texte

# $line est `identity` ou `proof`.
identity-not-one = ce n’est pas une identité : une identité commence par `vmid1` et compte 114 caractères
    .try = recopiez l’identité en entier
identity-not-a-proof = la ligne après l’identité n’est pas sa preuve : une preuve commence par `vmproof1`
    .try = { identity-try-file }
identity-fingerprint = c’est une empreinte ou un identifiant de session, pas une identité : une identité commence par `vmid1`
    .try = { identity-try-file }
identity-truncated = { $line ->
    [identity] cette identité est tronquée
   *[proof] cette preuve est tronquée
 } : { $missing ->
    [one] il manque { $missing_text } caractère sur { $length } à la fin
   *[other] il manque { $missing_text } caractères sur { $length } à la fin
 }
    .try = recopiez-la en entier
identity-too-long = { $line ->
    [identity] cette identité a
   *[proof] cette preuve a
 } { $extra ->
    [one] { $extra_text } caractère de trop
   *[other] { $extra_text } caractères de trop
 } : deux lignes ont peut-être été réunies
    .try = recopiez-la, chaque ligne à part
identity-character = { $line ->
    [identity] le caractère { $at } de cette identité
   *[proof] le caractère { $at } de cette preuve
 } est { $found }, qui n’y figure jamais
    .try = recopiez la ligne au lieu de la taper ; une identité d’une version antérieure est refaite par `init`
identity-checksum = la somme de contrôle de cette ligne est fausse : un caractère a changé
    .try = recopiez-la
identity-proof-missing = l’identité est là sans la ligne `vmproof1…` qui prouve à qui sont les clés
    .try = { identity-try-file }
identity-more-lines = il y a plus qu’une identité et sa preuve
    .try = { identity-try-file }
identity-role = { $role ->
    [advertiser] c’est l’identité d’un nœud d’annonceur
   *[provider] c’est l’identité d’un nœud de prestataire
 }
    .try = { identity-try-file }
identity-unproved = il n’est pas prouvé que les deux clés de cette identité sont à une seule partie
    .try = ne l’utilisez pas : demandez par téléphone, à la personne qui l’a envoyée, le fichier identity.txt que `init` a écrit
identity-try-file = demandez le fichier identity.txt que `init` a écrit, avec ses deux lignes
