package demo

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/paulmach/orb"

	"sillon/sillon"
)

// A maker makes one farm after the other with the same buffers.
type maker struct {
	rng     *rand.Rand
	mosaic  mosaic
	outline outline
	fields  []field
	plots   []plot
}

// A plot is a field of the farm over the years.
type plot struct {
	geometry orb.Geometry
	before   orb.Geometry // in the oldest of several versions
	name     string
	ilot     int
	number   int
	grown    [maxVersions]*crop // by age of the version, 0 the newest
	variety  string
	engaged  sillon.Date // zero: conventional
	since    int         // age of the oldest version that has it
}

const maxVersions = 3

// farm makes farm number i.
func (m *maker) farm(seed uint64, i int, s slot) Farm {
	rng := m.rng
	t := s.terroir
	if t != &tropics && rng.IntN(4) == 0 {
		t = [...]*terroir{&plains, &pasture, &gardens, &orchards}[rng.IntN(4)]
	}
	wish := max(5, min(120, int(24*math.Exp(0.65*rng.NormFloat64()))))
	m.layOut(wish, s, t)
	h := m.history(i)
	m.cultivate(t, h)

	f := Farm{Farm: sillon.Farm{
		NumeroBio:  sillon.NumeroBio(strconv.Itoa(FirstNumeroBio + i)),
		Name:       farmName(rng),
		Siret:      siretOf(i),
		Pacages:    []string{h.pacage},
		Commune:    s.insee,
		Production: true,
		Links:      h.links(i),
	}}
	if rng.IntN(3) == 0 {
		f.TradeName = farmName(rng)
	}
	for age := h.versions - 1; age >= 0; age-- {
		f.Versions = append(f.Versions, m.version(seed, i, f.NumeroBio, h, age))
	}
	return f
}

// cultivate gives every plot its crops and its date of engagement.
func (m *maker) cultivate(t *terroir, s history) {
	rng := m.rng
	habits := t.habits(rng)
	for i := range m.plots {
		p := &m.plots[i]
		p.grown[0] = pick(rng, habits[:])
		for age := 1; age < maxVersions; age++ {
			p.grown[age] = p.grown[age-1]
			if next := pick(rng, habits[:]); isAnnual(p.grown[0]) && isAnnual(next) {
				p.grown[age] = next
			}
		}
		if v := p.grown[0].varieties; len(v) > 0 && !isAnnual(p.grown[0]) && rng.IntN(3) > 0 {
			p.variety = pick(rng, v)
		}
		p.since = maxVersions
		switch n := rng.IntN(100); {
		case s.mixed && n < 30: // stays conventional
		case n < 88:
			p.engaged = s.start
		default: // taken over lately, and engaged then
			p.engaged = someDay(rng, s.newest-rng.IntN(4))
			if p.engaged.Before(s.start) {
				p.engaged = s.start
			}
			if rng.IntN(2) == 0 {
				p.since = max(0, s.newest-p.engaged.Year)
			}
		}
	}
}

func isAnnual(c *crop) bool { return c.cycle == autumn || c.cycle == spring }

// version tells the version of the given age, 0 being the newest.
func (m *maker) version(seed uint64, farm int, bio sillon.NumeroBio, s history, age int) Version {
	year := s.newest - age
	v := Version{Parcellaire: sillon.Parcellaire{
		ID:        sillon.ParcellaireID(idOf(seed, farm, age)),
		NumeroBio: bio,
		OC:        s.now.ID,
		OCLabel:   s.now.Name,
		Name:      "Parcellaire " + strconv.Itoa(year),
		Year:      year,
		State:     sillon.StateCertified,
		AuditDate: s.audits[age],
		Metadata:  sillon.Metadata{Source: sillon.SourceAPI, SourceLastUpdate: s.audits[age].String(), AnneeAssolement: year},
	}}
	on := s.audits[age]
	if age == 0 {
		v.State = s.state
	}
	if !s.moved.IsZero() && on.Before(s.moved) {
		v.OC, v.OCLabel = s.former.ID, s.former.Name
	}
	switch v.State {
	case sillon.StateDraft:
		v.AuditDate = sillon.Date{}
	case sillon.StateCertified: // domain.md §4.2
		v.CertifiedFrom = sillon.DateOf(midnight(on).AddDate(0, 0, 14+m.rng.IntN(45)))
		v.CertifiedUntil = sillon.Date{Year: on.Year + 2, Month: time.March, Day: 31}
	case sillon.StateAudited, sillon.StatePending:
	}
	origin := sillon.OriginAPI
	if age == 0 && s.imported {
		v.Name = "Parcellaire déclaré PAC " + strconv.Itoa(year)
		v.Metadata = sillon.Metadata{Source: "telepac", Pacage: s.pacage, AnneeAssolement: year}
		origin = sillon.OriginImport
	}

	v.Parcels = make([]sillon.Parcel, 0, len(m.plots))
	for i := range m.plots {
		if p := &m.plots[i]; p.since >= age {
			v.Parcels = append(v.Parcels, m.parcel(seed, farm, s, age, i, origin))
		}
	}
	v.tally()
	return v
}

