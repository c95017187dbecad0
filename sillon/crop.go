package sillon

// A CropCode is a code of the CPF nomenclature (classification des produits
// français), with its French label, the label of its group, and the code that
// Bureau Veritas has for it, empty for none or when it is not known.
type CropCode struct {
	Code          string
	Label         string
	Group         string
	BureauVeritas string
}
