package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"sillon/store/cluster"
	"sillon/tiles"
)

// peerPool is how many database connections each server has: as many as ours.
const peerPool = "10"

// source is the view that a peer reads for a tile: the attributes are those
// that ours has at that zoom.
func source(a tiles.Address) string {
	if a.Z < 12 {
		return "larges"
	}
	return "parcelles"
}

// launchTileserv starts the pg_tileserv of that path. It cuts no list of
// features, and its buffer is ours.
func launchTileserv(b *testing.B, bin, dir string, d *database) *subject {
	b.Helper()
	address := freeAddress(b)
	host, port, _ := net.SplitHostPort(address)
	p := launch(b, dir, "pg_tileserv", address, "/health", []string{
		"DATABASE_URL=" + d.cluster.URL(cluster.Database, cluster.APIRole), "TS_HTTPHOST=" + host, "TS_HTTPPORT=" + port,
		"TS_DBPOOLMAXCONNS=" + peerPool, "TS_DEFAULTBUFFER=64", "TS_MAXFEATURESPERTILE=-1", "TS_DBTIMEOUT=170",
	}, bin)
	return &subject{program: p, path: func(a tiles.Address) string { return fmt.Sprintf("/peers.%s/%s.pbf", source(a), a) }}
}

const tegolaConfig = `
[webserver]
port = "%[1]s"

[[providers]]
name = "peers"
type = "mvt_postgis"
uri = "%[2]s"
srid = 3857
max_connections = %[3]s
%[4]s
[[maps]]
name = "peers"
tile_buffer = 64

  [[maps.layers]]
  name = "parcelles"
  provider_layer = "peers.larges"
  min_zoom = 0
  max_zoom = 11

  [[maps.layers]]
  name = "parcelles"
  provider_layer = "peers.parcelles"
  min_zoom = 12
  max_zoom = 16
`

const tegolaLayer = `
  [[providers.layers]]
  name = "%[1]s"
  id_fieldname = "id"
  geometry_fieldname = "geom"
  geometry_type = "multipolygon"
  sql = """SELECT ST_AsMVTGeom(ST_Transform(geom, 3857), !BBOX!) AS geom, %[2]s
    FROM peers.%[1]s WHERE geom && ST_Transform(!BBOX!, 4326)"""
`

// launchTegola starts the tegola of that path, with its faster provider, that
// has PostGIS encode, and no cache.
func launchTegola(b *testing.B, bin, dir string, d *database) *subject {
	b.Helper()
	address := freeAddress(b)
	layers := fmt.Sprintf(tegolaLayer, "larges", "id, niveau, groupe") +
		fmt.Sprintf(tegolaLayer, "parcelles", "id, niveau, groupe, cpf, culture, surface")
	config := writeConfig(b, dir, "tegola.toml", fmt.Sprintf(tegolaConfig, address, d.cluster.URL(cluster.Database, cluster.APIRole)+"&sslmode=disable", peerPool, layers))
	p := launch(b, dir, "tegola", address, "/capabilities", nil, bin, "serve", "--config", config)
	return &subject{program: p, path: func(a tiles.Address) string { return fmt.Sprintf("/maps/peers/%s.pbf", a) }}
}

const martinConfig = `
listen_addresses: '%[1]s'
cache_size_mb: 0
postgres:
  connection_string: '%[2]s'
  pool_size: %[3]s
  auto_publish: false
  tables:
`

const martinTable = `
    %[1]s:
      schema: peers
      table: %[1]s
      srid: 4326
      geometry_column: geom
      geometry_type: GEOMETRY
      id_column: id
      extent: 4096
      buffer: 64
      clip_geom: true
      properties: {%[2]s}
`

// launchMartin starts the martin of that path, without its cache.
func launchMartin(b *testing.B, bin, dir string, d *database) *subject {
	b.Helper()
	address := freeAddress(b)
	config := writeConfig(b, dir, "martin.yaml", fmt.Sprintf(martinConfig, address, d.cluster.URL(cluster.Database, cluster.APIRole), peerPool)+
		fmt.Sprintf(martinTable, "larges", "niveau: text, groupe: text")+
		fmt.Sprintf(martinTable, "parcelles", "niveau: text, groupe: text, cpf: text, culture: text, surface: float8"))
	p := launch(b, dir, "martin", address, "/health", nil, bin, "--config", config)
	return &subject{program: p, path: func(a tiles.Address) string { return fmt.Sprintf("/%s/%s", source(a), a) }}
}

// launchFeatureserv starts the pg_featureserv of that path.
func launchFeatureserv(b *testing.B, bin, dir string, d *database) *program {
	b.Helper()
	address := freeAddress(b)
	host, port, _ := net.SplitHostPort(address)
	config := writeConfig(b, dir, "pg_featureserv.toml", fmt.Sprintf(
		"[Server]\nHttpHost = %q\nHttpPort = %s\n[Database]\nDbPoolMaxConns = %s\n[Paging]\nLimitDefault = 1000\nLimitMax = 1000\n",
		host, port, peerPool))
	return launch(b, dir, "pg_featureserv", address, "/index.json",
		[]string{"DATABASE_URL=" + d.cluster.URL(cluster.Database, cluster.APIRole)}, bin, "--config", config)
}

func writeConfig(b *testing.B, dir, name, text string) string {
	b.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}
