package sillon

// A CropCode is a code of the CPF nomenclature (classification des produits
// français), with its French label and the label of its group.
type CropCode struct {
	Code  string
	Label string
	Group string
}
