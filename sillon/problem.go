package sillon

// A ProblemFamily says what a code refuses, or warns of.
type ProblemFamily string

// The families, as their pages are titled.
const (
	FamilyRequest   ProblemFamily = "Requêtes refusées"
	FamilyRecord    ProblemFamily = "Enregistrements d'un envoi"
	FamilyParcel    ProblemFamily = "Parcelles d'un envoi"
	FamilyToken     ProblemFamily = "Jetons"
	FamilyRegistry  ProblemFamily = "Fichiers d'exploitations"
	FamilyTerritory ProblemFamily = "Fichiers de référence"
)

// ProblemFamilies lists the families, in the order of their pages.
var ProblemFamilies = []ProblemFamily{FamilyRequest, FamilyRecord, FamilyParcel, FamilyToken, FamilyRegistry, FamilyTerritory}

// A Problem explains a code to whoever meets it. A code between backquotes is
// shown as one.
type Problem struct {
	Family ProblemFamily
	Code   string
	Kind   Kind   // of the failure; of no meaning outside FamilyRequest
	Title  string // French, as the rest
	When   string // it happens
	Do     string // about it
}

// Problems is the catalogue of all codes: those of failures, and those of the
// issues that come within. A test finds every declared code in it, once.
var Problems = []Problem{
	{
		FamilyRequest, "INVALID_API_REQUEST", KindInvalid, "Requête invalide",
		"Le corps n'est pas du JSON lisible, un paramètre ou un en-tête n'a pas la forme attendue. `detail` ou `message` dit lequel ; pour un envoi illisible, `position` est l'octet où la lecture s'arrête.",
		"Corriger ce qui est nommé. Un envoi illisible est souvent tronqué : le produire de nouveau.",
	},
	{
		FamilyRequest, "CHAMP_INCONNU", KindInvalid, "Champ ou paramètre inconnu",
		"Le corps ou l'adresse contient un nom que cette route n'a pas. `erreurs[].chemin` le donne.",
		"Corriger le nom, majuscules comprises, ou le retirer : rien n'est ignoré en silence.",
	},
	{
		FamilyRequest, "INVALID_CREDENTIALS", KindUnauthenticated, "Jeton absent",
		"L'en-tête `Authorization` manque ou est vide. Un jeton placé dans l'adresse ne compte pas.",
		"Envoyer le jeton dans `Authorization`, seul ou après `Bearer`.",
	},
	{
		FamilyRequest, "FORBIDDEN", KindForbidden, "Accès refusé",
		"Le jeton est inconnu, expiré ou révoqué ; ou son rôle n'a pas ce droit sur cette ressource.",
		"Vérifier le jeton avec `GET /api/v2/test`. S'il est bon, l'action est réservée à un autre rôle.",
	},
	{
		FamilyRequest, "NOT_FOUND", KindNotFound, "Ressource introuvable",
		"Rien n'existe à cette adresse, ou l'appelant ne peut pas le voir : les deux réponses sont les mêmes.",
		"Vérifier l'adresse, l'identifiant et les filtres. Une version supprimée n'est plus lisible.",
	},
	{
		FamilyRequest, "JOB_NOT_FOUND", KindNotFound, "Envoi introuvable",
		"Aucun envoi de ce certificateur n'a ce numéro.",
		"Vérifier le `jobId` rendu par l'envoi, et que le jeton est celui du même certificateur.",
	},
	{
		FamilyRequest, "IMPORT_NOT_FOUND", KindNotFound, "Import introuvable",
		"Aucun import de ce certificateur n'a ce numéro, ou ses 24 mois sont passés.",
		"Chercher l'import dans la liste `/api/v3/import/parcellaire-imports`.",
	},
	{
		FamilyRequest, "PAYLOAD_NOT_FOUND", KindNotFound, "Corps d'un envoi introuvable",
		"L'import n'existe pas, ou le corps reçu n'est plus gardé : 15 jours après `DONE`, 90 jours après `ERROR`.",
		"Garder soi-même ce qui est envoyé au-delà de ce délai.",
	},
	{
		FamilyRequest, "METHOD_NOT_ALLOWED", KindMethod, "Méthode non autorisée",
		"L'adresse existe, mais pas pour ce verbe HTTP.",
		"Utiliser un verbe de l'en-tête `Allow`.",
	},
	{
		FamilyRequest, "PRECONDITION_FAILED", KindStale, "Ressource modifiée depuis sa lecture",
		"`If-Match` ou `If-Unmodified-Since` désigne un état plus ancien que le présent. `revision` et l'en-tête `ETag` donnent le présent.",
		"Relire la ressource, refaire le changement sur ce qu'elle est devenue, et envoyer le nouvel `ETag`.",
	},
	{
		FamilyRequest, "DATE_AUDIT_EXISTANTE", KindInvalid, "Deux versions pour une date d'audit",
		"Une exploitation a déjà, chez ce certificateur, une version non supprimée avec cette date d'audit.",
		"Modifier ou supprimer l'autre version d'abord.",
	},
	{
		FamilyRequest, "IDEMPOTENCY_KEY_BUSY", KindConflict, "Clé d'idempotence occupée",
		"Une première requête sous la même `Idempotency-Key` est encore en cours.",
		"Attendre, puis renvoyer la même requête : sa réponse sera celle de la première.",
	},
	{
		FamilyRequest, "IDEMPOTENCY_KEY_REUSED", KindUnprocessable, "Clé d'idempotence déjà utilisée",
		"Cette `Idempotency-Key` a servi, il y a moins de 24 heures, à une autre requête.",
		"Prendre une clé nouvelle pour chaque requête ; garder la même seulement pour la répéter.",
	},
	{
		FamilyRequest, "PAYLOAD_TOO_LARGE", KindTooLarge, "Corps trop grand",
		"Le corps dépasse la limite que donne le message, en octets, en enregistrements ou en taux de compression.",
		"Répartir en plusieurs envois ; vérifier le fichier compressé.",
	},
	{
		FamilyRequest, "UNSUPPORTED_CONTENT_ENCODING", KindUnsupported, "Compression non prise en charge",
		"`Content-Encoding` annonce autre chose que gzip.",
		"Compresser avec gzip, ou pas du tout.",
	},
	{
		FamilyRequest, "MODELE_INCONNU", KindInvalid, "Modèle de tableur inconnu",
		"`modele` ne nomme aucun des modèles de tableur. `detail` les cite.",
		"Prendre un modèle cité, ou retirer `modele` : c'est alors celui du certificateur qui demande.",
	},
	{
		FamilyRequest, "FORMAT_INDISPONIBLE", KindInvalid, "Format d'export indisponible",
		"`format` nomme un format prévu, que ce serveur ne produit pas : `gpkg`, `shp`, `kml`, `fgb` ou `parquet`.",
		"Demander `geojson`, que les outils cartographiques convertissent, ou un tableur : `xlsx`, `csv`, `tsv`.",
	},
	{
		FamilyRequest, "EXPORT_TROP_GRAND", KindUnprocessable, "Parcellaire trop grand pour un tableur",
		"La version a plus de parcelles qu'un tableur n'en reçoit. `detail` donne les deux nombres.",
		"Demander `format=geojson`, qui n'a pas de limite.",
	},
	{
		FamilyRequest, "TOO_MANY_REQUESTS", KindTooMany, "Trop de requêtes",
		"Le quota par minute du jeton ou de l'adresse est épuisé. Un envoi compte pour plusieurs requêtes.",
		"Attendre les secondes que dit `Retry-After`. `RateLimit` annonce ce qui reste.",
	},
	{
		FamilyRequest, "INTERNAL_SERVER_ERROR", KindInternal, "Erreur du service",
		"Le service a échoué. La cause est dans ses journaux, sous la référence `instance` ou `X-Request-Id`.",
		"Réessayer plus tard ; si l'erreur demeure, donner la référence à l'exploitant du service.",
	},
	{
		FamilyRequest, "SERVICE_INDISPONIBLE", KindUnavailable, "Service momentanément indisponible",
		"La base de données ou une donnée nécessaire ne répond pas.",
		"Réessayer dans quelques instants : rien n'a été enregistré.",
	},
	{
		FamilyRequest, "REGISTRE_INVALIDE", KindInvalid, "Fichier d'exploitations refusé",
		"Une ligne au moins est fausse : rien n'est enregistré. `erreurs` les donne toutes.",
		"Corriger chaque ligne nommée et renvoyer le fichier entier.",
	},
	{
		FamilyRequest, "EXPLOITATION_INVALIDE", KindInvalid, "Exploitation ou lien refusé",
		"Une valeur de la requête est fausse : rien n'est enregistré. `erreurs` les donne toutes.",
		"Corriger les membres nommés.",
	},
	{
		FamilyRequest, "PERIODE_CHEVAUCHANTE", KindConflict, "Deux certificateurs le même jour",
		"Le lien engagerait l'exploitation auprès d'un certificateur pendant qu'elle l'est auprès d'un autre.",
		"Arrêter d'abord l'autre lien, avec `dateArret`, ou commencer plus tard.",
	},
	{
		FamilyRequest, "CERTIFICATEUR_INCONNU", KindNotFound, "Certificateur inconnu",
		"Aucun certificateur n'a cet identifiant.",
		"Vérifier l'identifiant ; un fichier d'exploitations fait connaître un certificateur nouveau.",
	},
	{
		FamilyRequest, "REFERENTIEL_INVALIDE", KindInvalid, "Fichier de référence refusé",
		"Le fichier de communes, départements ou régions est faux : rien n'est chargé.",
		"Corriger les objets nommés, ou reprendre le fichier à sa source.",
	},
	{
		FamilyRequest, "TOKEN_NOT_FOUND", KindNotFound, "Jeton introuvable",
		"Aucun jeton n'a cet identifiant ou ce préfixe.",
		"Chercher le jeton dans la liste `/api/v3/jetons`.",
	},
	{
		FamilyRequest, "JETON_TERMINE", KindConflict, "Jeton terminé",
		"Le jeton à remplacer est révoqué ou expiré.",
		"Créer un jeton.",
	},
	{
		FamilyRequest, "JETON_DEJA_REMPLACE", KindConflict, "Jeton déjà remplacé",
		"Le jeton a déjà un successeur.",
		"Utiliser le successeur, ou le remplacer lui.",
	},
	{
		FamilyRequest, "WEBHOOK_NOT_FOUND", KindNotFound, "Webhook introuvable",
		"Aucun webhook de ce certificateur n'a cet identifiant.",
		"Chercher le webhook dans la liste `/api/v3/webhooks`.",
	},
	{
		FamilyRequest, "LIVRAISON_NOT_FOUND", KindNotFound, "Livraison introuvable",
		"Aucun message de ce webhook n'a cet identifiant, ou ses 30 jours sont passés.",
		"Chercher le message dans la liste des livraisons du webhook.",
	},
	{
		FamilyRequest, "ADRESSE_REFUSEE", KindInvalid, "Adresse de webhook refusée",
		"L'adresse n'est pas une adresse https publique, ou elle contient un identifiant ou un fragment, ou son nom mène à un réseau privé.",
		"Donner une adresse https que tout Internet peut joindre.",
	},
	{
		FamilyRequest, "WEBHOOK_EXISTANT", KindConflict, "Webhook déjà présent",
		"Un webhook de ce certificateur a déjà cette adresse.",
		"Modifier celui-là.",
	},
	{
		FamilyRequest, "TROP_DE_WEBHOOKS", KindConflict, "Trop de webhooks",
		"Le certificateur a déjà autant de webhooks qu'il peut en avoir.",
		"En supprimer un.",
	},
	{
		FamilyRequest, "WEBHOOK_DESACTIVE", KindConflict, "Webhook désactivé",
		"Le webhook ne reçoit plus rien : à la demande, parce que son adresse a répondu 410, ou après cinq jours d'échecs.",
		"Le réactiver avec `{\"actif\":true}`, puis recommencer.",
	},
	{
		FamilyRequest, "WEBHOOKS_INDISPONIBLES", KindUnavailable, "Webhooks indisponibles",
		"Ce service n'est pas configuré pour envoyer des webhooks.",
		"Suivre les envois par leur adresse ou par leur flux d'événements, et demander à l'exploitant du service.",
	},

	{
		FamilyRecord, "INVALID_RECORD", 0, "Enregistrement illisible",
		"L'élément n'est pas un objet, ou un de ses champs n'a pas la bonne nature. Le message donne le détail, `indice` son rang à partir de 0.",
		"Corriger ce que dit le détail. Les autres enregistrements ne sont pas touchés.",
	},
	{FamilyRecord, "MISSING_NUMERO_BIO", 0, "Numéro bio manquant", "`numeroBio` est absent, nul ou vide.", "Le renseigner."},
	{FamilyRecord, "MISSING_NUMERO_CLIENT", 0, "Numéro client manquant", "`numeroClient` est absent, nul ou vide.", "Le renseigner."},
	{
		FamilyRecord, "UNKNOWN_NUMERO_BIO", 0, "Numéro bio inconnu", "Le registre n'a pas d'exploitation de ce numéro.",
		"Vérifier le numéro ; l'exploitation doit être notifiée.",
	},
	{
		FamilyRecord, "NOT_PRODUCTION", 0, "Exploitation sans production", "Aucune notification de l'exploitation ne porte sur la production.",
		"L'exploitation doit notifier une activité de production.",
	},
	{
		FamilyRecord, "NO_OC", 0, "Exploitation sans certificateur", "Aucun organisme certificateur n'a cette exploitation.",
		"L'exploitation doit déclarer son certificateur sur le portail de notification.",
	},
	{
		FamilyRecord, "OC_MISMATCH", 0, "Exploitation d'un autre, ou numéro client différent",
		"L'exploitation n'est pas, aujourd'hui, cliente de l'appelant sous ce `numeroClient`. Le même code dit les deux.",
		"Vérifier le numéro client, et que l'exploitation n'a pas changé de certificateur.",
	},
	{
		FamilyRecord, "INVALID_DATE_CERTIFICATION_DEBUT", 0, "Début de validité incorrect", "`dateCertificationDebut` n'est pas une date.",
		"Écrire `AAAA-MM-JJ`, entre 1900 et 2100.",
	},
	{
		FamilyRecord, "INVALID_DATE_CERTIFICATION_FIN", 0, "Fin de validité incorrecte", "`dateCertificationFin` n'est pas une date.",
		"Écrire `AAAA-MM-JJ`, entre 1900 et 2100.",
	},
	{
		FamilyRecord, "INVALID_DATE_AUDIT", 0, "Date d'audit incorrecte", "`dateAudit` est absente ou n'est pas une date.",
		"Écrire `AAAA-MM-JJ`, entre 1900 et 2100.",
	},
	{
		FamilyRecord, "INVALID_ANNEE", 0, "Année incorrecte",
		"`anneeReferenceControle` n'est pas un entier de 1990 à 2100 ; c'est une erreur. Pour `anneeAssolement` c'est un avertissement, et la valeur est ignorée.",
		"Donner une année sur quatre chiffres.",
	},
	{
		FamilyRecord, "MISSING_PARCELLES", 0, "Liste de parcelles manquante", "`parcelles` est absent ou n'est pas un tableau.",
		"Donner un tableau, même vide.",
	},
	{
		FamilyRecord, "REGISTRE_INDISPONIBLE", 0, "Registre injoignable", "Le registre n'a pas pu être consulté pour cet enregistrement.",
		"Renvoyer cet enregistrement plus tard.",
	},
	{
		FamilyRecord, "INVALID_PACAGE", 0, "Numéro PACAGE incorrect", "`numeroPacage` n'a pas 9 chiffres. C'est un avertissement : il est gardé tel quel.",
		"Vérifier le numéro.",
	},
	{
		FamilyRecord, "EMPTY_PARCELLES", 0, "Parcellaire vidé", "La liste de parcelles est vide : toutes celles de la version ont été retirées. C'est un avertissement.",
		"Si ce n'était pas voulu, renvoyer l'enregistrement avec ses parcelles.",
	},
	{
		FamilyRecord, "DUPLICATE_RECORD", 0, "Deux enregistrements pour un audit",
		"L'envoi contient plusieurs enregistrements pour ce numéro bio et cette date d'audit. C'est un avertissement : ils sont appliqués dans l'ordre, le dernier l'emporte.",
		"N'en envoyer qu'un.",
	},
	{
		FamilyRecord, "DB_ERROR", 0, "Enregistrement non stocké",
		"Une donnée nécessaire manque, que seul le stockage révèle : les dates de validité d'une version nouvelle, le contour d'une parcelle inconnue. Ou le stockage a échoué, et le message donne une référence.",
		"Compléter l'enregistrement. Avec une référence, la transmettre à l'exploitant du service.",
	},

	{
		FamilyParcel, "DUPLICATE_PARCELLE_ID", 0, "Identifiant de parcelle en double",
		"Deux parcelles de l'enregistrement ont cet `id`. Quand elles sont identiques, c'est un avertissement et une seule est gardée.",
		"Donner un identifiant propre à chaque parcelle.",
	},
	{
		FamilyParcel, "MISSING_PARCELLE_ID", 0, "Parcelle sans identifiant", "`id` est absent : un identifiant, calculé du contour, lui a été attribué. C'est un avertissement.",
		"Donner un `id` stable : celui qui est attribué change avec le contour.",
	},
	{
		FamilyParcel, "PAC_PENDING_WITH_ILOT", 0, "En attente de la PAC malgré un îlot", "`enAttentePac` est vrai alors qu'un îlot est donné. C'est un avertissement : la parcelle n'est pas en attente.",
		"Retirer `enAttentePac`, ou l'îlot, du champ comme du commentaire.",
	},
	{
		FamilyParcel, "INVALID_ETAT_PRODUCTION", 0, "Niveau de conversion inconnu", "`etatProduction` n'est pas une des valeurs admises, en majuscules.",
		"Écrire `CONV`, `C1`, `C2`, `C3`, `AB` ou `BIO`.",
	},
	{
		FamilyParcel, "MISSING_DATE_ENGAGEMENT", 0, "Date d'engagement manquante", "La parcelle est en C1, C2 ou C3 et `dateEngagement` manque ou ne se lit pas.",
		"Donner la date d'engagement.",
	},
	{FamilyParcel, "INVALID_DATE_ENGAGEMENT", 0, "Date d'engagement incorrecte", "`dateEngagement` n'est pas une date.", "Écrire `AAAA-MM-JJ`, entre 1900 et 2100."},
	{FamilyParcel, "MISSING_CULTURES", 0, "Cultures absentes", "La parcelle n'a aucune culture.", "En donner une au moins, dans `cultures`."},
	{
		FamilyParcel, "INVALID_CPF", 0, "Culture inconnue", "Un `codeCPF` n'est pas dans la nomenclature. Le message les cite ; un code absent s'affiche vide.",
		"Prendre un code de la nomenclature CPF. Un tableur peut l'avoir changé en date.",
	},
	{
		FamilyParcel, "INVALID_DATE_SEMIS", 0, "Date de semis incorrecte", "`dateSemis` n'est pas une date. C'est un avertissement : elle est ignorée.",
		"Écrire `AAAA-MM-JJ`.",
	},
	{
		FamilyParcel, "INVALID_UNITE", 0, "Unité inconnue", "`unite` n'est ni `ha` ni `%`. C'est un avertissement : l'hectare est retenu.",
		"Écrire `ha` ou `%`.",
	},
	{
		FamilyParcel, "MISSING_GEOM", 0, "Parcelle sans contour", "`geom` est absent. C'est un avertissement : le contour connu est gardé ; s'il n'y en a pas, l'enregistrement est refusé avec `DB_ERROR`.",
		"Donner le contour d'une parcelle nouvelle.",
	},
	{
		FamilyParcel, "INVALID_GEOM", 0, "Contour incorrect",
		"`geom` ne se lit pas, n'est pas un polygone, a un anneau ouvert ou trop court, ou ne se place pas sur Terre. Le message donne le détail.",
		"Envoyer un Polygon ou un MultiPolygon en WGS84, longitude d'abord, chaque anneau fermé.",
	},
	{FamilyParcel, "GEOM_Z_DROPPED", 0, "Altitude ignorée", "Les positions ont plus de deux coordonnées. C'est un avertissement.", "Rien."},
	{
		FamilyParcel, "GEOM_REPROJECTED", 0, "Coordonnées converties", "Le contour était dans une autre projection, ou la latitude venait d'abord : il a été converti. C'est un avertissement.",
		"Envoyer du WGS84, longitude d'abord ; vérifier l'emplacement.",
	},
	{
		FamilyParcel, "GEOM_OUT_OF_BOUNDS", 0, "Hors des régions", "Le contour n'est dans aucune région de France. C'est un avertissement.",
		"Vérifier l'emplacement.",
	},
	{
		FamilyParcel, "GEOM_CORRECTED", 0, "Contours corrigés", "Ces contours se recoupaient un peu : ils ont été réparés. C'est un avertissement.",
		"Relire le contour stocké, et corriger le vôtre.",
	},
	{
		FamilyParcel, "GEOM_INVALID_NOT_CORRECTED", 0, "Contours à vérifier",
		"La réparation de ces contours change leur surface de 1 % ou de 1 ha au moins. C'est un avertissement : le contour réparé est stocké, marqué à vérifier, et le vôtre gardé à côté.",
		"Corriger le contour et renvoyer l'enregistrement.",
	},

	{FamilyToken, "ROLE_INVALIDE", 0, "Rôle incorrect", "Le rôle n'est pas de ceux d'un jeton.", "Donner `oc_service`, `agence_bio`, `inao` ou `asp`."},
	{FamilyToken, "LIBELLE_INVALIDE", 0, "Libellé incorrect", "Le libellé a plus de 200 caractères, ou des caractères qui ne se stockent pas.", "Le raccourcir."},
	{FamilyToken, "DUREE_INVALIDE", 0, "Durée incorrecte", "`dureeJours` n'est pas de 1 à 3650.", "Donner une durée de cet intervalle, ou aucune."},
	{FamilyToken, "RECOUVREMENT_INVALIDE", 0, "Recouvrement incorrect", "`recouvrementHeures` n'est pas de 0 à 720.", "Donner un nombre d'heures de cet intervalle."},

	{
		FamilyRegistry, "CERTIFICATEUR_INVALIDE", 0, "Certificateur incorrect",
		"L'identifiant ou le nom du certificateur ne se lit pas ; ou un jeton `oc_service` n'a pas de certificateur connu, ou un autre en a un.",
		"Donner l'identifiant d'un certificateur connu, là où il en faut un.",
	},
	{FamilyRegistry, "NUMERO_BIO_ABSENT", 0, "Numéro bio absent", "La ligne ne nomme pas d'exploitation.", "Remplir la colonne `numeroBio`."},
	{FamilyRegistry, "NUMERO_BIO_INVALIDE", 0, "Numéro bio incorrect", "Le numéro bio ne peut pas en être un.", "Vérifier le numéro."},
	{FamilyRegistry, "SIRET_INVALIDE", 0, "SIRET incorrect", "Le SIRET n'a pas 14 chiffres.", "Vérifier le numéro ; un tableur peut l'avoir arrondi."},
	{FamilyRegistry, "PACAGE_INVALIDE", 0, "Numéro PACAGE incorrect", "Le numéro n'a pas 9 chiffres.", "Vérifier le numéro."},
	{FamilyRegistry, "COMMUNE_INVALIDE", 0, "Commune incorrecte", "Ce n'est pas un code de l'Insee.", "Donner le code de la commune, pas son code postal."},
	{FamilyRegistry, "ETAT_INCONNU", 0, "État inconnu", "L'état du lien n'est pas de ceux du registre.", "Prendre un état de la liste, en majuscules : `ENGAGEE`, `ARRETEE`…"},
	{FamilyRegistry, "DATE_INVALIDE", 0, "Date incorrecte", "Le jour n'existe pas ou ne se lit pas.", "Écrire `AAAA-MM-JJ` ou `JJ/MM/AAAA`."},
	{FamilyRegistry, "PERIODE_INVALIDE", 0, "Période incorrecte", "Le lien s'arrête avant de commencer.", "Vérifier les deux dates."},
	{FamilyRegistry, "CERTIFICATEUR_ABSENT", 0, "Certificateur absent", "Le lien ne nomme pas de certificateur.", "Donner son identifiant ou son nom."},
	{FamilyRegistry, "DOUBLON", 0, "Ligne en double", "Le fichier dit deux fois la même chose.", "Retirer une des lignes."},
	{FamilyRegistry, "VALEUR_DIFFERENTE", 0, "Valeurs en désaccord", "Deux lignes d'une exploitation ne disent pas la même chose.", "Les accorder."},
	{FamilyRegistry, "VALEUR_TROP_LONGUE", 0, "Valeur trop longue", "Un texte dépasse ce qui peut être gardé.", "Le raccourcir."},
	{FamilyRegistry, "COLONNE_ABSENTE", 0, "Colonne absente", "Une colonne nécessaire manque au fichier.", "L'ajouter, sous le nom attendu."},
	{FamilyRegistry, "COLONNE_EN_DOUBLE", 0, "Colonne en double", "Deux colonnes ont le même nom.", "En retirer une."},
	{FamilyRegistry, "LIGNE_ILLISIBLE", 0, "Ligne illisible", "La ligne n'a pas la forme du fichier.", "Vérifier les guillemets, les séparateurs et l'encodage."},
	{FamilyRegistry, "FICHIER_VIDE", 0, "Fichier vide", "Le fichier ne contient aucune exploitation.", "Vérifier le fichier envoyé."},
	{FamilyRegistry, "TROP_DE_LIGNES", 0, "Trop de lignes", "Le fichier dépasse le nombre de lignes admis.", "L'envoyer en plusieurs fois."},
	{FamilyRegistry, "TROP_DE_PROBLEMES", 0, "Trop de problèmes", "Le fichier a trop d'erreurs pour les donner toutes.", "Corriger celles qui sont données, et recommencer."},
	{FamilyRegistry, "AUTRES_AVERTISSEMENTS", 0, "D'autres avertissements", "Il y en a plus que ce qui est donné.", "Rien n'est refusé pour cela."},

	{FamilyTerritory, "FICHIER_ILLISIBLE", 0, "Fichier illisible", "Ce n'est pas une FeatureCollection GeoJSON.", "Reprendre le fichier à sa source."},
	{FamilyTerritory, "AUCUN_TERRITOIRE", 0, "Aucun territoire", "Le fichier ne contient aucun objet.", "Reprendre le fichier à sa source."},
	{FamilyTerritory, "CODE_INVALIDE", 0, "Code incorrect", "Le code n'est pas celui d'un territoire de ce niveau.", "Vérifier que le fichier est celui du bon niveau."},
	{FamilyTerritory, "CODE_EN_DOUBLE", 0, "Code en double", "Deux objets ont le même code.", "Reprendre le fichier à sa source."},
	{FamilyTerritory, "NOM_ABSENT", 0, "Nom absent", "L'objet n'a pas de nom.", "Reprendre le fichier à sa source."},
	{FamilyTerritory, "GEOMETRIE_INVALIDE", 0, "Géométrie incorrecte", "Le contour n'est pas un polygone valide.", "Reprendre le fichier à sa source."},
	{FamilyTerritory, "PROPRIETE_INVALIDE", 0, "Propriété incorrecte", "Une propriété n'a pas la nature attendue.", "Reprendre le fichier à sa source."},
}
