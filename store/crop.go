package store

import (
	"encoding/json"
	"fmt"

	"sillon/sillon"
)

// storedCrop is a crop as the JSON of a parcel holds it, under the wire names
// of api.md.
type storedCrop struct {
	ID        string      `json:"id"`
	CPF       *string     `json:"cpf"`
	Variete   string      `json:"variete"`
	DateSemis string      `json:"dateSemis"`
	Surface   *float64    `json:"surface"`
	Unite     sillon.Unit `json:"unite"`
}

func encodeCrops(crops []sillon.Crop) (string, error) {
	stored := make([]storedCrop, len(crops))
	for i, c := range crops {
		stored[i] = storedCrop{
			ID: c.ID, CPF: nullText(c.CPF), Variete: c.Variete, DateSemis: c.SownOn.String(), Surface: c.Surface, Unite: c.Unit,
		}
	}
	b, err := json.Marshal(stored)
	return string(b), err
}

func decodeCrops(b []byte) ([]sillon.Crop, error) {
	var stored []storedCrop
	if err := json.Unmarshal(b, &stored); err != nil {
		return nil, err
	}
	crops := make([]sillon.Crop, len(stored))
	for i, c := range stored {
		crops[i] = sillon.Crop{ID: c.ID, Variete: c.Variete, Surface: c.Surface, Unit: c.Unite}
		if c.CPF != nil {
			crops[i].CPF = *c.CPF
		}
		if c.DateSemis != "" {
			d, err := sillon.ParseDate(c.DateSemis)
			if err != nil {
				return nil, fmt.Errorf("sowing day: %w", err)
			}
			crops[i].SownOn = d
		}
	}
	return crops, nil
}

func encodeAnnotations(a []sillon.Annotation) (string, error) {
	if len(a) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(a)
	return string(b), err
}
