package store

import (
	"encoding/json"
	"fmt"

	"sillon/geo/geojson"
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

// encodeCrops writes what storedCrop reads.
func encodeCrops(crops []sillon.Crop) string {
	b := make([]byte, 0, 2+160*len(crops))
	b = append(b, '[')
	for i := range crops {
		c := &crops[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = geojson.AppendString(append(b, `{"id":`...), c.ID)
		if b = append(b, `,"cpf":`...); c.CPF == "" {
			b = append(b, "null"...)
		} else {
			b = geojson.AppendString(b, c.CPF)
		}
		b = geojson.AppendString(append(b, `,"variete":`...), c.Variete)
		b = geojson.AppendString(append(b, `,"dateSemis":`...), c.SownOn.String())
		b = geojson.AppendNumber(append(b, `,"surface":`...), c.Surface)
		b = geojson.AppendString(append(b, `,"unite":`...), c.Unit)
		b = append(b, '}')
	}
	return string(append(b, ']'))
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
