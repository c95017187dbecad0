package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"sillon/sillon"
)

// certifiers are the fictitious certifiers of demo farms. Their ids are above
// those of the registry.
var certifiers = [...]sillon.Certifier{
	{ID: 901, Name: "Certif Démo Nord"},
	{ID: 902, Name: "Certif Démo Ouest"},
	{ID: 903, Name: "Certif Démo Sud"},
	{ID: 904, Name: "Contrôle Bio Fictif"},
	{ID: 905, Name: "Label Vert Démo"},
	{ID: 906, Name: "Organisme Exemple"},
	{ID: 907, Name: "Vérif'Champs Démo"},
	{ID: 908, Name: "Bureau Imaginaire"},
}

// Certifiers lists the certifiers of demo farms.
func Certifiers() []sillon.Certifier { return slices.Clone(certifiers[:]) }

var (
	farmKinds = []string{"Ferme", "GAEC", "EARL", "SCEA", "La Ferme", "Domaine", "Les Champs", "Le Jardin"}
	farmNames = []string{
		"de la Fontaine", "du Grand Chêne", "des Tilleuls", "de l'Alouette", "du Moulin Neuf", "des Trois Chemins",
		"de la Combe", "du Soleil Levant", "des Coquelicots", "de la Bergerie", "du Vieux Puits", "des Hirondelles",
		"de la Source", "du Plateau", "des Genêts", "de la Vallée", "du Petit Bois", "des Sept Sillons", "de l'Orée",
		"du Pré Vert", "des Murets", "de la Croix Blanche", "du Ruisseau", "des Noyers", "de la Lande", "du Levant",
		"des Quatre Vents", "de la Prairie", "du Hameau", "des Bleuets", "de l'Étang", "du Colombier", "des Grives",
		"de la Garenne", "du Verger", "des Amandiers", "de l'Horizon", "du Chemin Creux", "des Abeilles", "de la Plaine",
	}
	fieldKinds = []string{
		"Le Champ", "La Pièce", "Le Clos", "Le Pré", "La Combe", "Les Terres", "Le Coteau", "La Plaine", "Les Prés",
		"Le Grand Champ", "L'Ouche", "La Parcelle", "Le Plantier", "La Côte", "Le Fond", "Les Chaumes",
	}
	fieldNames = []string{
		"du Moulin", "de la Fontaine", "des Chênes", "du Haut", "du Bas", "de l'Étang", "de la Croix", "du Pont",
		"de la Route", "du Four", "des Pierres", "du Bois", "de la Grange", "du Ruisseau", "de l'Église", "des Vaches",
		"du Noyer", "des Saules", "du Puits", "de la Mare", "du Lavoir", "de la Vigne", "des Renards", "du Hangar",
	}
	fieldSayings = []string{
		"Les Grandes Vignes", "Les Longues Raies", "Champ Rond", "Les Quatre Journaux", "La Grande Pièce", "Pré Carré",
		"Les Petites Terres", "Le Bout du Monde", "Derrière la Maison", "La Garenne", "Les Essarts", "La Noue",
		"Les Varennes", "Le Paradis", "Les Brûlés", "La Justice", "Les Sablons", "Les Rouges Terres", "Le Communal",
		"La Croix Rouge", "Les Aubépines", "Les Vieilles Vignes", "Les Genêts", "Le Chemin Vert",
	}
)

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func farmName(rng *rand.Rand) string { return pick(rng, farmKinds) + " " + pick(rng, farmNames) }

func fieldName(rng *rand.Rand) string {
	if rng.IntN(3) == 0 {
		return pick(rng, fieldSayings)
	}
	return pick(rng, fieldKinds) + " " + pick(rng, fieldNames)
}

// siretOf is a SIRET that passes the usual checks and that no business has:
// none begins with 00.
func siretOf(farm int) string {
	siren := withKey(fmt.Sprintf("00%06d", farm%1_000_000))
	return withKey(siren + "0001")
}

// withKey appends the Luhn key of digits.
func withKey(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

// pacageOf is a numéro pacage of a département that does not exist.
func pacageOf(farm int) string { return fmt.Sprintf("999%06d", farm%1_000_000) }

// idOf is the UUID of the thing that key names within the farm.
func idOf(seed uint64, farm, key int) string {
	a := mix(mix(seed) ^ mix(uint64(farm)<<20^uint64(key)))
	b := mix(a ^ uint64(farm)<<20 ^ uint64(key))
	var id uuid.UUID
	for i := range 8 {
		id[i], id[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8: made our own way
	return id.String()
}
