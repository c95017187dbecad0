#!/bin/sh
# Installs what Sillon needs and this machine lacks, or says how to. It says
# nothing when nothing is missing.
#
#   scripts/setup.sh [--browser] [--gdal]
#
# PostgreSQL 15 or newer with PostGIS always; with --browser what drives the map
# page in tests; with --gdal the programs that tests and benchmarks compare with.
set -eu

updated=
problem=

# as_root runs a command with the rights to install, without asking anything
# when nobody is there to answer.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    return 1
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# packages installs Debian packages.
packages() {
  if ! command -v apt-get >/dev/null; then
    return 1
  fi
  echo "installing $*" >&2
  if [ -z "$updated" ]; then
    as_root apt-get update -qq >/dev/null || return 1
    updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null
}

# needs tells what to install by hand.
needs() {
  echo "setup: $1" >&2
  problem=yes
}

has_postgis() {
  for control in /usr/share/postgresql/*/extension/postgis.control \
    /opt/homebrew/share/postgresql@*/extension/postgis.control \
    /usr/local/share/postgresql@*/extension/postgis.control \
    /Applications/Postgres.app/Contents/Versions/*/share/postgresql/extension/postgis.control; do
    major=$(basename "$(dirname "$(dirname "$control")")")
    major=${major#postgresql@}
    case $control in /Applications/*) major=$(echo "$control" | cut -d/ -f6) ;; esac
    case $control in /usr/share/*) [ -x "/usr/lib/postgresql/$major/bin/postgres" ] || continue ;; esac
    if [ -f "$control" ] && [ "$major" -ge 15 ] 2>/dev/null; then
      return 0
    fi
  done
  command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/postgres" ] &&
    [ -f "$(pg_config --sharedir)/extension/postgis.control" ]
}

# install_postgis installs the distribution's, without the server that its
# packages would make and start by themselves on the usual port.
install_postgis() {
  conf=/etc/postgresql-common/createcluster.conf
  if [ ! -e $conf ]; then
    packages postgresql-common || return 1
    as_root sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' $conf || return 1
  fi
  packages postgresql-postgis
}

if ! has_postgis && ! install_postgis; then
  case $(uname) in
    Darwin) needs 'install PostgreSQL and PostGIS with: brew install postgresql@17 postgis' ;;
    *) needs 'install PostgreSQL 15 or newer with PostGIS (Debian, Ubuntu: apt-get install postgresql-postgis)' ;;
  esac
fi

for option in "$@"; do
  case $option in
    --browser)
      command -v curl >/dev/null || packages curl || needs 'install curl'
      command -v chromium >/dev/null || [ -n "${CHROMIUM-}" ] || packages chromium ||
        needs 'install Chromium, or set CHROMIUM to its path'
      node=$(node --version 2>/dev/null | tr -dc '0-9.' | cut -d. -f1)
      [ "${node:-0}" -ge 20 ] || needs 'install Node.js 20 or newer'
      ;;
    --gdal)
      command -v ogr2ogr >/dev/null && command -v cs2cs >/dev/null || packages gdal-bin proj-bin ||
        needs 'install GDAL and PROJ (Debian, Ubuntu: apt-get install gdal-bin proj-bin)'
      ;;
    *)
      needs "unknown option $option"
      ;;
  esac
done

[ -z "$problem" ]
