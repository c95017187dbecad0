package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"sillon/geo/geojson"
	"sillon/service/demo"
	"sillon/sillon"
)

// certifier is who pushes in the benchmarks.
const certifier = 1

// A pushed record and its parcels, as certifiers write them.
type record struct {
	NumeroBio              sillon.NumeroBio `json:"numeroBio"`
	NumeroClient           string           `json:"numeroClient"`
	AnneeReferenceControle int              `json:"anneeReferenceControle"`
	DateAudit              string           `json:"dateAudit"`
	DateCertificationDebut string           `json:"dateCertificationDebut"`
	DateCertificationFin   string           `json:"dateCertificationFin"`
	NumeroPacage           string           `json:"numeroPacage"`
	Parcelles              []parcel         `json:"parcelles"`
}

type parcel struct {
	ID             string       `json:"id"`
	EtatProduction sillon.Level `json:"etatProduction"`
	DateEngagement string       `json:"dateEngagement,omitempty"`
	NumeroIlot     string       `json:"numeroIlot"`
	NumeroParcelle string       `json:"numeroParcelle"`
	Nom            string       `json:"nom"`
	Geom           string       `json:"geom"`
	Cultures       []crop       `json:"cultures"`
}

type crop struct {
	CodeCPF   string  `json:"codeCPF"`
	Variete   string  `json:"variete"`
	DateSemis string  `json:"dateSemis"`
	Quantite  float64 `json:"quantite"`
	Unite     string  `json:"unite"`
}

// leastParcels leaves out the smallest farms, so that so many farms hold so
// many parcels.
const leastParcels = 12

// An output is where the same parcels go in three forms.
type output struct {
	payload io.Writer // the body of a push
	farms   io.Writer // the CSV of their farms
	lines   io.Writer // GeoJSON, one parcel a line, for ogr2ogr
}

// write writes so many farms with parcels parcels in all and returns how many
// parcels there are of the newest versions, which is what is written.
func (o output) write(seed uint64, farms, parcels int) (n int, err error) {
	payload, table, lines := bufio.NewWriterSize(o.payload, 1<<20), bufio.NewWriter(o.farms), bufio.NewWriterSize(o.lines, 1<<20)
	if _, err := table.WriteString("numeroBio;nom;commune;certificateurId;certificateur;numeroClient;etat;dateDemarrage\n"); err != nil {
		return 0, err
	}
	if err := payload.WriteByte('['); err != nil {
		return 0, err
	}
	for f := range demo.Farms(seed, 20*parcels) {
		v := f.Versions[len(f.Versions)-1]
		if n >= parcels || farms == 0 {
			break
		}
		if len(v.Parcels) < leastParcels {
			continue
		}
		// The farms left share the parcels left, as far as each has that many.
		v.Parcels = v.Parcels[:min(len(v.Parcels), parcels-n, max(1, 2*(parcels-n)/farms))]
		if n > 0 {
			if err := payload.WriteByte(','); err != nil {
				return n, err
			}
		}
		if _, err := fmt.Fprintf(table, "%s;%s;%s;%d;Certificateur de mesure;C%s;ENGAGEE;2020-01-01\n",
			f.NumeroBio, f.Name, f.Commune, certifier, f.NumeroBio); err != nil {
			return n, err
		}
		if err := writeRecord(payload, lines, f, v); err != nil {
			return n, err
		}
		n, farms = n+len(v.Parcels), farms-1
	}
	if err := payload.WriteByte(']'); err != nil {
		return n, err
	}
	for _, w := range []*bufio.Writer{payload, table, lines} {
		if err := w.Flush(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func writeRecord(payload, lines *bufio.Writer, f demo.Farm, v demo.Version) error {
	r := record{
		NumeroBio: f.NumeroBio, NumeroClient: "C" + string(f.NumeroBio), AnneeReferenceControle: 2026, DateAudit: "2026-04-02",
		DateCertificationDebut: "2026-05-01", DateCertificationFin: "2028-03-31", NumeroPacage: f.Pacages[0],
	}
	var buf []byte
	for i := range v.Parcels {
		p := &v.Parcels[i]
		buf = geojson.AppendGeometry(buf[:0], p.Geometry, 9)
		var g struct {
			Coordinates json.RawMessage `json:"coordinates"`
		}
		if err := json.Unmarshal(buf, &g); err != nil {
			return err
		}
		sent := parcel{
			ID: p.ID, EtatProduction: p.Level, DateEngagement: p.EngagedOn.String(), NumeroIlot: p.NumeroIlot, NumeroParcelle: p.NumeroParcelle,
			Nom: p.Name, Geom: string(g.Coordinates),
		}
		if p.Level == sillon.LevelEngaged {
			sent.EtatProduction = "BIO"
		}
		for _, c := range p.Crops {
			sent.Cultures = append(sent.Cultures, crop{CodeCPF: c.CPF, Variete: c.Variete, DateSemis: c.SownOn.String(), Quantite: 1, Unite: "ha"})
		}
		r.Parcelles = append(r.Parcelles, sent)
		if _, err := fmt.Fprintf(lines, `{"type":"Feature","id":%s,"geometry":%s,"properties":{"numerobio":%q,"nom":%q,"niveau":%q,"cpf":%q}}`+"\n",
			strconv.Quote(string(f.NumeroBio)+"-"+p.ID), buf, f.NumeroBio, p.Name, p.Level, p.Crops[0].CPF); err != nil {
			return err
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = payload.Write(b)
	return err
}