// parcel tells plot number i in the version of the given age.
func (m *maker) parcel(seed uint64, farm int, s history, age, i int, origin sillon.Origin) sillon.Parcel {
	rng := m.rng
	q := &m.plots[i]
	c := q.grown[age]
	p := sillon.Parcel{
		ID:             strconv.Itoa(1 + i),
		Geometry:       q.geometry,
		GeometryStatus: sillon.GeometryValid,
		Name:           q.name,
		NumeroPacage:   s.pacage,
		NumeroIlot:     strconv.Itoa(q.ilot),
		NumeroParcelle: strconv.Itoa(q.number),
		CodeCulturePAC: c.pac,
		Origin:         origin,
	}
	if age > 0 && age == s.versions-1 {
		p.Geometry = q.before
	}
	if origin == sillon.OriginAPI && i%23 == farm%23 { // not in the CAP declaration yet
		p.EnAttentePAC, p.NumeroIlot, p.NumeroParcelle = true, "", ""
	}
	p.Level, p.EngagedOn = q.level(s.audits[age])
	if origin == sillon.OriginImport && s.state == sillon.StateDraft && age == 0 && p.Level == sillon.LevelAB {
		p.Level, p.EngagedOn = sillon.LevelEngaged, sillon.Date{} // all that a CAP declaration tells
	}

	key := maxVersions + (age*len(m.plots)+i)*2
	crop := sillon.Crop{ID: idOf(seed, farm, key), CPF: c.cpf, Variete: q.variety, SownOn: c.sown(rng, s.newest-age), Unit: sillon.UnitHectare}
	p.Crops = []sillon.Crop{crop}
	if isAnnual(c) && rng.IntN(14) == 0 { // two crops share the field
		part := float64(50 + 10*rng.IntN(4))
		rest := 100 - part
		crop.Surface, crop.Unit = &part, sillon.UnitPercent
		p.Crops = []sillon.Crop{crop, {
			ID: idOf(seed, farm, key+1), CPF: fodderMix.cpf, Surface: &rest, Unit: sillon.UnitPercent,
		}}
	}
	return p
}

// level is how far q is on its way to organic on a day: two years, three for
// woody crops.
func (q *plot) level(on sillon.Date) (sillon.Level, sillon.Date) {
	if q.engaged.IsZero() || on.Before(q.engaged) {
		return sillon.LevelCONV, sillon.Date{}
	}
	years := on.Year - q.engaged.Year
	if on.Before(sillon.Date{Year: on.Year, Month: q.engaged.Month, Day: q.engaged.Day}) {
		years--
	}
	switch {
	case years == 0:
		return sillon.LevelC1, q.engaged
	case years == 1:
		return sillon.LevelC2, q.engaged
	case years == 2 && q.grown[0].cycle == woody:
		return sillon.LevelC3, q.engaged
	default:
		return sillon.LevelAB, q.engaged
	}
}

// sown is a day on which c is sown for the harvest of year; zero when it stays.
func (c *crop) sown(rng *rand.Rand, year int) sillon.Date {
	switch c.cycle {
	case autumn:
		return sillon.Date{Year: year - 1, Month: time.October, Day: 1 + rng.IntN(31)}
	case spring:
		return sillon.Date{Year: year, Month: time.April, Day: 1 + rng.IntN(30)}
	case lasting, woody:
	}
	return sillon.Date{}
}

// someDay is a working day for auditors, from February to September.
func someDay(rng *rand.Rand, year int) sillon.Date {
	return sillon.Date{Year: year, Month: time.Month(2 + rng.IntN(8)), Day: 1 + rng.IntN(28)}
}

func midnight(d sillon.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}
